"""How far a training is, for whoever waits for it: in a terminal and in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def bars() -> Any:
    """tqdm's bar, where that is installed. It is loaded when it is needed: it takes longer, and more memory, than this package."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


def observer(progress: bool | Callable[[dict], object] | None, shown: type[Shown]) -> tuple[Any, Shown | None]:
    """What the extension tells of progress, and what is shown of it, if anything."""
    if callable(progress):
        return progress, None
    if not progress:
        return None, None
    bar = shown()
    return bar, bar


class Shown:
    """A bar by tqdm, where that is installed, and lines on standard error."""

    def __init__(self):
        self.tqdm = bars()
        self.bar = None

    def at(self, done: int, of: int, what: str) -> None:
        if self.tqdm is None:
            return
        if self.bar is None:
            self.bar = self.tqdm(total=of, unit=" texts", leave=False)
        if self.bar.total != of:
            self.bar.reset(of)
        self.bar.set_description(what, refresh=False)
        self.bar.n = done
        self.bar.refresh()

    def line(self, text: str) -> None:
        if self.bar is None:
            print(text, file=sys.stderr)
        else:
            self.bar.write(text, file=sys.stderr)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


class TrainingShown(Shown):
    def __call__(self, event: dict) -> None:
        if event["event"] == "step":
            self.at(event["done"], event["of"], f"epoch {event['epoch']}")
        else:
            epoch = event["metrics"]
            self.line(
                f"epoch {epoch['epoch']:3}   loss {epoch['train_loss']:.4f}   dev accuracy "
                f"{100 * epoch['dev']['accuracy']:5.1f} %   dev loss {epoch['dev']['loss']:.4f}   {epoch['seconds']:.1f} s"
            )


class ComparisonShown(Shown):
    def __init__(self):
        super().__init__()
        self.runs = 0

    def __call__(self, event: dict) -> None:
        if event["event"] in ("skipped", "run"):
            self.runs += 1
        if event["event"] == "run":
            test = "" if event["test_accuracy"] is None else f", test {100 * event['test_accuracy']:.1f} %"
            self.line(
                f"run {self.runs} of {event['runs']}: {event['run']}: dev {100 * event['dev_accuracy']:.1f} %{test}, "
                f"{event['seconds']:.1f} s"
            )
        elif event["event"] == "failed":
            self.line(f"the run {event['run']} failed")
        self.at(event["done"], event["of"], f"{self.runs}/{event['runs']} runs")
