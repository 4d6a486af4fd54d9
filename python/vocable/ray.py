"""Data sets and comparisons that are spread over processes and machines by `Ray <https://ray.io>`_.

>>> import ray, vocable.ray
>>> labelled = vocable.ray.predict(ray.data.read_parquet("texts/"), "model.safetensors")
>>> labelled.write_parquet("labels/")

What is worked on stays Ray's: its data sets, its tasks, its retries. Each of its worker processes opens the model or table
once, and those of a machine share a table file's memory. The files must lie where the workers are, under the same names.
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
from ._progress import ComparisonShown, observer
from ._training import Comparison, Texts, _asked, _compared
from ._vectors import PathLike, Vectors

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
    """The same rows with the columns ``label`` and ``probability``, as ``vocable predict --in`` makes them (:class:`vocable.batches.Predict`).

    A worker takes ``num_cpus`` processors, and as many threads. Ray gives a worker a block of rows at a time, and makes blocks of 128 MiB:
    a million sentences would be one worker's work. So the data set is cut anew into blocks of about ``rows_per_block`` rows; with None it is
    left as it is. All other ``options`` are those of Ray's ``map_batches``.
    """
    work = batches.Predict(
        model,
        vectors=vectors,
        text_column=text_column,
        probabilities=probabilities,
        prefix=prefix,
        threads=_threads(num_cpus),
    )
    return _mapped(dataset, work, batch_size, rows_per_block, num_cpus, options)


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
    """The same rows with a column ``vector``, as ``vocable embed`` makes it (:class:`vocable.batches.Embed`). ``num_cpus``, ``rows_per_block`` and
    ``options`` as in :func:`predict`."""
    work = batches.Embed(
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
    return _mapped(dataset, work, batch_size, rows_per_block, num_cpus, options)


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
    """How much of all texts the vectors know, as ``vocable coverage --json`` answers (:class:`vocable.batches.Coverage`). Workers count the words
    of a block each; the words of all of them are summed up and looked up here. ``num_cpus``, ``rows_per_block`` and ``options`` as in :func:`predict`."""
    work = batches.Coverage(vectors, text_column=text_column, tokenizer=tokenizer, k=k, threads=_threads(num_cpus))
    parts = _mapped(dataset, work, None, rows_per_block, num_cpus, options)
    # Of equally frequent words, the one that was met first comes first.
    execution = parts.context.execution_options
    ordered, execution.preserve_order = execution.preserve_order, True
    try:
        return work.total(parts.iter_batches(batch_format="pyarrow", batch_size=None))
    finally:
        execution.preserve_order = ordered


def _mapped(
    dataset: ray.data.Dataset,
    work: Callable[[Any], Any],
    batch_size: int | None,
    rows_per_block: int | None,
    num_cpus: float,
    options: dict[str, Any],
) -> ray.data.Dataset:
    """Has the work done on all batches (with None, on all blocks) of a data set that is cut first."""
    if rows_per_block is not None:
        dataset = dataset.repartition(target_num_rows_per_block=rows_per_block)
        if batch_size is not None:
            # Ray would put blocks together to fill a batch.
            batch_size = min(batch_size, rows_per_block)
    return dataset.map_batches(work, batch_format="pyarrow", batch_size=batch_size, num_cpus=num_cpus, **options)


def compare(
    vectors: Vectors | Sequence[Vectors],
    train: Texts,
    dev: Texts | None = None,
    test: Texts | None = None,
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
    """:func:`vocable.compare` whose runs are tasks of Ray's, with the same results but for the seconds that runs take.

    A run takes ``num_cpus`` processors, and as many threads; ``jobs`` is how many there are at once, at most. The runs are kept in ``out``, a
    folder that all machines must see; on a single machine it may be left out. A run whose worker is lost is done by another, from where it
    was last saved. Progress is told run by run (``skipped``, ``run``, ``failed``). Ctrl-C saves the runs under way and raises
    :class:`vocable.Interrupted`.
    """
    train, dev, test = (given if given is None else _sent(given) for given in (train, dev, test))
    if not ray.is_initialized():
        ray.init()
    with contextlib.ExitStack() as stack:
        if out is None:
            if sum(node["Alive"] for node in ray.nodes()) > 1:
                raise ValueError(
                    "runs on several machines are kept in a folder that all of them see: name one with out"
                )
            out = stack.enter_context(tempfile.TemporaryDirectory(prefix="vocable-"))
        asked = _asked(
            vectors,
            train,
            dev,
            test,
            embeddings,
            seeds,
            train_sizes,
            sweep,
            watch,
            os.path.abspath(out),
            jobs,
            checkpoint_minutes,
            data_format,
            label_column,
            text_column,
            settings,
        )
        runs = _vocable.begin_comparison(asked)
        told, shown = observer(progress, ComparisonShown)
        try:
            _do_runs(asked, runs, jobs, num_cpus, told)
        except KeyboardInterrupt:
            return _compared(*_vocable.read_comparison(asked["runs"]["out"]), True)
        finally:
            if shown is not None:
                shown.close()
        # Finds all of them done.
        return _compared(*_vocable.compare(asked, None))


def _do_runs(
    asked: dict[str, Any],
    runs: list[tuple[str, int, bool]],
    jobs: int | None,
    num_cpus: float,
    told: Callable[[dict[str, Any]], object] | None,
) -> None:
    """Has all runs done that are not."""
    of, reached = sum(texts for _, texts, _ in runs), 0

    def tell(event: str, texts: int, **what: Any) -> None:
        nonlocal reached
        reached += texts
        if told is not None:
            told({"event": event, **what, "done": reached, "of": of, "runs": len(runs)})

    for name, texts, done in runs:
        if done:
            tell("skipped", texts, run=name)
    waiting = [(name, texts) for name, texts, done in runs if not done]
    sent, task, under_way = ray.put(asked), _do_run.options(num_cpus=num_cpus), {}
    try:
        while waiting or under_way:
            while waiting and len(under_way) < (jobs or len(runs)):
                name, texts = waiting.pop(0)
                under_way[task.remote(sent, name, _threads(num_cpus))] = name, texts
            ready, _ = ray.wait(list(under_way), num_returns=1)
            name, texts = under_way.pop(ready[0])
            try:
                scores = ray.get(ready[0])
            except ray.exceptions.RayTaskError as error:
                tell("failed", 0, run=name)
                raise error.cause from None
            tell("run", texts, **scores)
    finally:
        # After an error, or Ctrl-C: they are saved before they end.
        for run in under_way:
            ray.cancel(run)
        if under_way:
            ray.wait(list(under_way), num_returns=len(under_way), timeout=60)


@ray.remote
def _do_run(asked: dict[str, Any], name: str, threads: int) -> dict[str, Any] | None:
    _vocable.set_num_threads(threads)
    return _vocable.do_run(asked, name)


def _sent(texts: Texts) -> Texts:
    """Labelled texts as workers get them: a file by its whole name, pairs as a list."""
    return os.path.abspath(texts) if isinstance(texts, (str, os.PathLike)) else list(texts)


def _threads(num_cpus: float) -> int:
    return max(1, int(num_cpus))
