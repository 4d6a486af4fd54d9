"""Distributed data sets and comparisons with `Ray <https://ray.io>`_.

>>> import ray, vocable.ray
>>> labelled = vocable.ray.predict(ray.data.read_parquet("texts/"), "model.safetensors")
>>> labelled.write_parquet("labels/")

Each Ray worker process opens the model or the table of vectors once, and all processes on a machine share the memory of
a table file. The files must exist under the same paths on all workers.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import ray
import ray.data

from . import _vocable, batches
from ._comparison import Comparison, comparison_request, comparison_result, run_options
from ._progress import ComparisonProgress, callback_and_display
from ._vectors import Vectors
from ._words import LabelledTexts, PathLike

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._training import Settings


def predict(
    dataset: ray.data.Dataset,
    model: PathLike,
    *,
    vectors: PathLike | Vectors | None = None,
    text_column: str | None = None,
    probabilities: bool = False,
    prefix: str = "",
    num_cpus: float = 1,
    batch_size: int = 4096,
    rows_per_block: int | None = 32768,
    **options: Any,
) -> ray.data.Dataset:
    """Predicts labels: adds the columns ``label`` and ``probability`` (see :class:`vocable.batches.Predict`).

    Args:
        dataset: A Ray data set with a text column.
        model: A model file.
        vectors: A file of vectors, or :class:`vocable.Vectors` opened from one, in which to look up words that the
            model has no row for.
        text_column: Name of the text column.
        probabilities: Also add a column ``probability_LABEL`` for each label.
        prefix: Prefix of the new columns' names.
        num_cpus: CPUs, and threads, per worker.
        batch_size: Number of rows in a batch.
        rows_per_block: Repartition the data set into blocks of about this many rows, so that there is work for all
            workers: a default block of Ray (128 MiB) has a million sentences. None keeps the blocks.
        **options: Other arguments of Ray's ``map_batches``.
    """
    processor = batches.Predict(
        model,
        vectors=vectors,
        text_column=text_column,
        probabilities=probabilities,
        prefix=prefix,
        threads=_threads(num_cpus),
    )
    return _map_batches(dataset, processor, batch_size, rows_per_block, num_cpus, options)


def embed(
    dataset: ray.data.Dataset,
    vectors: PathLike | Vectors,
    *,
    text_column: str | None = None,
    tokenizer: str = "unicode",
    case: str = "fold",
    weighting: str = "mean",
    a: float = 1e-3,
    counts: PathLike | None = None,
    prefix: str = "",
    num_cpus: float = 1,
    batch_size: int = 4096,
    rows_per_block: int | None = 32768,
    **options: Any,
) -> ray.data.Dataset:
    """Computes text vectors: adds the column ``vector`` (see :class:`vocable.batches.Embed`).

    The arguments are those of :class:`vocable.batches.Embed`; ``num_cpus``, ``batch_size``, ``rows_per_block`` and
    ``options`` are as in :func:`predict`.
    """
    processor = batches.Embed(
        vectors,
        text_column=text_column,
        tokenizer=tokenizer,
        case=case,
        weighting=weighting,
        a=a,
        counts=counts,
        prefix=prefix,
        threads=_threads(num_cpus),
    )
    return _map_batches(dataset, processor, batch_size, rows_per_block, num_cpus, options)


def coverage(
    dataset: ray.data.Dataset,
    vectors: PathLike | Vectors,
    *,
    text_column: str | None = None,
    tokenizer: str = "unicode",
    k: int = 10,
    num_cpus: float = 1,
    rows_per_block: int | None = 32768,
    **options: Any,
) -> dict[str, Any]:
    """Measures how many tokens of the texts are in the vocabulary (see :class:`vocable.batches.Coverage`).

    Each worker counts the words of its blocks; the words of all workers are added up and looked up in this process.
    Returns the keys of ``vocable coverage --json``. ``num_cpus``, ``rows_per_block`` and ``options`` are as in
    :func:`predict`.
    """
    processor = batches.Coverage(vectors, text_column=text_column, tokenizer=tokenizer, k=k, threads=_threads(num_cpus))
    parts = _map_batches(dataset, processor, None, rows_per_block, num_cpus, options)
    # Equally frequent words are in order of first occurrence.
    execution = parts.context.execution_options
    ordered, execution.preserve_order = execution.preserve_order, True
    try:
        return processor.total(parts.iter_batches(batch_format="pyarrow", batch_size=None))
    finally:
        execution.preserve_order = ordered


def _map_batches(
    dataset: ray.data.Dataset,
    processor: Callable[[Any], Any],
    batch_size: int | None,
    rows_per_block: int | None,
    num_cpus: float,
    options: dict[str, Any],
) -> ray.data.Dataset:
    """Repartitions a data set and maps its batches (with a batch size of None, its blocks)."""
    if rows_per_block is not None:
        dataset = dataset.repartition(target_num_rows_per_block=rows_per_block)
        if batch_size is not None:
            # Otherwise Ray merges blocks to fill a batch.
            batch_size = min(batch_size, rows_per_block)
    return dataset.map_batches(processor, batch_format="pyarrow", batch_size=batch_size, num_cpus=num_cpus, **options)


def compare(
    vectors: Vectors | Sequence[Vectors],
    train: LabelledTexts,
    dev: LabelledTexts | None = None,
    test: LabelledTexts | None = None,
    *,
    embeddings: Sequence[str] = ("frozen", "tuned", "oov-only", "random"),
    seeds: int | Sequence[int] = 3,
    train_sizes: Sequence[int | str] = (),
    sweep: dict[str, Sequence[object]] | None = None,
    watch: Sequence[str] = (),
    out: PathLike | None = None,
    jobs: int | None = None,
    checkpoint_minutes: float = 0.5,
    data_format: str | None = None,
    label_column: str | None = None,
    text_column: str | None = None,
    progress: bool | Callable[[dict], object] = True,
    num_cpus: float = 1,
    **settings: Unpack[Settings],
) -> Comparison:
    """Like :func:`vocable.compare`, with the runs as Ray tasks. The results are the same, except for durations.

    ``jobs`` is the maximum number of concurrent runs, ``num_cpus`` the number of CPUs, and threads, per run. ``out``
    must be a directory that all machines can access; on a single machine it is optional. If a worker is lost, another
    one resumes its run from the last checkpoint. The progress events are ``"skipped"``, ``"run"`` and ``"failed"``.
    Ctrl-C saves the unfinished runs and raises :class:`vocable.Interrupted`.
    """
    train, dev, test = (given if given is None else _to_workers(given) for given in (train, dev, test))
    if not ray.is_initialized():
        ray.init()
    with contextlib.ExitStack() as stack:
        if out is None:
            if sum(node["Alive"] for node in ray.nodes()) > 1:
                raise ValueError(
                    "a comparison on several machines needs a directory that all of them can access; pass out="
                )
            out = stack.enter_context(tempfile.TemporaryDirectory(prefix="vocable-"))
        request = comparison_request(
            vectors,
            {"train": train, "dev": dev, "test": test},
            {"data_format": data_format, "label_column": label_column, "text_column": text_column},
            settings,
            run_options(embeddings, seeds, train_sizes, sweep, watch, os.path.abspath(out), jobs, checkpoint_minutes),
        )
        runs = _vocable.prepare_comparison(request)
        callback, display = callback_and_display(progress, ComparisonProgress)
        try:
            _execute_runs(request, runs, jobs, num_cpus, callback)
        except KeyboardInterrupt:
            return comparison_result(*_vocable.read_comparison(request["runs"]["out"]), True)
        finally:
            if display is not None:
                display.close()
        # All runs are complete: this only computes the report.
        return comparison_result(*_vocable.compare(request, None))


def _execute_runs(
    request: dict[str, Any],
    runs: list[tuple[str, int, bool]],
    jobs: int | None,
    num_cpus: float,
    callback: Callable[[dict[str, Any]], object] | None,
) -> None:
    """Executes the runs that are not complete."""
    total, finished = sum(texts for _, texts, _ in runs), 0

    def notify(event: str, texts: int, **details: Any) -> None:
        nonlocal finished
        finished += texts
        if callback is not None:
            callback({"event": event, **details, "done": finished, "of": total, "runs": len(runs)})

    for name, texts, done in runs:
        if done:
            notify("skipped", texts, run=name)
    waiting = [(name, texts) for name, texts, done in runs if not done]
    shared_request, task, running = ray.put(request), _execute_run.options(num_cpus=num_cpus), {}
    try:
        while waiting or running:
            while waiting and len(running) < (jobs or len(runs)):
                name, texts = waiting.pop(0)
                running[task.remote(shared_request, name, _threads(num_cpus))] = name, texts
            ready, _ = ray.wait(list(running), num_returns=1)
            name, texts = running.pop(ready[0])
            try:
                scores = ray.get(ready[0])
            except ray.exceptions.RayTaskError as error:
                notify("failed", 0, run=name)
                raise error.cause from None
            notify("run", texts, **scores)
    finally:
        # After an error or Ctrl-C, the running tasks save their state and end.
        for run in running:
            ray.cancel(run)
        if running:
            ray.wait(list(running), num_returns=len(running), timeout=60)


@ray.remote
def _execute_run(request: dict[str, Any], name: str, threads: int) -> dict[str, Any] | None:
    _vocable.set_num_threads(threads)
    return _vocable.execute_run(request, name)


def _to_workers(texts: LabelledTexts) -> LabelledTexts:
    """Labelled texts for workers: a file as an absolute path, pairs as a list."""
    return os.path.abspath(texts) if isinstance(texts, (str, os.PathLike)) else list(texts)


def _threads(num_cpus: float) -> int:
    return max(1, int(num_cpus))
