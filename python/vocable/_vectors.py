"""``vocable.open`` and ``vocable.Vectors``."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Union

import numpy as np

from . import _html
from ._gensim import GensimNames
from ._vocable import Table

#: How a row is named: by its word (``bytes`` for a word that is not UTF-8) or its number.
Key = Union[str, bytes, int]
#: A part of a question: a word, a vector ``[dimension]``, or a pair of one of these and a weight.
Term = Union[Key, np.ndarray, tuple[Key | np.ndarray, float]]
PathLike = Union[str, "os.PathLike[str]"]

# How vocabularies usually call a pad, and unknown words.
PADS = ("", "<pad>", "[PAD]", "<PAD>")
UNKNOWNS = ("<unk>", "[UNK]", "<UNK>", "<oov>")
# How the files of KeyedVectors are usually named in gensim.
GENSIMS_ENDINGS = ("", ".kv", ".wordvectors", ".model")


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
    """Opens a file of word vectors; its format is told by content.

    GloVe and word2vec text, word2vec binary, fastText's ``.vec`` and ``.bin``, NumPy's ``.npy`` with a list of words, plain, ``.gz`` or
    ``.zip``, are read into memory. A table file, which ``vocable convert`` or :meth:`Vectors.save` writes, is mapped and used where it
    lies: it opens at once, and all processes that have it open share its memory. The name of vectors that ``vocable get`` fetched, such as
    ``glove.6B.50d``, stands for their table file.

    ``format``, ``member``, ``word_list``, ``allow_nonfinite``, ``skip_bad_rows`` and ``exact_scan`` are the program's options of these names.

    Raises ``FileNotFoundError`` or another ``OSError`` for a file that cannot be read, and :class:`VocableError` for one that is damaged or
    holds no vectors.
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


class Words(Sequence):
    """The words in the order of their rows, read from the table when they are asked for."""

    def __init__(self, table: Table):
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, index):
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return (
                self._table.words(start, max(start, stop))[::step]
                if step > 0
                else [self[i] for i in range(start, stop, step)]
            )
        index = index.__index__()
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(f"there is no row {index}")
        return self._table.word(index)

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), 4096):
            yield from self._table.words(start, start + 4096)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, (str, bytes)) and self._table._row(word, None) is not None

    def index(self, word: str, start: int = 0, stop: int | None = None) -> int:
        row = self._table._row(word, None) if isinstance(word, (str, bytes)) else None
        if row is None or not start <= row < (len(self) if stop is None else stop):
            raise ValueError(f"{word!r} is not in the vocabulary")
        return row

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Words, list, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other))

    __hash__ = None

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:10]))
        return f"[{shown}, ...] ({len(self):,} words)" if len(self) > 10 else f"[{shown}]"


class Rows(Mapping):
    """From word to row, looked up in the table."""

    def __init__(self, table: Table):
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, word: str) -> int:
        row = self._table._row(word, None) if isinstance(word, (str, bytes)) else None
        if row is None:
            raise KeyError(word)
        return row

    def __iter__(self) -> Iterator[str]:
        return iter(Words(self._table))

    def __repr__(self) -> str:
        return f"<{len(self):,} words and their rows>"


