"""Types of arguments, and the words of vectors as Python collections."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from ._vocable import VectorsHandle

#: A word (``bytes`` for a word that is not UTF-8) or a row number.
Key = str | bytes | int
#: A term of a query: a word, a vector ``[dimension]``, or a pair of one of these and a weight.
Term = Key | np.ndarray | tuple[Key | np.ndarray, float]
PathLike = str | os.PathLike[str]
#: Labelled texts: a file, or pairs of a label and a text.
LabelledTexts = PathLike | Iterable[tuple[object, str]]


class WordSequence(Sequence):
    """The words in the order of their rows. Words are read from the table on access."""

    def __init__(self, vectors: VectorsHandle):
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def __getitem__(self, index):
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step > 0:
                return self._vectors.words(start, max(start, stop))[::step]
            return [self[i] for i in range(start, stop, step)]
        index = index.__index__()
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} is out of range")
        return self._vectors.word(index)

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), 4096):
            yield from self._vectors.words(start, start + 4096)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, (str, bytes)) and self._vectors._row(word, None) is not None

    def index(self, word: str, start: int = 0, stop: int | None = None) -> int:
        row = self._vectors._row(word, None) if isinstance(word, (str, bytes)) else None
        if row is None or not start <= row < (len(self) if stop is None else stop):
            raise ValueError(f"{word!r} is not in the vocabulary")
        return row

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (WordSequence, list, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other))

    __hash__ = None

    def __repr__(self) -> str:
        first = ", ".join(map(repr, self[:10]))
        return f"[{first}, ...] ({len(self):,} words)" if len(self) > 10 else f"[{first}]"


class WordToRow(Mapping):
    """Maps words to row numbers, without a copy of the vocabulary."""

    def __init__(self, vectors: VectorsHandle):
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def __getitem__(self, word: str) -> int:
        row = self._vectors._row(word, None) if isinstance(word, (str, bytes)) else None
        if row is None:
            raise KeyError(word)
        return row

    def __iter__(self) -> Iterator[str]:
        return iter(WordSequence(self._vectors))

    def __repr__(self) -> str:
        return f"<mapping of {len(self):,} words to rows>"


def vocabulary_list(vocab: Sequence[str] | Mapping[str, int]) -> list[str] | dict[str, int]:
    """A vocabulary as a list of words or as a dict from word to index."""
    return dict(vocab) if isinstance(vocab, Mapping) else [str(word) for word in vocab]


def vocabulary_json(words: list[str] | dict[str, int]) -> bytes:
    """A vocabulary as JSON."""
    # NumPy integers are not JSON serialisable by themselves.
    text = json.dumps(words, ensure_ascii=False, default=lambda number: number.__index__())
    return text.encode("utf-8", "surrogatepass")
