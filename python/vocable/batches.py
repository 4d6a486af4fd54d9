"""Work on batches of Arrow, for engines that cut a data set into batches and hand them to processes: Ray, Spark and the like.

>>> from vocable.batches import Predict
>>> predict = Predict("model.safetensors", text_column="text")
>>> labelled = predict(batch)  # a pyarrow.RecordBatch or Table, with the columns `label` and `probability` added
>>> frame.mapInArrow(predict.each, "text string, label string, probability float")  # Spark

:class:`Predict`, :class:`Embed` and :class:`Coverage` give what the program's ``predict``, ``embed`` and ``coverage`` do, however the rows are cut into
batches. They are sent to other processes as paths: each process opens a file once, and all processes of a machine that have a
table file open share its memory. The files must be where the workers are, under the same names.

``text_column`` names the text; else it is the first of ``text``, ``sentence``, ``review``, ``question``, ``content``, ``body``, ``document`` that is there. ``threads``
is how many threads the worker works with (:func:`vocable.set_num_threads`): engines that run a worker a core want 1.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from ._errors import VocableError
from ._training import Classifier
from ._vectors import PathLike, Vectors
from ._vocable import TEXT_NAMES, Table, TextVectors, TokenCounter, set_num_threads

#: Some rows: a batch, or several as one table.
Rows = TypeVar("Rows", pa.RecordBatch, pa.Table)
#: A file, its options, and what tells it from another one that takes its place.
_File = tuple[str, tuple[tuple[str, Any], ...], int, int]


class _OnTexts:
    """What works on the texts of batches."""

    def __init__(self, text_column: str | None, threads: int | None):
        self.text_column = text_column
        self.threads = threads

    def _begin(self) -> None:
        if self.threads is not None:
            set_num_threads(self.threads)

    def _texts(self, rows: Rows) -> list[str | None]:
        """The texts of some rows, as the program reads them."""
        names = rows.schema.names
        found = (
            [name for name in names if name == self.text_column]
            if self.text_column is not None
            else [name for usual in TEXT_NAMES for name in names if name.lower() == usual]
        )
        if not found:
            wanted = (
                f"a column `{self.text_column}`"
                if self.text_column is not None
                else f"a column for the text ({', '.join(TEXT_NAMES)})"
            )
            raise VocableError(f"expected {wanted}, found the columns {', '.join(names)}; name it with text_column")
        column = rows.column(names.index(found[0]))
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


class _AddsColumns(_OnTexts):
    """What gives the rows of a batch back with more columns."""

    def __init__(self, text_column: str | None, threads: int | None, prefix: str):
        super().__init__(text_column, threads)
        self.prefix = prefix

    @property
    def fields(self) -> list[pa.Field]:
        """The columns that are added."""
        raise NotImplementedError

    def _columns(self, texts: list[str], missing: np.ndarray) -> list[pa.Array]:
        """Their values: ``texts`` of the rows that have one, which rows ``missing`` one."""
        raise NotImplementedError

    def __call__(self, rows: Rows) -> Rows:
        """The same rows with the columns of :attr:`fields`, null where the text is."""
        self._begin()
        texts, fields = self._texts(rows), self.fields
        for field in fields:
            if field.name in rows.schema.names:
                raise VocableError(
                    f"expected no column `{field.name}`, since one is to be added, found one; put something before the new "
                    "columns' names with prefix"
                )
        missing = np.array([text is None for text in texts], bool)
        for field, column in zip(fields, self._columns([text for text in texts if text is not None], missing)):
            rows = rows.append_column(field, column)
        return rows

    def each(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same for one batch after the other, as Spark's ``mapInArrow`` wants it."""
        return map(self, batches)