class Vectors(GensimNames, Table):
    """Word vectors: words, and a row of ``dimension`` 32-bit floats for each of them. :func:`vocable.open` makes one.

    ``len(v)``, ``word in v`` and ``for word in v`` are those of the words. ``v[word]`` is the word's row, ``[dimension]``, a read-only view
    of the table without a copy; ``v[words]`` a new array ``[words, dimension]``. A row may be named by its number, too. Unknown
    words raise :class:`UnknownWordError`, a ``KeyError``; of fastText's models, vectors of unknown words are made of their n-grams.

    Nothing of it changes, and no call takes a lock, so threads may share one. Pickled, it sends its path.

    gensim's names for the same questions (``most_similar``, ``key_to_index``, ...) are there, too, so that code that used ``KeyedVectors``
    runs with the import changed.
    """

    _source: tuple[str, dict[str, Any]] | None

    def __new__(cls, table: Table, source: tuple[str, dict[str, Any]] | None = None) -> Vectors:
        self = super().__new__(cls, table)
        # How another process gets the same: the path from the root, and options.
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
        path = Table.resolve(path)
        table = Table.open(path, **options)
        if options["word_list"] is not None:
            options["word_list"] = os.path.abspath(options["word_list"])
        return cls(table, (os.path.abspath(path), options))

    @classmethod
    def demo(cls) -> Vectors:
        """Small made-up vectors that are built in, ``[2500, 50]``, good for examples and tests."""
        return cls(Table.demo())

    @classmethod
    def from_arrays(cls, words: Sequence[str | bytes], vectors: np.ndarray) -> Vectors:
        """Vectors in memory: words, and an array ``[words, dimension]``, which is copied. Of words that are there twice the first counts."""
        return cls(Table.from_arrays(list(words), vectors))

    def __reduce__(self):
        if self._source is not None:
            return _reopen, (type(self), *self._source)
        return _from_arrays, (type(self), [self.word_bytes(row) for row in range(len(self))], np.array(self.vectors))

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
        """The ``k`` words nearest to some and far from others: pairs of word and cosine, best first.

        Words count as unit vectors, vectors ``[dimension]`` as they are, each with its weight; words named are left out of the answer.
        ``restrict`` searches the first so many rows, ``within`` these words alone; ``min_cosine`` leaves out lower answers.
        """
        return self._nearest(positive, negative, _limits(k, restrict, within, min_cosine))

    def nearest_batch(
        self,
        queries: Iterable[Term | Iterable[Term]] | np.ndarray,
        *,
        k: int = 10,
        restrict: int | None = None,
        within: Iterable[Key] | None = None,
        min_cosine: float | None = None,
    ) -> list[list[tuple[str, float]]]:
        """Answers many questions at once, in a small part of the time that they would take one by one.

        A question is a word, a vector, or a list of these, as :meth:`nearest` takes; or the questions are an array ``[n, dimension]``.
        """
        return self._nearest_batch(queries, _limits(k, restrict, within, min_cosine))

    def similarity(self, w1: Key, w2: Key) -> float:
        """The cosine of two words, from -1 to 1."""
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
        """``a`` is to ``b`` as ``c`` is to ...: pairs of word and score, best first. ``method`` is ``add`` (3CosAdd) or ``mul`` (3CosMul)."""
        return self._analogy([a, b, c], method, _limits(k, restrict, within, min_cosine))

    def odd(self, words: Sequence[Key]) -> Key:
        """The word that does not belong: of the words scaled to unit length, the one with the lowest cosine to their mean."""
        words = list(words)
        return words[self._odd(words)]

    def evaluate(
        self, path: PathLike, *, protocol: str | None = None, restrict: int | None = None, dummy4unknown: bool = False
    ) -> dict[str, Any]:
        """What a benchmark file says of the vectors, as ``vocable evaluate --json`` does.

        Analogy questions go by the ``protocol`` ``gensim`` (as it comes), ``word2vec`` or ``glove``, word pairs by ``gensim`` or ``exact``.
        ``restrict`` searches the first so many rows, 0 for all.
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
        """How much of some texts the vectors know, as ``vocable coverage --json`` does: a file of labelled texts, or texts."""
        form = {"data_format": data_format, "label_column": label_column, "text_column": text_column}
        return self._coverage(texts, form, tokenizer, k)

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
        """A row for each word of another tool's vocabulary, in its order: a new array ``[vocabulary, dimension]`` of 32-bit floats.

        ``vocab`` is a list of words, or a mapping from word to index; an index without a word gets zeros. The row of ``pad`` is zeros, that
        of ``unk`` the unknown vector. Words that the vectors lack get small random rows, the same for one ``seed`` whatever other words there
        are. ``case="fold"`` looks words up as they are written, then in lower case.
        """
        words = listed(vocab)
        matrix, unknown = self._matrix(as_json(words), pad, unk, case, oov_std, seed)
        if unknown:
            by_row = {index: word for word, index in words.items()} if isinstance(words, dict) else words
            for row in unknown:
                word = by_row[row]
                option = "pad" if word in PADS else "unk" if word in UNKNOWNS else None
                if option:
                    warnings.warn(
                        f"row {row}, `{word}`, is not in the vectors and gets a random row; {option}={word!r} says what it is",
                        stacklevel=2,
                    )
        return matrix

    def save(self, path: PathLike, *, format: str | None = None, dtype: str = "f32") -> list[str]:
        """Writes the vectors in the format that the name asks for, or in ``format``: ``.safetensors`` is a table file, and so are the endings that
        gensim's files usually have, ``.kv``, ``.wordvectors``, ``.model`` and none. Returns the files written.

        ``dtype="f16"`` writes halves, where the format has them. Files are written beside their place first and then renamed.
        """
        if format is None and os.path.splitext(path)[1] in GENSIMS_ENDINGS:
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
            ("memory of its own", f"{self.memory / 1e6:,.1f} MB"),
            ("first words", ", ".join(self.index_to_key[:8])),
        ]
        return _html.table("Vectors", [], rows)


def _limits(k: int, restrict: int | None, within: Iterable[Key] | None, min_cosine: float | None) -> dict[str, Any]:
    return {"k": k, "restrict": restrict, "within": within, "min_cosine": min_cosine}


def listed(vocab: Sequence[str] | Mapping[str, int]) -> list[str] | dict[str, int]:
    """A vocabulary as JSON has it: a list of words, or from word to index."""
    return dict(vocab) if isinstance(vocab, Mapping) else [str(word) for word in vocab]


def as_json(words: list[str] | dict[str, int]) -> bytes:
    """A vocabulary as the library reads it."""
    return json.dumps(words, ensure_ascii=False, default=_whole).encode("utf-8", "surrogatepass")


def _whole(number: Any) -> int:
    """NumPy's whole numbers, for JSON."""
    return number.__index__()


def _reopen(cls: type[Vectors], path: str, options: dict[str, Any]) -> Vectors:
    with warnings.catch_warnings():
        # They were given when it was opened first.
        warnings.simplefilter("ignore")
        return cls._open(path, **options)


def _from_arrays(cls: type[Vectors], words: list[bytes], vectors: np.ndarray) -> Vectors:
    return cls.from_arrays(words, vectors)
