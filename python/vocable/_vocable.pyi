"""What of the package is written in Rust. People use the classes that are built on these: `vocable.Vectors`, `vocable.Classifier`."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

PathLike = str | os.PathLike[str]
Key = str | bytes | int
#: How the column of the text is usually called, the most usual name first.
TEXT_NAMES: list[str]

_Otherwise = TypeVar("_Otherwise", int, None)

class Table:
    def __new__(cls, table: Table) -> Table: ...
    @staticmethod
    def resolve(path: PathLike) -> PathLike: ...
    @staticmethod
    def open(
        path: PathLike,
        format: str | None,
        member: str | None,
        word_list: PathLike | None,
        allow_nonfinite: bool,
        skip_bad_rows: bool,
        exact_scan: str | None,
    ) -> Table: ...
    @staticmethod
    def demo() -> Table: ...
    @staticmethod
    def from_arrays(words: Sequence[str | bytes], vectors: ArrayLike) -> Table: ...
    def subset(self, keys: Iterable[Key]) -> Table:
        """Some of the rows, copied into memory."""
    def __len__(self) -> int: ...
    def __contains__(self, key: object) -> bool: ...
    @overload
    def __getitem__(self, key: Key | np.integer) -> NDArray[np.float32]:
        """The word's vector `[dimension]`, a read-only view of the table."""
    @overload
    def __getitem__(self, key: Iterable[Key] | NDArray[np.integer]) -> NDArray[np.float32]:
        """A new array `[words, dimension]`."""
    @property
    def vectors(self) -> NDArray[np.float32]:
        """All rows `[rows, dimension]`, where they lie; read-only."""
    @property
    def norms(self) -> NDArray[np.float32]:
        """The Euclidean norms of the rows `[rows]`, where they lie; read-only."""
    @property
    def dimension(self) -> int:
        """Numbers a row."""
    @property
    def path(self) -> os.PathLike[str]:
        """The file, as it was named, or what stands for it."""
    @property
    def format(self) -> str:
        """The format that was read."""
    @property
    def non_utf8_words(self) -> int:
        """Number of words that are not UTF-8."""
    @property
    def memory(self) -> int:
        """Bytes held in memory of this process's own."""
    def rows(self, words: Iterable[Key], missing: int | None = None) -> NDArray[np.int64]:
        """The rows of some words `[words]`. A word without one gets `missing`, or raises `KeyError` where that is None."""
    def word(self, row: int) -> str:
        """The word of a row, with marks in place of bytes that are not UTF-8."""
    def word_bytes(self, row: int) -> bytes:
        """The bytes of the word of a row."""
    def words(self, start: int, stop: int) -> list[str]:
        """The words of the rows from `start` to before `stop`."""
    def suggest(self, word: str, k: int = 3) -> list[str]:
        """Up to `k` words of the vocabulary that are spelt like `word`."""
    def complete(self, prefix: str, k: int = 10) -> list[str]:
        """The first `k` words that begin with `prefix`."""
    def unknown(self) -> NDArray[np.float32]:
        """The vector for words that have none `[dimension]`: the row of `<unk>`, or the mean of all rows."""
    def verify(self) -> None:
        """Reads all of a table file and compares it with its checksum."""
    def _row(self, key: Any, otherwise: _Otherwise) -> int | _Otherwise: ...
    def _explain(self, word: str) -> str: ...
    def _nearest(self, positive: Any, negative: Any, limits: dict[str, Any]) -> list[tuple[str, float]]: ...
    def _nearest_batch(self, asked: Any, limits: dict[str, Any]) -> list[list[tuple[str, float]]]: ...
    def _similarity(self, a: Key, b: Key) -> float: ...
    def _analogy(self, words: Sequence[Key], method: str, limits: dict[str, Any]) -> list[tuple[str, float]]: ...
    def _odd(self, words: Sequence[Key]) -> int: ...
    def _evaluate(
        self, path: PathLike, protocol: str | None, restrict: int | None, dummy4unknown: bool
    ) -> tuple[dict[str, Any], list[bool | None] | None]: ...
    def _coverage(
        self, texts: PathLike | Iterable[str], form: dict[str, str | None], tokenizer: str, k: int
    ) -> dict[str, Any]: ...
    def _matrix(
        self, vocabulary: bytes, pad: str | None, unk: str | None, how: str, oov_std: float, seed: int
    ) -> tuple[NDArray[np.float32], list[int]]: ...
    def _save(self, path: PathLike, format: str | None, dtype: str) -> list[os.PathLike[str]]: ...