class Predict(_AddsColumns):
    """The most probable label of each text and its probability: columns ``label`` and ``probability``, and with ``probabilities`` also
    ``probability_LABEL`` for each label, all with ``prefix`` before them.

    ``model`` is a model file; words that it has no row for are looked up in ``vectors``, a file of vectors (or :class:`vocable.Vectors`
    opened from one), where they are given.
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

    def _opened(self) -> Classifier:
        return _classifier(_file(self.model, {}), None if self.vectors is None else _file(*self.vectors))

    @property
    def fields(self) -> list[pa.Field]:
        each = [f"probability_{label}" for label in self._opened().labels] if self.probabilities else []
        return [
            pa.field(f"{self.prefix}label", pa.string()),
            *(pa.field(self.prefix + name, pa.float32()) for name in ["probability", *each]),
        ]

    def _columns(self, texts: list[str], missing: np.ndarray) -> list[pa.Array]:
        model = self._opened()
        classes, probabilities = model.classes_and_probabilities(texts)
        labels = pa.array(model.labels, pa.string()).take(pa.array(classes))
        each = [np.ascontiguousarray(column) for column in probabilities.T] if self.probabilities else []
        columns = [labels, *map(pa.array, [probabilities[np.arange(len(texts)), classes], *each])]
        if missing.any():
            places = pa.array(np.cumsum(~missing) - 1, mask=missing)
            columns = [column.take(places) for column in columns]
        return columns


class Embed(_AddsColumns):
    """The vector of each text: a column ``vector`` of lists of so many 32-bit floats, with ``prefix`` before its name.

    It is the mean of the vectors of the text's words, or with ``weighting="frequency"`` their mean weighted by ``a / (a + p)``, ``p`` being the
    word's share of all words: by ``counts``, a file with ``WORD COUNT`` a line, or else by Zipf's law. ``vectors`` is a file of vectors, or
    :class:`vocable.Vectors` opened from one; ``case`` is ``fold`` or ``exact``.
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
        self.how = tokenizer, case, weighting, a
        self.counts = None if counts is None else os.path.abspath(counts)

    @property
    def fields(self) -> list[pa.Field]:
        return [pa.field(f"{self.prefix}vector", self._type())]

    def _type(self) -> pa.DataType:
        return pa.list_(pa.field("item", pa.float32(), nullable=False), _vectors(_file(*self.vectors)).dimension)

    def _columns(self, texts: list[str], missing: np.ndarray) -> list[pa.Array]:
        counts = None if self.counts is None else _file(self.counts, {})
        values = _text_vectors(_file(*self.vectors), self.how, counts).of(texts)
        if missing.any():
            values, there = np.zeros((len(missing), values.shape[1]), np.float32), values
            values[~missing] = there
        return [
            pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=self._type(), mask=pa.array(missing))
        ]

    def each(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same for one batch after the other, as Spark's ``mapInArrow`` wants it: with lists of no fixed size, which Spark knows."""
        for batch in map(self, batches):
            place = batch.schema.get_field_index(f"{self.prefix}vector")
            yield batch.set_column(place, f"{self.prefix}vector", batch.column(place).cast(pa.list_(pa.float32())))


class Coverage(_OnTexts):
    """How much of some texts vectors know. Workers count words, in parts; :meth:`total` looks the words of all parts up.

    A part is a row with four columns of lists: ``words``, the ``counts`` of each, ``lengths`` (numbers of words) and how many ``texts`` have each of these
    lengths.
    """

    #: The columns of a part.
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

    def __call__(self, rows: Rows) -> pa.Table:
        """Counts the words of a batch."""
        return pa.Table.from_batches(self.each([rows]))

    def each(self, batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[pa.RecordBatch]:
        """Counts the words of all batches together, as Spark's ``mapInArrow`` wants it."""
        self._begin()
        counted = TokenCounter(self.tokenizer)
        for rows in batches:
            counted.add([text for text in self._texts(rows) if text is not None])
        yield pa.RecordBatch.from_pydict(
            dict(zip(self.schema.names, ([part] for part in counted.counted()))), self.schema
        )

    def total(self, parts: Iterable[pa.RecordBatch | pa.Table], file: str = "texts") -> dict[str, Any]:
        """What ``vocable coverage --json`` answers about all texts that were counted, in the order of the parts."""
        counted = TokenCounter(self.tokenizer)
        for part in parts:
            for row in part.to_pylist():
                counted.add_counted(*(row[name] for name in self.schema.names))
        return counted.coverage(_vectors(_file(*self.vectors)), file, self.k)


def _source(vectors: PathLike | Vectors) -> tuple[str, dict[str, Any]]:
    """The file of some vectors, and how it is opened."""
    if not isinstance(vectors, Vectors):
        return os.path.abspath(Table.resolve(vectors)), {}
    if vectors._source is None:
        raise VocableError(
            "expected vectors of a file, which other processes can open, found vectors in memory; save them first"
        )
    return vectors._source


def _file(path: str, options: dict[str, Any]) -> _File:
    found = os.stat(path)
    return path, tuple(sorted(options.items())), found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=4)
def _vectors(file: _File) -> Vectors:
    return Vectors._open(file[0], **dict(file[1]))


@functools.lru_cache(maxsize=4)
def _classifier(model: _File, vectors: _File | None) -> Classifier:
    return Classifier.load(model[0], None if vectors is None else _vectors(vectors))


@functools.lru_cache(maxsize=4)
def _text_vectors(vectors: _File, how: tuple[str, str, str, float], counts: _File | None) -> TextVectors:
    return TextVectors(_vectors(vectors), *how, None if counts is None else counts[0])
