"""gensim's names: what ``gensim.models.KeyedVectors`` (4.4) can be asked, by the same names, with the same answers.

Numbers are the library's, or NumPy's over its rows. What changes vectors is not there: a table does not change.
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

if TYPE_CHECKING:
    from ._vectors import Key, PathLike, Rows, Vectors, Words

logger = logging.getLogger(__name__)

KEYS = (str, bytes, int, np.integer)


def _listed(asked: Any) -> list:
    """What gensim takes for several keys: one key, one vector, an array of vectors, or a list."""
    if asked is None:
        return []
    if isinstance(asked, KEYS) or isinstance(asked, np.ndarray) and asked.ndim == 1:
        return [asked]
    return list(asked)


def _unit(vector: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(vector)
    return vector / norm if norm > 0 else vector


class GensimNames:
    """The part of :class:`vocable.Vectors` that speaks gensim's language."""

    # Reading

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
    ) -> Vectors:
        """Opens word2vec binary or text, or text without a header (GloVe's), as it is said and not as it is told by content.

        ``fvocab`` is a file of words and their counts. Words that are not UTF-8 raise ``UnicodeDecodeError``, or are kept as
        ``unicode_errors`` (``replace``, ``ignore``) makes them. Rows are 32-bit floats, and words are UTF-8.
        """
        if np.dtype(datatype) != np.float32:
            raise VocableError(f"datatype: expected float32, found {np.dtype(datatype)}")
        if encoding.lower().replace("-", "") != "utf8":
            raise VocableError(f"encoding: expected utf8, found {encoding}")
        with warnings.catch_warnings():
            # What becomes of such words is said by `unicode_errors`.
            warnings.filterwarnings("ignore", message=".* not UTF-8")
            vectors = cls._open(fname, format="word2vec-binary" if binary else "glove" if no_header else "word2vec")
        odd = vectors.non_utf8_words > 0
        if odd or limit is not None and limit < len(vectors):
            rows = range(len(vectors))[:limit]
            words = [vectors.word_bytes(row) for row in rows]
            if odd:
                words = [word.decode("utf8", unicode_errors) for word in words]
            vectors = cls.from_arrays(words, vectors.vectors[: len(words)])
        if fvocab is not None:
            vectors.expandos["count"] = _counts(vectors, fvocab, unicode_errors)
        return vectors

    @classmethod
    def load(cls, fname: PathLike, mmap: str | None = None) -> Vectors:
        """Opens any file of vectors. gensim's own ``save`` files are Python pickles, which are not read."""
        with open(fname, "rb") as file:
            if file.read(1) == b"\x80":
                raise VocableError(
                    f"{os.fspath(fname)}: expected a file of vectors, found a Python pickle; in gensim, "
                    "KeyedVectors.load(name).save_word2vec_format(other, binary=True) writes one"
                )
        return cls._open(fname)

    def save_word2vec_format(
        self, fname: PathLike, fvocab: None = None, binary: bool = False, write_header: bool = True
    ) -> None:
        """Writes word2vec binary or text, or text without a header line."""
        if fvocab is not None:
            raise VocableError("fvocab: expected None, found a file; counts of words are not written")
        self._save(fname, "word2vec-binary" if binary else "word2vec" if write_header else "glove", "f32")

    # Words and rows

    @property
    def vector_size(self) -> int:
        """Numbers a row."""
        return self.dimension

    @property
    def index_to_key(self) -> Words:
        """The words in the order of their rows."""
        from ._vectors import Words

        return Words(self)

    @property
    def key_to_index(self) -> Rows:
        """From word to row."""
        from ._vectors import Rows

        return Rows(self)

    @cached_property
    def expandos(self) -> dict[str, np.ndarray]:
        """Attributes of the words ``[words]``. Without a file of counts a word's count is made up, falling by one from row to row, as gensim does."""
        return {"count": np.arange(len(self), 0, -1)}

    def get_vecattr(self, key: Key, attr: str) -> Any:
        """An attribute of a word: its ``count``."""
        return self.expandos[attr][self.get_index(key)]

    def get_index(self, key: Key, default: int | None = None) -> int:
        """The row of a word, or ``default``."""
        row = self._row(key, default)
        if row is None:
            raise UnknownWordError(str(key), self if isinstance(key, str) else None)
        return row

    def has_index_for(self, key: Key) -> bool:
        """Whether there is a row for it. Of fastText's models ``in`` is true of words made of n-grams, too."""
        return self._row(key, None) is not None

    def get_vector(self, key: Key, norm: bool = False) -> np.ndarray:
        """The word's vector ``[dimension]``, read-only; with ``norm`` a new one of length 1."""
        vector = self[key]
        if not norm:
            return vector
        vector = vector / np.linalg.norm(vector)
        vector.setflags(write=False)
        return vector

    def word_vec(self, key: Key, norm: bool = False) -> np.ndarray:
        """As :meth:`get_vector`."""
        return self.get_vector(key, norm)

    def get_normed_vectors(self) -> np.ndarray:
        """A new array of all rows, each of length 1: ``[words, dimension]``."""
        return self.vectors / self.norms[:, np.newaxis]

    def fill_norms(self, force: bool = False) -> None:
        """Does nothing: norms are always there."""

    def get_mean_vector(
        self,
        keys: Sequence[Key | np.ndarray],
        weights: Sequence[float] | np.ndarray | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> np.ndarray:
        """The weighted mean ``[dimension]`` of words' unit vectors (with ``pre_normalize``) and of vectors as they are.

        It is divided by the sum of the weights' sizes; ``post_normalize`` scales it to length 1. Unknown words are passed over, or
        raise ``KeyError``.
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

    def vectors_for_all(
        self, keys: Iterable[Key], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> Vectors:
        """Vectors in memory for these words, unknown ones left out; ``allow_inference`` makes some of n-grams, where there are those."""
        known = self.__contains__ if allow_inference else self.has_index_for
        found = [key for key in dict.fromkeys(keys) if known(key)]
        chosen = type(self)(self.subset(found))
        if copy_vecattrs:
            for attr, values in self.expandos.items():
                chosen.expandos[attr] = np.array(
                    [values[self.get_index(word)] if self.has_index_for(word) else 0 for word in chosen]
                )
        return chosen

    # Questions

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
        """The ``topn`` words most similar to some and least to others: pairs of word and cosine, best first.

        With ``topn=None`` the cosines of all rows ``[rows]``. ``restrict_vocab`` searches the first so many rows, ``clip_start`` and
        ``clip_end`` those between.
        """
        if isinstance(topn, Integral) and topn < 1:
            return []
        if topn is not None and indexer is None:
            within = (
                range(clip_start, min(clip_end or len(self), len(self))) if clip_start and not restrict_vocab else None
            )
            limits = {"k": int(topn), "restrict": restrict_vocab or clip_end, "within": within, "min_cosine": None}
            return self._nearest(positive, negative, limits)
        asked = [(item, 1.0) for item in _listed(positive)] + [(item, -1.0) for item in _listed(negative)]
        pairs = [item if isinstance(item, tuple) else (item, weight) for item, weight in asked]
        mean = self.get_mean_vector(
            [item for item, _ in pairs], [weight for _, weight in pairs], post_normalize=True, ignore_missing=False
        )
        if topn is not None:
            return indexer.most_similar(mean, topn)
        rows = slice(0, restrict_vocab) if restrict_vocab else slice(clip_start, clip_end or len(self))
        return self.vectors[rows] @ mean / self.norms[rows]

    def similar_by_word(self, word: Key, topn: int | None = 10, restrict_vocab: int | None = None):
        """As :meth:`most_similar` of one word."""
        return self.most_similar([word], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_key(self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None):
        """As :meth:`most_similar` of one word."""
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_vector(self, vector: np.ndarray, topn: int | None = 10, restrict_vocab: int | None = None):
        """As :meth:`most_similar` of one vector ``[dimension]``."""
        return self.most_similar([np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def most_similar_cosmul(
        self, positive: Any = None, negative: Any = None, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> list[tuple[str, float]] | np.ndarray:
        """As :meth:`most_similar`, with cosines multiplied instead of added (3CosMul, Levy and Goldberg 2014).

        ``restrict_vocab`` holds, where gensim passes it over. :meth:`analogy` with ``method="mul"`` is faster.
        """
        if isinstance(topn, Integral) and topn < 1:
            return []
        positive, negative = _listed(positive), _listed(negative)
        if not positive:
            raise ValueError("cannot compute similarity with no input")
        rows = slice(0, restrict_vocab or len(self))
        vectors, norms = self.vectors[rows], self.norms[rows]

        def product(items: list) -> Any:
            shares = 1.0
            for item in items:
                unit = self.get_vector(item, norm=True) if isinstance(item, KEYS) else item
                shares = shares * ((1 + vectors @ unit / norms) / 2)
            return shares

        scores = product(positive) / (product(negative) + 1e-6)
        if topn is None:
            return scores
        named = {self._row(item, None) for item in positive + negative if isinstance(item, KEYS)}
        best = np.argsort(-scores, kind="stable")[: topn + len(named)]
        return [(self.word(row), float(scores[row])) for row in best.tolist() if row not in named][:topn]

    def most_similar_to_given(self, key1: Key, keys_list: Sequence[Key]) -> Key:
        """Of some words the one most similar to ``key1``."""
        return keys_list[int(np.argmax([self.similarity(key1, key) for key in keys_list]))]

    def distance(self, w1: Key, w2: Key) -> float:
        """1 less the cosine of two words."""
        return 1 - self.similarity(w1, w2)

    def distances(self, word_or_vector: Key | np.ndarray, other_words: Sequence[Key] = ()) -> np.ndarray:
        """1 less the cosine with each of some words ``[words]``, or with all rows ``[rows]``."""
        vector = self[word_or_vector] if isinstance(word_or_vector, KEYS) else np.asarray(word_or_vector)
        if len(other_words) == 0:
            return 1 - self.vectors @ _unit(vector) / self.norms
        return 1 - self.cosine_similarities(vector, self[other_words])

    @staticmethod
    def cosine_similarities(vector_1: np.ndarray, vectors_all: np.ndarray) -> np.ndarray:
        """The cosines of a vector ``[dimension]`` with others ``[n, dimension]``: ``[n]``."""
        return vectors_all @ vector_1 / (np.linalg.norm(vector_1) * np.linalg.norm(vectors_all, axis=1))

    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> float:
        """The cosine of the means of two lists of words, as the file has their rows; unknown words are passed over."""
        if not (len(ws1) and len(ws2)):
            raise ZeroDivisionError("At least one of the passed list is empty.")
        means = [_unit(self.get_mean_vector(words, pre_normalize=False)) for words in (ws1, ws2)]
        return float(means[0] @ means[1])

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """The cosine of two words, divided by the sum of those of the ``topn`` words most similar to ``wa`` (Leeuwenberg et al. 2016)."""
        return self.similarity(wa, wb) / sum(cosine for _, cosine in self.most_similar([wa], topn=topn))

    def closer_than(self, key1: Key, key2: Key) -> list[str]:
        """The words that are closer to ``key1`` than ``key2`` is."""
        distances = self.distances(key1)
        closer = np.flatnonzero(distances < distances[self.get_index(key2)])
        return [self.word(row) for row in closer.tolist() if row != self.get_index(key1)]

    def rank(self, key1: Key, key2: Key) -> int:
        """How many words are closer to ``key1`` than ``key2`` is, and one."""
        return len(self.closer_than(key1, key2)) + 1

    def rank_by_centrality(self, words: Sequence[Key], use_norm: bool = True) -> list[tuple[float, Key]]:
        """Words with their cosines to the mean of all, the closest first; unknown ones are passed over."""
        known = self._known(words)
        rows = self[known]
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True) if use_norm else rows
        cosines = rows @ _unit(rows.mean(axis=0))
        return sorted(zip(cosines.tolist(), known), reverse=True)

    def doesnt_match(self, words: Sequence[Key]) -> Key:
        """The word that does not go with the others; unknown ones are passed over."""
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
        """The share of analogy questions answered rightly, and the questions of each section by whether they were."""
        if not case_insensitive:
            raise VocableError(
                "case_insensitive: expected True, found False; evaluate(path, protocol='glove') takes words as they are written"
            )
        _, right = self._evaluate(analogies, "gensim", restrict_vocab, dummy4unknown)
        if right is None:
            raise VocableError(f"{os.fspath(analogies)}: expected analogy questions, found word pairs")
        sections: list[dict[str, Any]] = []
        answered = iter(right)
        with open(analogies, encoding="utf-8-sig") as file:
            for line in file:
                if line.startswith(":"):
                    sections.append({"section": line[1:].strip(), "correct": [], "incorrect": []})
                elif line.strip():
                    outcome = next(answered)
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
        """Pearson's and Spearman's correlation with human scores, each with its two-sided p-value, and the share of pairs with unknown words in percent."""
        figures, right = self._evaluate(pairs, "gensim" if case_insensitive else "exact", restrict_vocab, dummy4unknown)
        if right is not None:
            raise VocableError(f"{os.fspath(pairs)}: expected word pairs, found analogy questions")
        nan = float("nan")
        pearson, spearman = (
            (
                nan if figures[name] is None else figures[name],
                nan if figures[f"{name}_p"] is None else figures[f"{name}_p"],
            )
            for name in ("pearson", "spearman")
        )
        return pearson, spearman, figures["unknown_percent"]


def _counts(vectors: Vectors, fvocab: PathLike, unicode_errors: str) -> np.ndarray:
    """The counts of words, from a file of a word and a number a line; 0 of those that are not in it."""
    counts = np.zeros(len(vectors), np.int64)
    with open(fvocab, "rb") as file:
        for line in file:
            word, _, count = line.decode("utf8", unicode_errors).strip().rpartition(" ")
            row = vectors._row(word, None)
            if row is not None:
                counts[row] = int(count)
    return counts
