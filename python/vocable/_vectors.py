"""``vocable.open`` and ``vocable.Vectors``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from . import _html
from ._gensim import GensimMethods
from ._vocable import VectorsHandle
from ._words import Key, PathLike, Term, vocabulary_json, vocabulary_list

# Common names of the padding word and of the word for unknown words.
PADDING_WORDS = ("", "<pad>", "[PAD]", "<PAD>")
UNKNOWN_WORDS = ("<unk>", "[UNK]", "<UNK>", "<oov>")
# Common file extensions of gensim's KeyedVectors.
GENSIM_EXTENSIONS = ("", ".kv", ".wordvectors", ".model")


def open(
    path: PathLike,
    *,
    format: str | None = None,
    member: str | None = None,
    word_list: PathLike | None = None,
    allow_nonfinite: bool = False,
    skip_bad_rows: bool = False,
    exact_scan: str | None = None,
) -> Vectors:
    """Opens a file of word vectors.

    GloVe and word2vec text, word2vec binary, fastText ``.vec`` and ``.bin`` and NumPy ``.npy`` files, plain or
    compressed as ``.gz`` or ``.zip``, are read into memory. A table file, which ``vocable convert`` and
    :meth:`Vectors.save` write, is memory
    mapped: it opens instantly, and all processes that open it share its memory.

    Args:
        path: A file, or the name of vectors downloaded by ``vocable get``, such as ``"glove.6B.50d"``.
        format: The file format. Default: detected from the content.
        member: The file to read from a zip archive with several files.
        word_list: The file with the words of a NumPy array, one per line.
        allow_nonfinite: Keep rows with NaN or infinite numbers.
        skip_bad_rows: Skip rows that cannot be parsed, with a warning.
        exact_scan: How exact searches scan the rows: ``"codes"`` (default) or ``"f32"``. The results are the same.

    Raises:
        OSError: The file cannot be read; ``FileNotFoundError`` if it does not exist.
        VocableError: The file is malformed or has no vectors.
    """
    return Vectors._open(
        path,
        format=format,
        member=member,
        word_list=word_list,
        allow_nonfinite=allow_nonfinite,
        skip_bad_rows=skip_bad_rows,
        exact_scan=exact_scan,
    )


class Vectors(GensimMethods, VectorsHandle):
    """Word vectors: words, and a row of ``dimension`` 32-bit floats for each word. Use :func:`vocable.open` to create
    it.

    ``len(v)``, ``word in v`` and iteration refer to the words. ``v[word]`` is the vector of a word, ``[dimension]``, a
    read-only view without a copy. ``v[words]`` is a new array ``[words, dimension]``. A row number can be used in place
    of a word. Unknown words raise :class:`UnknownWordError`, a ``KeyError``, unless the file is a fastText model, which
    has n-gram vectors for them.

    Vectors are immutable and thread-safe. Pickling stores the path of the file, not the vectors.

    The methods of gensim's ``KeyedVectors`` (``most_similar``, ``key_to_index``, ...) are available too.
    """

    _source: tuple[str, dict[str, Any]] | None

    def __new__(cls, handle: VectorsHandle, source: tuple[str, dict[str, Any]] | None = None) -> Vectors:
        self = super().__new__(cls, handle)
        # How another process can open the same vectors: the absolute path, and the options.
        self._source = source
        return self

    @classmethod
    def _open(cls, path: PathLike, **options: Any) -> Vectors:
        options = {
            "format": None,
            "member": None,
            "word_list": None,
            "allow_nonfinite": False,
            "skip_bad_rows": False,
            "exact_scan": None,
        } | options
        path = VectorsHandle.resolve(path)
        handle = VectorsHandle.open(path, **options)
        if options["word_list"] is not None:
            options["word_list"] = os.path.abspath(options["word_list"])
        return cls(handle, (os.path.abspath(path), options))

    @classmethod
    def demo(cls) -> Vectors:
        """Small synthetic vectors for examples and tests, ``[2500, 50]``; built into the package."""
        return cls(VectorsHandle.demo())

    @classmethod
    def from_arrays(cls, words: Sequence[str | bytes], vectors: np.ndarray) -> Vectors:
        """Creates vectors from words and an array ``[words, dimension]``, which is copied.

        If a word occurs more than once, its first row is used.
        """
        return cls(VectorsHandle.from_arrays(list(words), vectors))

    def __reduce__(self):
        if self._source is not None:
            return _reopen, (type(self), *self._source)
        words = [self.word_bytes(row) for row in range(len(self))]
        return _from_arrays, (type(self), words, np.array(self.vectors))

    def __iter__(self) -> Iterator[str]:
        return iter(self.index_to_key)

    def nearest(
        self,
        positive: Term | Iterable[Term],
        negative: Term | Iterable[Term] | None = None,
        *,
        k: int = 10,
        restrict: int | None = None,
        within: Iterable[Key] | None = None,
        min_cosine: float | None = None,
    ) -> list[tuple[str, float]]:
        """Finds the nearest words by cosine similarity.

        Words are scaled to unit length, vectors ``[dimension]`` are not. The query words themselves are excluded.

        Args:
            positive: Words, vectors, or pairs of one of these and a weight.
            negative: Words or vectors to subtract.
            k: Number of results.
            restrict: Search only this many rows from the start of the table.
            within: Search only these words.
            min_cosine: Omit results with a lower cosine similarity.

        Returns:
            Pairs of word and cosine, best first.
        """
        return self._nearest(positive, negative, _search_options(k, restrict, within, min_cosine))

    def nearest_batch(
        self,
        queries: Iterable[Term | Iterable[Term]] | np.ndarray,
        *,
        k: int = 10,
        restrict: int | None = None,
        within: Iterable[Key] | None = None,
        min_cosine: float | None = None,
    ) -> list[list[tuple[str, float]]]:
        """Finds the nearest words of many queries at once, which is much faster than one query at a time.

        Args:
            queries: Words, vectors or lists of these, as in :meth:`nearest`; or an array ``[n, dimension]``.
            k, restrict, within, min_cosine: As in :meth:`nearest`.

        Returns:
            For each query, pairs of word and cosine, best first.
        """
        return self._nearest_batch(queries, _search_options(k, restrict, within, min_cosine))

    def similarity(self, w1: Key, w2: Key) -> float:
        """Cosine similarity of two words, from -1 to 1."""
        return self._similarity(w1, w2)

    def analogy(
        self,
        a: Key,
        b: Key,
        c: Key,
        *,
        method: str = "add",
        k: int = 10,
        restrict: int | None = None,
        within: Iterable[Key] | None = None,
        min_cosine: float | None = None,
    ) -> list[tuple[str, float]]:
        """Solves the analogy "``a`` is to ``b`` as ``c`` is to ...".

        Args:
            method: ``"add"`` (3CosAdd) or ``"mul"`` (3CosMul).
            k, restrict, within, min_cosine: As in :meth:`nearest`.

        Returns:
            Pairs of word and score, best first.
        """
        return self._analogy([a, b, c], method, _search_options(k, restrict, within, min_cosine))

    def odd(self, words: Sequence[Key]) -> Key:
        """The odd one out: the word with the lowest cosine to the mean of all words, each scaled to unit length."""
        words = list(words)
        return words[self._odd(words)]

    def evaluate(
        self, path: PathLike, *, protocol: str | None = None, restrict: int | None = None, dummy4unknown: bool = False
    ) -> dict[str, Any]:
        """Evaluates the vectors on a benchmark file of analogy questions or word pairs.

        Args:
            path: The benchmark file.
            protocol: For analogies ``"gensim"`` (default), ``"word2vec"`` or ``"glove"``; for word pairs ``"gensim"``
                (default) or ``"exact"``.
            restrict: Use only this many rows from the start of the table; 0 for all. Default: the protocol's.
            dummy4unknown: Count questions with unknown words as wrong, and pairs with unknown words as similarity 0.

        Returns:
            The same keys as ``vocable evaluate --json``.
        """
        return self._evaluate(path, protocol, restrict, dummy4unknown)[0]

    def coverage(
        self,
        texts: PathLike | Iterable[str],
        *,
        tokenizer: str = "unicode",
        k: int = 10,
        data_format: str | None = None,
        label_column: str | None = None,
        text_column: str | None = None,
    ) -> dict[str, Any]:
        """Measures how many tokens of some texts are in the vocabulary.

        Args:
            texts: A file of labelled texts, or strings.
            tokenizer: ``"unicode"``, ``"ptb"``, ``"whitespace"``, or ``"jieba"`` in builds that have it.
            k: Number of out-of-vocabulary words to list.
            data_format: Format of the file. Default: detected from the content.
            label_column: Name of the label column.
            text_column: Name of the text column.

        Returns:
            The same keys as ``vocable coverage --json``.
        """
        data_options = {"data_format": data_format, "label_column": label_column, "text_column": text_column}
        return self._coverage(texts, data_options, tokenizer, k)

    def embedding_matrix(
        self,
        vocab: Sequence[str] | Mapping[str, int],
        pad: str | None = None,
        unk: str | None = None,
        *,
        case: str = "exact",
        oov_std: float = 0.1,
        seed: int = 1,
    ) -> np.ndarray:
        """Creates the weights of an embedding layer for the vocabulary of another tool.

        Args:
            vocab: A list of words, or a mapping from word to index. Indices without a word get zeros.
            pad: The padding word of the vocabulary, which gets zeros.
            unk: The word that stands for unknown words; it gets the vector of ``<unk>``, or the mean vector.
            case: How words are looked up: ``"exact"``, or ``"fold"`` (also in lower case).
            oov_std: Standard deviation of the random vectors of words that are not in the table.
            seed: Random seed. The vector of a word does not depend on the other words.

        Returns:
            A new float32 array ``[vocabulary, dimension]``.
        """
        words = vocabulary_list(vocab)
        matrix, unknown = self._matrix(vocabulary_json(words), pad, unk, case, oov_std, seed)
        if unknown:
            word_of_row = {index: word for word, index in words.items()} if isinstance(words, dict) else words
            for row in unknown:
                word = word_of_row[row]
                keyword = "pad" if word in PADDING_WORDS else "unk" if word in UNKNOWN_WORDS else None
                if keyword:
                    warnings.warn(
                        f"`{word}` (row {row}) is not in the vectors and gets a random vector; pass {keyword}={word!r}",
                        stacklevel=2,
                    )
        return matrix

    def save(self, path: PathLike, *, format: str | None = None, dtype: str = "f32") -> list[str]:
        """Writes the vectors to a file.

        Args:
            path: The file. The format depends on its extension; ``.safetensors``, and the usual extensions of gensim's
                files (``.kv``, ``.wordvectors``, ``.model`` and none), stand for a table file.
            format: The format, if not the one of the extension.
            dtype: ``"f32"``, or ``"f16"`` for half precision in formats that support it.

        Returns:
            The paths of the files that were written.
        """
        if format is None and os.path.splitext(path)[1] in GENSIM_EXTENSIONS:
            format = "table"
        return [os.fspath(name) for name in self._save(path, format, dtype)]

    def __repr__(self) -> str:
        return f"<vocable.{type(self).__name__} {os.fspath(self.path)}: {len(self):,} words x {self.dimension}>"

    def _repr_html_(self) -> str:
        rows = [
            ("file", os.fspath(self.path)),
            ("format", self.format),
            ("words", f"{len(self):,}"),
            ("dimension", self.dimension),
            ("private memory", f"{self.memory / 1e6:,.1f} MB"),
            ("first words", ", ".join(self.index_to_key[:8])),
        ]
        return _html.table("Vectors", [], rows)


def _search_options(
    k: int, restrict: int | None, within: Iterable[Key] | None, min_cosine: float | None
) -> dict[str, Any]:
    return {"k": k, "restrict": restrict, "within": within, "min_cosine": min_cosine}


def _reopen(cls: type[Vectors], path: str, options: dict[str, Any]) -> Vectors:
    with warnings.catch_warnings():
        # The warnings were shown when the file was first opened.
        warnings.simplefilter("ignore")
        return cls._open(path, **options)


def _from_arrays(cls: type[Vectors], words: list[bytes], vectors: np.ndarray) -> Vectors:
    return cls.from_arrays(words, vectors)