class Classifier:
    def __new__(cls, classifier: Classifier) -> Classifier: ...
    @staticmethod
    def open(path: PathLike, table: Table | None) -> Classifier: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> Classifier:
        """Reads a model from the bytes of its file."""
    @staticmethod
    def _from_weights(
        weights: Sequence[tuple[str, NDArray[np.float32]]] | PathLike,
        words: bytes | PathLike,
        labels: Sequence[str],
        tokenizer: str,
        how: str,
        pooling: str,
        pad: str | None,
        unk: str | None,
    ) -> Classifier: ...
    def to_bytes(self) -> bytes:
        """The bytes of its file."""
    def save(self, path: PathLike) -> None:
        """Writes the model file, beside its place first and then renamed."""
    def export_onnx(self, path: PathLike, vocabulary: PathLike | None = None) -> None:
        """Writes the model as ONNX, beside its place first and then renamed.

        The graph takes ``ids`` (int64 ``[batch, length]``: word ``i`` of the vocabulary as ``i + 2``, an unknown word as 1, anything behind a
        text's end) and ``lengths`` (int64 ``[batch]``), and answers ``logits`` and ``probabilities`` (float32 ``[batch, labels]``). Its metadata
        holds ``labels`` and ``words`` as JSON lists, ``tokenizer`` and ``case``; ``vocabulary`` names a JSON file to write them to as well.
        """
    @property
    def labels(self) -> list[str]:
        """The labels it tells apart, in the order of the probabilities."""
    @property
    def tokenizer(self) -> str:
        """How it cuts texts into words."""
    @property
    def vocabulary_size(self) -> int:
        """Number of words that it has rows for."""
    @property
    def shape(self) -> dict[str, Any]:
        """Cell, sizes and kind of embedding."""
    def predict_labels(self, texts: Sequence[str]) -> list[str]:
        """The most probable label of each text."""
    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The probability of each label for each text: `[texts, labels]`."""
    def classes_and_probabilities(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Both at once: for each text the place of its most probable label among the labels `[texts]`, and the probabilities."""
    def words(self, texts: Sequence[str]) -> list[tuple[int, int]]:
        """For each text its words, and how many of them were read as the unknown word."""
    def evaluated(self, data: Any, form: dict[str, str | None]) -> dict[str, Any]: ...

class TextVectors:
    """What makes vectors of texts."""
    def __new__(
        cls, table: Table, tokenizer: str, how: str, weighting: str, a: float, counts: PathLike | None
    ) -> TextVectors: ...
    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of some texts `[texts, dimension]`; zeros where no word is known."""

class TokenCounter:
    """The words of texts that come part by part, from several processes."""
    def __new__(cls, tokenizer: str) -> TokenCounter: ...
    def add(self, texts: Sequence[str]) -> None:
        """Counts the words of more texts."""
    def add_counted(
        self, words: Sequence[str], counts: Sequence[int], lengths: Sequence[int], texts: Sequence[int]
    ) -> None:
        """Adds what another one counted."""
    def counted(self) -> tuple[list[str], list[int], list[int], list[int]]:
        """Words as they were first met, how often each occurs, numbers of words, how many texts have so many."""
    def coverage(self, table: Table, file: str, k: int) -> dict[str, Any]:
        """Looks the words up, as `vocable coverage --json` does."""

def train(
    table: Table,
    train: Any,
    dev: Any,
    test: Any,
    form: dict[str, str | None],
    settings: dict[str, Any],
    out: PathLike | None,
    checkpoint: PathLike | None,
    resume: bool,
    observer: Callable[[dict[str, Any]], object] | None,
) -> tuple[Classifier | None, dict[str, Any] | None, str | None, bool]: ...
def compare(
    asked: dict[str, Any], observer: Callable[[dict[str, Any]], object] | None
) -> tuple[dict[str, Any], Found, bool]: ...
def begin_comparison(asked: dict[str, Any]) -> list[tuple[str, int, bool]]:
    """Makes the folder of a comparison or opens it: names of runs, texts that each reads in all its epochs, and whether it is done."""

def do_run(asked: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Does one run in the folder of a comparison, which others may share."""

def read_comparison(out: PathLike) -> tuple[dict[str, Any], Found]:
    """What the folder of a comparison holds."""

def set_num_threads(threads: int | None) -> None:
    """From now on, this process works with so many threads; None for as many as there are cores, or as RAYON_NUM_THREADS says."""

def get_num_threads() -> int:
    """How many threads this process works with."""

class Found:
    """What a comparison found, in forms for people."""
    def text(self) -> str: ...
    def html(self) -> str: ...
    def markdown(self) -> str: ...
    def csv(self) -> str: ...
