"""Arrow batches, for engines that distribute a data set over processes, such as Ray and Spark.

>>> from vocable.batches import Predict
>>> predict = Predict("model.safetensors", text_column="text")
>>> labelled = predict(batch)  # a pyarrow.RecordBatch or Table, with the new columns `label` and `probability`
>>> frame.mapInArrow(predict.map_batches, "text string, label string, probability float")  # Spark

:class:`Predict`, :class:`Embed` and :class:`Coverage` correspond to ``vocable predict``, ``vocable embed`` and
``vocable coverage``. The results do not depend on how the rows are divided into batches. The objects are pickled as
paths: each process opens a file once, and all processes on a machine share the memory of a table file. The files must
exist under the same paths on all workers.

All classes have these arguments:

* ``text_column``: name of the text column. Default: the first of ``text``, ``sentence``, ``review``, ``question``,
  ``content``, ``body``, ``document`` that exists.
* ``threads``: number of threads of a worker (:func:`vocable.set_num_threads`). Engines with one worker per core need 1.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from ._classifier import Classifier
from ._errors import VocableError
from ._vectors import Vectors
from ._vocable import TEXT_NAMES, TextVectors, TokenCounter, VectorsHandle, set_num_threads
from ._words import PathLike

#: A batch of rows.
Batch = TypeVar("Batch", pa.RecordBatch, pa.Table)
#: A file: path, options, modification time and size. The last two detect a changed file.
_File = tuple[str, tuple[tuple[str, Any], ...], int, int]


class _TextProcessor:
    """Base class: reads the texts of batches."""

    def __init__(self, text_column: str | None, threads: int | None):
        self.text_column = text_column
        self.threads = threads

    def _set_threads(self) -> None:
        if self.threads is not None:
            set_num_threads(self.threads)

    def _texts(self, batch: Batch) -> list[str | None]:
        """The texts of a batch."""
        names = batch.schema.names
        found = (
            [name for name in names if name == self.text_column]
            if self.text_column is not None
            else [name for usual in TEXT_NAMES for name in names if name.lower() == usual]
        )
        if not found:
            expected = (
                f"a column `{self.text_column}`"
                if self.text_column is not None
                else f"a column for the text ({', '.join(TEXT_NAMES)})"
            )
            raise VocableError(f"expected {expected}, found the columns {', '.join(names)}; pass text_column=")
        column = batch.column(names.index(found[0]))
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if any(
            is_text(column.type) for is_text in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
        ):
            return column.to_pylist()
        if any(
            is_bytes(column.type)
            for is_bytes in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
        ):
            return [None if text is None else text.decode("utf-8", "replace") for text in column.to_pylist()]
        raise VocableError(f"expected strings in the column `{found[0]}`, found the type {column.type}")


class _ColumnAdder(_TextProcessor):
    """Base class: adds columns to batches."""

    def __init__(self, text_column: str | None, threads: int | None, prefix: str):
        super().__init__(text_column, threads)
        self.prefix = prefix

    @property
    def fields(self) -> list[pa.Field]:
        """The new columns."""
        raise NotImplementedError

    def _columns(self, texts: list[str], missing: np.ndarray) -> list[pa.Array]:
        """The values of the new columns, for the non-null ``texts``; ``missing`` is true for rows without a text."""
        raise NotImplementedError

    def __call__(self, batch: Batch) -> Batch:
        """Returns the batch with the columns :attr:`fields` added. They are null where the text is null."""
        self._set_threads()
        texts, fields = self._texts(batch), self.fields
        for field in fields:
            if field.name in batch.schema.names:
                raise VocableError(f"there is already a column `{field.name}`; pass prefix= to rename the new columns")
        missing = np.array([text is None for text in texts], bool)
        for field, column in zip(fields, self._columns([text for text in texts if text is not None], missing)):
            batch = batch.append_column(field, column)
        return batch

    def map_batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Processes an iterator of batches, as Spark's ``mapInArrow`` requires."""
        return map(self, batches)


