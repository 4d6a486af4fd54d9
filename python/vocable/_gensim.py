"""The interface of ``gensim.models.KeyedVectors`` (4.4): the same methods, with the same results.

Methods that modify vectors are missing, because vectors are immutable.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Sequence
from functools import cached_property
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import UnknownWordError, VocableError
from ._words import Key, PathLike, WordSequence, WordToRow

if TYPE_CHECKING:
    from typing_extensions import Self

logger = logging.getLogger(__name__)

KEYS = (str, bytes, int, np.integer)


def _as_list(keys: Any) -> list:
    """A list of keys or vectors from one key, one vector, an array of vectors, or an iterable."""
    if keys is None:
        return []
    if isinstance(keys, KEYS) or (isinstance(keys, np.ndarray) and keys.ndim == 1):
        return [keys]
    return list(keys)


def _unit(vector: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(vector)
    return vector / norm if norm > 0 else vector


class GensimMethods:
    """The methods of :class:`vocable.Vectors` that gensim's ``KeyedVectors`` has, too."""

    # Reading and writing

    @classmethod
    def load_word2vec_format(
        cls,
        fname: PathLike,
        fvocab: PathLike | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        datatype: Any = np.float32,
        no_header: bool = False,
    ) -> Self:
        """Loads a word2vec file, binary or text, or with ``no_header`` a GloVe text file. The format is not detected.

        ``fvocab`` is a file of words and their counts. Words that are not UTF-8 raise ``UnicodeDecodeError``, unless
        ``unicode_errors`` is ``"replace"`` or ``"ignore"``. Only float32 vectors and UTF-8 are supported.
        """
        if np.dtype(datatype) != np.float32:
            raise VocableError(f"datatype: expected float32, found {np.dtype(datatype)}")
        if encoding.lower().replace("-", "") != "utf8":
            raise VocableError(f"encoding: expected utf8, found {encoding}")
        with warnings.catch_warnings():
            # `unicode_errors` determines how these words are handled.
            warnings.filterwarnings("ignore", message=".* not UTF-8")
            vectors = cls._open(fname, format="word2vec-binary" if binary else "glove" if no_header else "word2vec")
        has_invalid_words = vectors.non_utf8_words > 0
        if has_invalid_words or limit is not None and limit < len(vectors):
            rows = range(len(vectors))[:limit]
            words = [vectors.word_bytes(row) for row in rows]
            if has_invalid_words:
                words = [word.decode("utf8", unicode_errors) for word in words]
            vectors = cls.from_arrays(words, vectors.vectors[: len(words)])
        if fvocab is not None:
            vectors.expandos["count"] = _counts(vectors, fvocab, unicode_errors)
        return vectors

    @classmethod
    def load(cls, fname: PathLike, mmap: str | None = None) -> Self:
        """Opens a file of vectors in any supported format. Files of gensim's ``save`` are pickles, which are not
        supported."""
        with open(fname, "rb") as file:
            if file.read(1) == b"\x80":
                raise VocableError(
                    f"{os.fspath(fname)}: Python pickles are not supported; convert the file with gensim: "
                    "KeyedVectors.load(name).save_word2vec_format(other, binary=True)"
                )
        return cls._open(fname)

    def save_word2vec_format(
        self, fname: PathLike, fvocab: None = None, binary: bool = False, write_header: bool = True
    ) -> None:
        """Writes a word2vec file, binary or text, or with ``write_header=False`` a GloVe text file."""
        if fvocab is not None:
            raise VocableError("fvocab: word counts cannot be written; pass None")
        self._save(fname, "word2vec-binary" if binary else "word2vec" if write_header else "glove", "f32")

    # Words and rows

    @property
    def vector_size(self) -> int:
        """The dimension of the vectors."""
        return self.dimension

    @property
    def index_to_key(self) -> WordSequence:
        """The words in the order of their rows."""
        return WordSequence(self)

    @property
    def key_to_index(self) -> WordToRow:
        """Maps words to rows."""
        return WordToRow(self)

    @cached_property
    def expandos(self) -> dict[str, np.ndarray]:
        """Attributes of words: arrays ``[words]``. Without a file of counts, ``count`` decreases by 1 per row, as in
        gensim."""
        return {"count": np.arange(len(self), 0, -1)}

    def get_vecattr(self, key: Key, attr: str) -> Any:
        """An attribute of a word, such as its ``"count"``."""
        return self.expandos[attr][self.get_index(key)]

    def get_index(self, key: Key, default: int | None = None) -> int:
        """The row of a word, or ``default`` if it has none."""
        row = self._row(key, default)
        if row is None:
            raise UnknownWordError(str(key), self if isinstance(key, str) else None)
        return row

    def has_index_for(self, key: Key) -> bool:
        """Whether a word has a row. (For fastText models, ``in`` is also true for words that have only n-gram
        vectors.)"""
        return self._row(key, None) is not None

    def get_vector(self, key: Key, norm: bool = False) -> np.ndarray:
        """The vector of a word, ``[dimension]``, read-only. With ``norm``, a copy of unit length."""
        vector = self[key]
        if not norm:
            return vector
        vector = vector / np.linalg.norm(vector)
        vector.setflags(write=False)
        return vector

    def word_vec(self, key: Key, norm: bool = False) -> np.ndarray:
        """Same as :meth:`get_vector`."""
        return self.get_vector(key, norm)

    def get_normed_vectors(self) -> np.ndarray:
        """All vectors scaled to unit length: a new array ``[words, dimension]``."""
        return self.vectors / self.norms[:, np.newaxis]

    def fill_norms(self, force: bool = False) -> None:
        """Does nothing, since norms are always available."""

    def get_mean_vector(
        self,
        keys: Sequence[Key | np.ndarray],
        weights: Sequence[float] | np.ndarray | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> np.ndarray:
        """The weighted mean of words and vectors: an array ``[dimension]``.

        Words are scaled to unit length if ``pre_normalize``; vectors are not. The sum is divided by the sum of absolute
        weights, and scaled to unit length if ``post_normalize``. Unknown words are ignored, or raise
        :class:`UnknownWordError` if ``ignore_missing`` is false.
        """
        if len(keys) == 0:
            raise ValueError("cannot compute mean with no input")
        weights = np.ones(len(keys), np.float32) if weights is None else np.asarray(weights, np.float32)
        if len(keys) != len(weights):
            raise ValueError("keys and weights array must have same number of elements")
        mean, total = np.zeros(self.dimension, np.float32), 0.0
        for key, weight in zip(keys, weights):
            if isinstance(key, np.ndarray):
                vector = key
            elif key in self:
                vector = self.get_vector(key, norm=pre_normalize)
            elif ignore_missing:
                continue
            else:
                raise UnknownWordError(str(key), self if isinstance(key, str) else None)
            mean += weight * vector
            total += abs(weight)
        if total > 0:
            mean = mean / total
        return _unit(mean).astype(np.float32) if post_normalize else mean

    def vectors_for_all(self, keys: Iterable[Key], allow_inference: bool = True, copy_vecattrs: bool = False) -> Self:
        """The vectors of the given words, copied to memory; unknown words are omitted.

        With ``allow_inference``, unknown words get n-gram vectors if the model has them.
        """
        known = self.__contains__ if allow_inference else self.has_index_for
        found = [key for key in dict.fromkeys(keys) if known(key)]
        subset = type(self)(self.subset(found))
        if copy_vecattrs:
            for attr, values in self.expandos.items():
                subset.expandos[attr] = np.array(
                    [values[self.get_index(word)] if self.has_index_for(word) else 0 for word in subset]
                )
        return subset

    # Queries

    def most_similar(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> list[tuple[str, float]] | np.ndarray:
        """The ``topn`` words nearest to positive and farthest from negative terms: pairs of word and cosine, best
        first.

        With ``topn=None``, an array of the cosines of all rows, ``[rows]``. ``restrict_vocab`` searches only the first
        rows, ``clip_start`` and ``clip_end`` only the rows between them.
        """
        if isinstance(topn, Integral) and topn < 1:
            return []
        if topn is not None and indexer is None:
            within = (
                range(clip_start, min(clip_end or len(self), len(self))) if clip_start and not restrict_vocab else None
            )
            options = {"k": int(topn), "restrict": restrict_vocab or clip_end, "within": within, "min_cosine": None}
            return self._nearest(positive, negative, options)
        terms = [(item, 1.0) for item in _as_list(positive)] + [(item, -1.0) for item in _as_list(negative)]
        pairs = [item if isinstance(item, tuple) else (item, weight) for item, weight in terms]
        mean = self.get_mean_vector(
            [item for item, _ in pairs], [weight for _, weight in pairs], post_normalize=True, ignore_missing=False
        )
        if topn is not None:
            return indexer.most_similar(mean, topn)
        rows = slice(0, restrict_vocab) if restrict_vocab else slice(clip_start, clip_end or len(self))
        return self.vectors[rows] @ mean / self.norms[rows]

    def similar_by_word(self, word: Key, topn: int | None = 10, restrict_vocab: int | None = None):
        """Same as :meth:`most_similar` with one positive word."""
        return self.most_similar([word], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_key(self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None):
        """Same as :meth:`most_similar` with one positive word."""
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_vector(self, vector: np.ndarray, topn: int | None = 10, restrict_vocab: int | None = None):
        """Same as :meth:`most_similar` with one positive vector ``[dimension]``."""
        return self.most_similar([np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def most_similar_cosmul(
        self, positive: Any = None, negative: Any = None, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> list[tuple[str, float]] | np.ndarray:
        """Like :meth:`most_similar`, with cosines multiplied instead of added (3CosMul, Levy and Goldberg 2014).

        Unlike in gensim, ``restrict_vocab`` has an effect. :meth:`analogy` with ``method="mul"`` is faster.
        """
        if isinstance(topn, Integral) and topn < 1:
            return []
        positive, negative = _as_list(positive), _as_list(negative)
        if not positive:
            raise ValueError("cannot compute similarity with no input")
        rows = slice(0, restrict_vocab or len(self))
        vectors, norms = self.vectors[rows], self.norms[rows]

        def product(items: list) -> Any:
            product_of_cosines = 1.0
            for item in items:
                unit = self.get_vector(item, norm=True) if isinstance(item, KEYS) else item
                product_of_cosines = product_of_cosines * ((1 + vectors @ unit / norms) / 2)
            return product_of_cosines

        scores = product(positive) / (product(negative) + 1e-6)
        if topn is None:
            return scores
        named = {self._row(item, None) for item in positive + negative if isinstance(item, KEYS)}
        best = np.argsort(-scores, kind="stable")[: topn + len(named)]
        return [(self.word(row), float(scores[row])) for row in best.tolist() if row not in named][:topn]

    def most_similar_to_given(self, key1: Key, keys_list: Sequence[Key]) -> Key:
        """The word of ``keys_list`` that is most similar to ``key1``."""
        return keys_list[int(np.argmax([self.similarity(key1, key) for key in keys_list]))]

    def distance(self, w1: Key, w2: Key) -> float:
        """The cosine distance of two words: 1 minus their cosine similarity."""
        return 1 - self.similarity(w1, w2)

    def distances(self, word_or_vector: Key | np.ndarray, other_words: Sequence[Key] = ()) -> np.ndarray:
        """Cosine distances to the given words, ``[words]``, or to all rows, ``[rows]``."""
        vector = self[word_or_vector] if isinstance(word_or_vector, KEYS) else np.asarray(word_or_vector)
        if len(other_words) == 0:
            return 1 - self.vectors @ _unit(vector) / self.norms
        return 1 - self.cosine_similarities(vector, self[other_words])

    @staticmethod
    def cosine_similarities(vector_1: np.ndarray, vectors_all: np.ndarray) -> np.ndarray:
        """Cosine similarities of a vector ``[dimension]`` with vectors ``[n, dimension]``: an array ``[n]``."""
        return vectors_all @ vector_1 / (np.linalg.norm(vector_1) * np.linalg.norm(vectors_all, axis=1))

    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> float:
        """Cosine similarity of the means of two lists of words (without normalisation). Unknown words are ignored."""
        if not (len(ws1) and len(ws2)):
            raise ZeroDivisionError("At least one of the passed list is empty.")
        means = [_unit(self.get_mean_vector(words, pre_normalize=False)) for words in (ws1, ws2)]
        return float(means[0] @ means[1])

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """Cosine of two words, divided by the sum of cosines of the ``topn`` nearest words of ``wa`` (Leeuwenberg et
        al. 2016)."""
        return self.similarity(wa, wb) / sum(cosine for _, cosine in self.most_similar([wa], topn=topn))

    def closer_than(self, key1: Key, key2: Key) -> list[str]:
        """The words that are closer to ``key1`` than ``key2`` is."""
        distances = self.distances(key1)
        closer = np.flatnonzero(distances < distances[self.get_index(key2)])
        return [self.word(row) for row in closer.tolist() if row != self.get_index(key1)]

    def rank(self, key1: Key, key2: Key) -> int:
        """The rank of ``key2`` among the nearest words of ``key1``, counted from 1."""
        return len(self.closer_than(key1, key2)) + 1

    def rank_by_centrality(self, words: Sequence[Key], use_norm: bool = True) -> list[tuple[float, Key]]:
        """Pairs of cosine to the mean of all words and word, best first. Unknown words are ignored."""
        known = self._known(words)
        rows = self[known]
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True) if use_norm else rows
        cosines = rows @ _unit(rows.mean(axis=0))
        return sorted(zip(cosines.tolist(), known), reverse=True)

    def doesnt_match(self, words: Sequence[Key]) -> Key:
        """The word that does not match the others. Unknown words are ignored."""
        known = self._known(words)
        return self.odd(known) if len(known) > 1 else known[0]

    def _known(self, words: Sequence[Key]) -> list[Key]:
        known = [word for word in words if word in self]
        if len(known) < len(words):
            logger.warning(
                "vectors for words %s are not present in the model, ignoring these words", set(words) - set(known)
            )
        if not known:
            raise ValueError("cannot select a word from an empty list")
        return known

    # Benchmarks

    def evaluate_word_analogies(
        self,
        analogies: PathLike,
        restrict_vocab: int = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[float, list[dict[str, Any]]]:
        """The accuracy on analogy questions, and the correct and incorrect questions of each section."""
        if not case_insensitive:
            raise VocableError(
                "case_insensitive=False is not supported; use evaluate(path, protocol='glove') for case-sensitive questions"
            )
        _, correct = self._evaluate(analogies, "gensim", restrict_vocab, dummy4unknown)
        if correct is None:
            raise VocableError(f"{os.fspath(analogies)}: this file has word pairs, not analogy questions")
        sections: list[dict[str, Any]] = []
        outcomes = iter(correct)
        with open(analogies, encoding="utf-8-sig") as file:
            for line in file:
                if line.startswith(":"):
                    sections.append({"section": line[1:].strip(), "correct": [], "incorrect": []})
                elif line.strip():
                    outcome = next(outcomes)
                    if outcome is not None or dummy4unknown:
                        sections[-1]["correct" if outcome else "incorrect"].append(tuple(line.upper().split()))
        total: dict[str, Any] = {"section": "Total accuracy", "correct": [], "incorrect": []}
        for section in sections:
            total["correct"] += section["correct"]
            total["incorrect"] += section["incorrect"]
        seen = len(total["correct"]) + len(total["incorrect"])
        return len(total["correct"]) / seen if seen else 0.0, [*sections, total]

    def evaluate_word_pairs(
        self, pairs: PathLike, restrict_vocab: int = 300000, case_insensitive: bool = True, dummy4unknown: bool = False
    ) -> tuple[tuple[float, float], tuple[float, float], float]:
        """Correlation with human similarity scores.

        Returns Pearson's and Spearman's coefficient, each with its two-sided p-value, and the percentage of pairs with
        unknown words.
        """
        metrics, correct = self._evaluate(
            pairs, "gensim" if case_insensitive else "exact", restrict_vocab, dummy4unknown
        )
        if correct is not None:
            raise VocableError(f"{os.fspath(pairs)}: this file has analogy questions, not word pairs")
        nan = float("nan")
        pearson, spearman = (
            (
                nan if metrics[name] is None else metrics[name],
                nan if metrics[f"{name}_p"] is None else metrics[f"{name}_p"],
            )
            for name in ("pearson", "spearman")
        )
        return pearson, spearman, metrics["unknown_percent"]


def _counts(vectors: Any, fvocab: PathLike, unicode_errors: str) -> np.ndarray:
    """Word counts from a file with a word and a count per line; 0 for words that are not in the file."""
    counts = np.zeros(len(vectors), np.int64)
    with open(fvocab, "rb") as file:
        for line in file:
            word, _, count = line.decode("utf8", unicode_errors).strip().rpartition(" ")
            row = vectors._row(word, None)
            if row is not None:
                counts[row] = int(count)
    return counts
