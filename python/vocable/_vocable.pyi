"""The part of the package that is written in Rust; the base of `vocable.Vectors` and `vocable.Classifier`."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, final, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

PathLike = str | os.PathLike[str]
Key = str | bytes | int
#: Common names of the text column, the most common first.
TEXT_NAMES: list[str]

_Default = TypeVar("_Default", int, None)

class VectorsHandle:
    def __new__(cls, handle: VectorsHandle) -> VectorsHandle: ...
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
    ) -> VectorsHandle: ...
    @staticmethod
    def demo() -> VectorsHandle: ...
    @staticmethod
    def from_arrays(words: Sequence[str | bytes], vectors: ArrayLike) -> VectorsHandle: ...
    def subset(self, keys: Iterable[Key]) -> VectorsHandle:
        """Copies some of the rows to memory."""
    def __len__(self) -> int: ...
    def __contains__(self, key: object, /) -> bool: ...
    @overload
    def __getitem__(self, key: Key | np.integer, /) -> NDArray[np.float32]:
        """The vector of a word `[dimension]`, a read-only view."""
    @overload
    def __getitem__(self, key: Iterable[Key] | NDArray[np.integer], /) -> NDArray[np.float32]:
        """A new array `[words, dimension]`."""
    @property
    def vectors(self) -> NDArray[np.float32]:
        """All rows `[rows, dimension]`: a read-only view."""
    @property
    def norms(self) -> NDArray[np.float32]:
        """The Euclidean norms of the rows `[rows]`: a read-only view."""
    @property
    def dimension(self) -> int:
        """The dimension of the vectors."""
    @property
    def path(self) -> os.PathLike[str]:
        """The path of the file, as it was given, or a description of the source."""
    @property
    def format(self) -> str:
        """The format of the file."""
    @property
    def non_utf8_words(self) -> int:
        """Number of words that are not UTF-8."""
    @property
    def memory(self) -> int:
        """Private memory of this process in bytes; memory-mapped files are not counted."""
    def rows(self, words: Iterable[Key], missing: int | None = None) -> NDArray[np.int64]:
        """The rows of words, `[words]`. Unknown words get `missing`, or raise `UnknownWordError` if that is None."""
    def word(self, row: int) -> str:
        """The word of a row. Invalid UTF-8 is replaced by U+FFFD."""
    def word_bytes(self, row: int) -> bytes:
        """The word of a row as bytes."""
    def words(self, start: int, stop: int) -> list[str]:
        """The words of the rows from `start` to `stop` (exclusive)."""
    def suggest(self, word: str, k: int = 3) -> list[str]:
        """Up to `k` words of the vocabulary with a spelling similar to `word`."""
    def complete(self, prefix: str, k: int = 10) -> list[str]:
        """The first `k` words that begin with `prefix`."""
    def unknown(self) -> NDArray[np.float32]:
        """The vector for words that have none `[dimension]`: the row of `<unk>`, or the mean of all rows."""
    def verify(self) -> None:
        """Verifies the checksum of a table file."""
    def _row(self, key: Any, default: _Default) -> int | _Default: ...
    def _unknown_word_message(self, word: str) -> str: ...
    def _nearest(self, positive: Any, negative: Any, options: dict[str, Any]) -> list[tuple[str, float]]: ...
    def _nearest_batch(self, argument: Any, options: dict[str, Any]) -> list[list[tuple[str, float]]]: ...
    def _similarity(self, a: Key, b: Key) -> float: ...
    def _analogy(self, words: Sequence[Key], method: str, options: dict[str, Any]) -> list[tuple[str, float]]: ...
    def _odd(self, words: Sequence[Key]) -> int: ...
    def _evaluate(
        self, path: PathLike, protocol: str | None, restrict: int | None, dummy4unknown: bool
    ) -> tuple[dict[str, Any], list[bool | None] | None]: ...
    def _coverage(
        self, texts: PathLike | Iterable[str], data_options: dict[str, str | None], tokenizer: str, k: int
    ) -> dict[str, Any]: ...
    def _matrix(
        self, vocabulary: bytes, pad: str | None, unk: str | None, case: str, oov_std: float, seed: int
    ) -> tuple[NDArray[np.float32], list[int]]: ...
    def _save(self, path: PathLike, format: str | None, dtype: str) -> list[os.PathLike[str]]: ...

class Classifier:
    def __new__(cls, classifier: Classifier) -> Classifier: ...
    @staticmethod
    def open(path: PathLike, vectors: VectorsHandle | None) -> Classifier: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> Classifier:
        """Loads a model from the bytes of a model file."""
    @staticmethod
    def _from_weights(
        weights: Sequence[tuple[str, NDArray[np.float32]]] | PathLike,
        words: bytes | PathLike,
        labels: Sequence[str],
        tokenizer: str,
        case: str,
        pooling: str,
        pad: str | None,
        unk: str | None,
    ) -> Classifier: ...
    def to_bytes(self) -> bytes:
        """The bytes of the model file."""
    def save(self, path: PathLike) -> None:
        """Saves the model to a file, atomically."""
    def export_onnx(self, path: PathLike, vocabulary: PathLike | None = None) -> None:
        """Exports the model to ONNX.

        Inputs: ``ids`` (int64 ``[batch, length]``; word ``i`` of the vocabulary is ``i + 2``, an unknown word is 1,
        values after the end of a text are ignored) and ``lengths`` (int64 ``[batch]``). Outputs: ``logits`` and
        ``probabilities`` (float32 ``[batch, labels]``). The metadata has ``labels`` and ``words`` as JSON lists,
        ``tokenizer`` and ``case``; with ``vocabulary``, they are also written to a JSON file.
        """
    @property
    def labels(self) -> list[str]:
        """The labels, in the order of the probabilities."""
    @property
    def tokenizer(self) -> str:
        """The tokenizer."""
    @property
    def vocabulary_size(self) -> int:
        """The number of words that the model has rows for."""
    @property
    def shape(self) -> dict[str, Any]:
        """The architecture: embedding, encoder, pooling, sizes."""
    def predict_labels(self, texts: Sequence[str]) -> list[str]:
        """The most probable label of each text."""
    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The probability of each label for each text: `[texts, labels]`."""
    def classes_and_probabilities(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The index of the most probable label of each text `[texts]`, and the probabilities `[texts, labels]`."""
    def words(self, texts: Sequence[str]) -> list[tuple[int, int]]:
        """For each text, the number of words and the number of out-of-vocabulary words."""
    def _evaluate(self, data: Any, data_options: dict[str, str | None]) -> dict[str, Any]: ...

@final
class TextVectors:
    """Computes text vectors."""
    def __new__(
        cls, vectors: VectorsHandle, tokenizer: str, case: str, weighting: str, a: float, counts: PathLike | None
    ) -> TextVectors: ...
    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of texts, `[texts, dimension]`; zeros for texts without any known word."""

@final
class TokenCounter:
    """Counts the words of texts; partial counts of several processes can be added up."""
    def __new__(cls, tokenizer: str) -> TokenCounter: ...
    def add(self, texts: Sequence[str]) -> None:
        """Counts the words of texts."""
    def add_counts(
        self, words: Sequence[str], counts: Sequence[int], lengths: Sequence[int], texts: Sequence[int]
    ) -> None:
        """Adds the counts of another counter."""
    def counts(self) -> tuple[list[str], list[int], list[int], list[int]]:
        """Words in order of first occurrence and their counts; text lengths and the number of texts with each
        length."""
    def coverage(self, vectors: VectorsHandle, file: str, k: int) -> dict[str, Any]:
        """Looks up the words. Returns the keys of `vocable coverage --json`."""

def train(
    vectors: VectorsHandle,
    train: Any,
    dev: Any,
    test: Any,
    data_options: dict[str, str | None],
    settings: dict[str, Any],
    out: PathLike | None,
    checkpoint: PathLike | None,
    resume: bool,
    observer: Callable[[dict[str, Any]], object] | None,
) -> tuple[Classifier | None, dict[str, Any] | None, str | None, bool]: ...
def compare(
    request: dict[str, Any], observer: Callable[[dict[str, Any]], object] | None
) -> tuple[dict[str, Any], ComparisonReport, bool]: ...
def prepare_comparison(request: dict[str, Any]) -> list[tuple[str, int, bool]]:
    """Opens the output directory of a comparison. For each run: name, number of texts in all epochs, whether it is
    complete."""

def execute_run(request: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Executes one run in the output directory, which other processes can use at the same time."""

def read_comparison(out: PathLike) -> tuple[dict[str, Any], ComparisonReport]:
    """Reads the output directory of a comparison."""

def set_num_threads(threads: int | None) -> None:
    """Sets the number of threads of this process; None for the number of cores, or RAYON_NUM_THREADS."""

def get_num_threads() -> int:
    """The number of threads of this process."""

@final
class ComparisonReport:
    """The report of a comparison in several formats."""
    def text(self) -> str: ...
    def html(self) -> str: ...
    def markdown(self) -> str: ...
    def csv(self) -> str: ...