class Predict(_ColumnAdder):
    """Predicts labels: adds the columns ``label`` and ``probability``.

    Args:
        model: A model file.
        vectors: A file of vectors, or :class:`vocable.Vectors` opened from one, in which to look up words that the
            model has no row for.
        text_column: Name of the text column.
        probabilities: Also add a column ``probability_LABEL`` for each label.
        prefix: Prefix of the new columns' names.
        threads: Number of threads.
    """

    def __init__(
        self,
        model: PathLike,
        *,
        vectors: PathLike | Vectors | None = None,
        text_column: str | None = None,
        probabilities: bool = False,
        prefix: str = "",
        threads: int | None = None,
    ):
        super().__init__(text_column, threads, prefix)
        self.model = os.path.abspath(model)
        self.vectors = None if vectors is None else _source(vectors)
        self.probabilities = probabilities

    def _model(self) -> Classifier:
        return _classifier(_file(self.model, {}), None if self.vectors is None else _file(*self.vectors))

    @property
    def fields(self) -> list[pa.Field]:
        each = [f"probability_{label}" for label in self._model().labels] if self.probabilities else []
        return [
            pa.field(f"{self.prefix}label", pa.string()),
            *(pa.field(self.prefix + name, pa.float32()) for name in ["probability", *each]),
        ]

    def _columns(self, texts: list[str], missing: np.ndarray) -> list[pa.Array]:
        model = self._model()
        classes, probabilities = model.classes_and_probabilities(texts)
        labels = pa.array(model.labels, pa.string()).take(pa.array(classes))
        each = [np.ascontiguousarray(column) for column in probabilities.T] if self.probabilities else []
        columns = [labels, *map(pa.array, [probabilities[np.arange(len(texts)), classes], *each])]
        if missing.any():
            indices = pa.array(np.cumsum(~missing) - 1, mask=missing)
            columns = [column.take(indices) for column in columns]
        return columns


