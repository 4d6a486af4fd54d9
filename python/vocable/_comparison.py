"""``vocable.compare``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _html, _vocable
from ._errors import Interrupted
from ._progress import ComparisonProgress, callback_and_display
from ._vectors import Vectors
from ._words import LabelledTexts, PathLike

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._training import Settings


class Comparison:
    """The result of :func:`vocable.compare`. ``str(comparison)`` is the table and summary that ``vocable compare``
    prints.

    Attributes:
        metrics: All metrics, with the keys of ``vocable compare --json``.
    """

    def __init__(self, metrics: dict[str, Any], report: _vocable.ComparisonReport):
        self.metrics = metrics
        self._report = report

    @property
    def embeddings(self) -> list[dict[str, Any]]:
        """Mean and standard deviation over the seeds, for each embedding and each combination of the other settings."""
        return self.metrics["embeddings"]

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The completed runs."""
        return self.metrics["runs"]

    @property
    def is_finished(self) -> bool:
        """Whether all runs are complete."""
        return len(self.runs) == self.metrics["planned"]

    def to_html(self) -> str:
        """The report as a self-contained HTML page with plots."""
        return self._report.html()

    def to_markdown(self) -> str:
        """The report as Markdown."""
        return self._report.markdown()

    def to_csv(self) -> str:
        """The runs as CSV, one row per run."""
        return self._report.csv()

    def __str__(self) -> str:
        return self._report.text()

    def __repr__(self) -> str:
        return f"<vocable.Comparison: {len(self.runs)} of {self.metrics['planned']} runs>"

    def _repr_html_(self) -> str:
        def mean_std(metric: dict[str, float] | None) -> str:
            return "–" if metric is None else f"{100 * metric['mean']:.1f} ± {100 * metric['std']:.1f}"

        rows = [
            (
                embedding["embedding"],
                embedding["vectors"],
                embedding["train_texts"],
                ", ".join(f"{name}={value}" for name, value in embedding["settings"].items()),
                embedding["runs"],
                mean_std(embedding["dev_accuracy"]),
                mean_std(embedding["test_accuracy"]),
                mean_std(embedding["test_macro_f1"]),
            )
            for embedding in self.embeddings
        ]
        header = ["embedding", "vectors", "texts", "settings", "runs", "dev acc %", "test acc %", "test F1 %"]
        return _html.table("Comparison", header, rows)


def compare(
    vectors: Vectors | Sequence[Vectors],
    train: LabelledTexts,
    dev: LabelledTexts | None = None,
    test: LabelledTexts | None = None,
    *,
    embeddings: Sequence[str] = ("frozen", "tuned", "oov-only", "random"),
    seeds: int | Sequence[int] = 3,
    train_sizes: Sequence[int | str] = (),
    sweep: Mapping[str, Sequence[object]] | None = None,
    watch: Sequence[str] = (),
    out: PathLike | None = None,
    jobs: int | None = None,
    checkpoint_minutes: float = 0.5,
    data_format: str | None = None,
    label_column: str | None = None,
    text_column: str | None = None,
    progress: bool | Callable[[dict], object] = True,
    **settings: Unpack[Settings],
) -> Comparison:
    """Trains the same classifier with several embeddings and seeds, and compares the results.

    There is one run for each combination of vectors, embedding, seed, train size and swept settings.

    Args:
        vectors: The pretrained vectors, or several.
        train: The train set: a file of labelled texts, or pairs of a label and a text.
        dev: The dev set, used for early stopping and model selection. Default: a tenth of the train set.
        test: The test set.
        embeddings: The embeddings to compare, of ``"frozen"``, ``"tuned"``, ``"oov-only"``, ``"random"``,
            ``"one-hot"``.
        seeds: The number of seeds (1, 2, ...), or the seeds.
        train_sizes: Also train on subsets of these sizes; ``"all"`` is the whole train set.
        sweep: Settings with several values each, such as ``{"lr": [1e-3, 3e-3]}``.
        watch: Words whose vectors are reported, no matter how far they moved in training.
        out: A directory for models and results. If it has runs of the same comparison, the comparison resumes.
            ``vocable compare --report`` can read it.
        jobs: Maximum number of concurrent runs.
        checkpoint_minutes: How often unfinished runs are saved, in minutes.
        data_format: Format of the files. Default: detected from the content.
        label_column: Name of the label column.
        text_column: Name of the text column.
        progress: As in :func:`train`; the events are ``"step"``, ``"skipped"`` (the run was complete before), ``"run"``
            (a run is complete) and ``"failed"``.
        **settings: Settings of all runs, as in :func:`train`.

    Raises:
        VocableError: A malformed file, or an invalid setting.
        Interrupted: Ctrl-C was pressed. Its ``result`` has the completed runs.
    """
    request = comparison_request(
        vectors,
        {"train": train, "dev": dev, "test": test},
        {"data_format": data_format, "label_column": label_column, "text_column": text_column},
        settings,
        run_options(embeddings, seeds, train_sizes, sweep, watch, out, jobs, checkpoint_minutes),
    )
    callback, display = callback_and_display(progress, ComparisonProgress)
    try:
        result = _vocable.compare(request, callback)
    finally:
        if display is not None:
            display.close()
    return comparison_result(*result)


def run_options(
    embeddings: Sequence[str],
    seeds: int | Sequence[int],
    train_sizes: Sequence[int | str],
    sweep: Mapping[str, Sequence[object]] | None,
    watch: Sequence[str],
    out: PathLike | None,
    jobs: int | None,
    checkpoint_minutes: float,
) -> dict[str, Any]:
    """What the runs of a comparison are, and how they are executed."""
    return {
        "embeddings": list(embeddings),
        "seeds": list(range(1, seeds + 1)) if isinstance(seeds, int) else list(seeds),
        "train_sizes": [str(size) for size in train_sizes],
        "sweeps": [f"{name.replace('_', '-')}={','.join(map(str, values))}" for name, values in (sweep or {}).items()],
        "watch": list(watch),
        "out": None if out is None else os.fspath(out),
        "jobs": jobs,
        "checkpoint_minutes": checkpoint_minutes,
    }


def comparison_request(
    vectors: Vectors | Sequence[Vectors],
    splits: dict[str, LabelledTexts | None],
    data_options: dict[str, str | None],
    settings: Mapping[str, Any],
    runs: dict[str, Any],
) -> dict[str, Any]:
    """The arguments of a comparison, as the extension module takes them."""
    return {
        "vectors": [vectors] if isinstance(vectors, Vectors) else list(vectors),
        **splits,
        "data_options": data_options,
        "settings": dict(settings),
        "runs": runs,
    }


def comparison_result(metrics: dict[str, Any], report: _vocable.ComparisonReport, interrupted: bool) -> Comparison:
    """The result of a comparison; raises :class:`Interrupted` if it was interrupted."""
    comparison = Comparison(metrics, report)
    if interrupted:
        message = f"the comparison was interrupted; {len(comparison.runs)} of {metrics['planned']} runs are complete"
        raise Interrupted(message, comparison)
    return comparison
