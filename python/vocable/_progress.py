"""Progress of training, in terminals and notebooks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def _tqdm() -> Any:
    """tqdm's progress bar, or None if it is not installed. It is imported on demand because that is slow."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


def callback_and_display(
    progress: bool | Callable[[dict], object] | None, display: type[ProgressDisplay]
) -> tuple[Any, ProgressDisplay | None]:
    """The callback for the extension module, and the display to close at the end, if any."""
    if callable(progress):
        return progress, None
    if not progress:
        return None, None
    shown = display()
    return shown, shown


class ProgressDisplay:
    """A tqdm progress bar, if tqdm is installed, and lines on standard error."""

    def __init__(self):
        self.tqdm = _tqdm()
        self.bar = None

    def update(self, done: int, total: int, description: str) -> None:
        if self.tqdm is None:
            return
        if self.bar is None:
            self.bar = self.tqdm(total=total, unit=" texts", leave=False)
        if self.bar.total != total:
            self.bar.reset(total)
        self.bar.set_description(description, refresh=False)
        self.bar.n = done
        self.bar.refresh()

    def print(self, text: str) -> None:
        if self.bar is None:
            print(text, file=sys.stderr)
        else:
            self.bar.write(text, file=sys.stderr)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


class TrainingProgress(ProgressDisplay):
    """Shows the events of a training run."""

    def __call__(self, event: dict) -> None:
        if event["event"] == "step":
            self.update(event["done"], event["of"], f"epoch {event['epoch']}")
        else:
            epoch = event["metrics"]
            self.print(
                f"epoch {epoch['epoch']:3}   loss {epoch['train_loss']:.4f}   dev accuracy "
                f"{100 * epoch['dev']['accuracy']:5.1f} %   dev loss {epoch['dev']['loss']:.4f}   {epoch['seconds']:.1f} s"
            )


class ComparisonProgress(ProgressDisplay):
    """Shows the events of a comparison."""

    def __init__(self):
        super().__init__()
        self.runs = 0

    def __call__(self, event: dict) -> None:
        if event["event"] in ("skipped", "run"):
            self.runs += 1
        if event["event"] == "run":
            test = "" if event["test_accuracy"] is None else f", test {100 * event['test_accuracy']:.1f} %"
            self.print(
                f"run {self.runs} of {event['runs']}: {event['run']}: dev {100 * event['dev_accuracy']:.1f} %{test}, "
                f"{event['seconds']:.1f} s"
            )
        elif event["event"] == "failed":
            self.print(f"run {event['run']} failed")
        self.update(event["done"], event["of"], f"{self.runs}/{event['runs']} runs")