class Embed(_ColumnAdder):
    """Computes text vectors: adds the column ``vector``, a list of ``dimension`` 32-bit floats.

    The vector of a text is the mean of its words' vectors, which may be weighted by word frequency.

    Args:
        vectors: A file of vectors, or :class:`vocable.Vectors` opened from one.
        text_column: Name of the text column.
        tokenizer: ``"unicode"``, ``"ptb"``, ``"whitespace"``, or ``"jieba"`` in builds that have it.
        case: How words are looked up: ``"fold"`` (also in lower case) or ``"exact"``.
        weighting: ``"mean"``, or ``"frequency"`` for the weights ``a / (a + p)``, with ``p`` the relative frequency of
            the word.
        a: The parameter of the frequency weighting.
        counts: A file with a word and its count per line. Default: frequencies by Zipf's law.
        prefix: Prefix of the new column's name.
        threads: Number of threads.
    """

    def __init__(
        self,
        vectors: PathLike | Vectors,
        *,
        text_column: str | None = None,
        tokenizer: str = "unicode",
        case: str = "fold",
        weighting: str = "mean",
        a: float = 1e-3,
        counts: PathLike | None = None,
        prefix: str = "",
        threads: int | None = None,
    ):
        super().__init__(text_column, threads, prefix)
        self.vectors = _source(vectors)
        self.options = tokenizer, case, weighting, a
        self.counts = None if counts is None else os.path.abspath(counts)

    @property
    def fields(self) -> list[pa.Field]:
        return [pa.field(f"{self.prefix}vector", self._type())]

    def _type(self) -> pa.DataType:
        return pa.list_(pa.field("item", pa.float32(), nullable=False), _vectors(_file(*self.vectors)).dimension)

    def _columns(self, texts: list[str], missing: np.ndarray) -> list[pa.Array]:
        counts = None if self.counts is None else _file(self.counts, {})
        values = _text_vectors(_file(*self.vectors), self.options, counts).of(texts)
        if missing.any():
            values, present = np.zeros((len(missing), values.shape[1]), np.float32), values
            values[~missing] = present
        return [
            pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=self._type(), mask=pa.array(missing))
        ]

    def map_batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Processes an iterator of batches, as Spark's ``mapInArrow`` requires. Spark has no fixed-size lists, so the
        type of the column is a variable-size list."""
        for batch in map(self, batches):
            index = batch.schema.get_field_index(f"{self.prefix}vector")
            yield batch.set_column(index, f"{self.prefix}vector", batch.column(index).cast(pa.list_(pa.float32())))


class Coverage(_TextProcessor):
    """Measures how many tokens of texts are in the vocabulary. Workers count words; :meth:`total` looks up the words of
    all workers.

    A partial count is a row with four lists: ``words`` and their ``counts``; ``lengths`` (numbers of words per text)
    and the numbers of ``texts`` with these lengths.

    Args:
        vectors: A file of vectors, or :class:`vocable.Vectors` opened from one.
        text_column: Name of the text column.
        tokenizer: ``"unicode"``, ``"ptb"``, ``"whitespace"``, or ``"jieba"`` in builds that have it.
        k: Number of out-of-vocabulary words to list.
        threads: Number of threads.
    """

    #: The columns of a partial count.
    schema = pa.schema(
        [("words", pa.list_(pa.string())), *((name, pa.list_(pa.int64())) for name in ("counts", "lengths", "texts"))]
    )

    def __init__(
        self,
        vectors: PathLike | Vectors,
        *,
        text_column: str | None = None,
        tokenizer: str = "unicode",
        k: int = 10,
        threads: int | None = None,
    ):
        super().__init__(text_column, threads)
        self.vectors = _source(vectors)
        self.tokenizer = tokenizer
        self.k = k

    def __call__(self, batch: Batch) -> pa.Table:
        """Counts the words of a batch."""
        return pa.Table.from_batches(self.map_batches([batch]))

    def map_batches(self, batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[pa.RecordBatch]:
        """Counts the words of an iterator of batches, as Spark's ``mapInArrow`` requires."""
        self._set_threads()
        counter = TokenCounter(self.tokenizer)
        for batch in batches:
            counter.add([text for text in self._texts(batch) if text is not None])
        yield pa.RecordBatch.from_pydict(
            dict(zip(self.schema.names, ([part] for part in counter.counts()))), self.schema
        )

    def total(self, parts: Iterable[pa.RecordBatch | pa.Table], file: str = "texts") -> dict[str, Any]:
        """The coverage of all counted texts, with the keys of ``vocable coverage --json``."""
        counter = TokenCounter(self.tokenizer)
        for part in parts:
            for row in part.to_pylist():
                counter.add_counts(*(row[name] for name in self.schema.names))
        return counter.coverage(_vectors(_file(*self.vectors)), file, self.k)


def _source(vectors: PathLike | Vectors) -> tuple[str, dict[str, Any]]:
    """The path of a file of vectors, and the options to open it."""
    if not isinstance(vectors, Vectors):
        return os.path.abspath(VectorsHandle.resolve(vectors)), {}
    if vectors._source is None:
        raise VocableError("vectors in memory cannot be sent to other processes; save them to a file and open it")
    return vectors._source


def _file(path: str, options: dict[str, Any]) -> _File:
    status = os.stat(path)
    return path, tuple(sorted(options.items())), status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=4)
def _vectors(file: _File) -> Vectors:
    return Vectors._open(file[0], **dict(file[1]))


@functools.lru_cache(maxsize=4)
def _classifier(model: _File, vectors: _File | None) -> Classifier:
    return Classifier.load(model[0], None if vectors is None else _vectors(vectors))


@functools.lru_cache(maxsize=4)
def _text_vectors(vectors: _File, options: tuple[str, str, str, float], counts: _File | None) -> TextVectors:
    return TextVectors(_vectors(vectors), *options, None if counts is None else counts[0])
