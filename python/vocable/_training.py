"""``vocable.train``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _html, _vocable
from ._classifier import Classifier
from ._errors import Interrupted
from ._progress import TrainingProgress, callback_and_display
from ._vectors import Vectors
from ._words import LabelledTexts, PathLike

if TYPE_CHECKING:
    from typing import Literal

    from typing_extensions import TypedDict, Unpack

    class Settings(TypedDict, total=False):
        """Training settings. They have the names and defaults of the options of ``vocable train``; None disables a
        limit."""

        tokenizer: Literal["unicode", "ptb", "whitespace", "jieba"]
        case: Literal["exact", "fold"]
        encoder: Literal["lstm", "rnn"]
        hidden: int
        layers: int
        bidirectional: bool
        pooling: Literal["last", "mean", "max"]
        epochs: int
        patience: int | None
        batch: int
        optimizer: Literal["adam", "adamw", "sgd"]
        lr: float
        embedding_lr: float | None
        unfreeze_after: int
        max_norm: float | None
        weight_decay: float
        momentum: float
        schedule: Literal["constant", "linear", "cosine"]
        warmup: float
        class_weights: str
        label_smoothing: float
        clip: float | None
        dropout: float
        embedding_dropout: float
        word_dropout: float
        oov_std: float
        random_std: float | None


class TrainingResult:
    """The result of :func:`vocable.train`. ``str(result)`` is the table that ``vocable train`` prints.

    Attributes:
        classifier: The model of the best epoch.
        metrics: All metrics, with the keys of ``vocable train --json``.
    """

    def __init__(self, classifier: Classifier, metrics: dict[str, Any], text: str):
        self.classifier = classifier
        self.metrics = metrics
        self._text = text

    @property
    def history(self) -> list[dict[str, Any]]:
        """Loss, learning rate and dev metrics of each epoch."""
        return self.metrics["epochs"]

    @property
    def dev(self) -> dict[str, Any]:
        """Metrics of the best epoch on the dev set."""
        return self.metrics["dev"]

    @property
    def test(self) -> dict[str, Any] | None:
        """Metrics of the best epoch on the test set; None without a test set."""
        return self.metrics["test"]

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        embedding, best = self.metrics["embedding"], self.metrics["best_epoch"]
        return f"<vocable.TrainingResult {embedding}: dev accuracy {self.dev['accuracy']:.4f} after epoch {best}>"

    def _repr_html_(self) -> str:
        splits = {"dev": self.dev, "test": self.test}
        splits = {name: metrics for name, metrics in splits.items() if metrics}
        rows = [
            [name, *(_html.percent(metrics[key]) for metrics in splits.values())]
            for name, key in [("accuracy", "accuracy"), ("macro-F1", "macro_f1"), ("weighted F1", "weighted_f1")]
        ]
        title = f"{self.metrics['embedding']}, best epoch {self.metrics['best_epoch']} of {len(self.history)}"
        return _html.table(title, ["", *splits], rows)


def train(
    vectors: Vectors,
    train: LabelledTexts,
    dev: LabelledTexts | None = None,
    test: LabelledTexts | None = None,
    *,
    embedding: str = "tuned",
    seed: int = 1,
    out: PathLike | None = None,
    checkpoint: PathLike | None = None,
    resume: bool = False,
    data_format: str | None = None,
    label_column: str | None = None,
    text_column: str | None = None,
    progress: bool | Callable[[dict], object] = True,
    **settings: Unpack[Settings],
) -> TrainingResult:
    """Trains a text classifier: an embedding layer initialised from vectors, an LSTM, and a linear layer.

    The same arguments and seed give the same model, bit for bit, as ``vocable train``. The GIL is released during
    training.

    Args:
        vectors: The pretrained vectors.
        train: The train set: a file of labelled texts, or pairs of a label and a text.
        dev: The dev set, used for early stopping and model selection. Default: a tenth of the train set.
        test: The test set.
        embedding: ``"frozen"``, ``"tuned"``, ``"oov-only"``, ``"random"`` or ``"one-hot"``.
        seed: Random seed.
        out: Where to save the model.
        checkpoint: Where to save the training after every epoch.
        resume: Resume from ``checkpoint`` if it exists.
        data_format: Format of the files. Default: detected from the content.
        label_column: Name of the label column.
        text_column: Name of the text column.
        progress: Whether to show progress (with tqdm, if it is installed); or a function that is called with a dict at
            most every 100 ms. Its key ``event`` is ``"step"`` (with ``epoch``, ``done`` and ``of``, in texts) or
            ``"epoch"`` (with ``metrics``).
        **settings: Other settings, named like the options of ``vocable train``, such as ``hidden=128``, ``epochs=10``
            or ``lr=1e-3``.

    Raises:
        VocableError: A malformed file, or an invalid setting.
        Interrupted: Ctrl-C was pressed. Its ``result`` has the best epoch so far.
    """
    callback, display = callback_and_display(progress, TrainingProgress)
    data_options = {"data_format": data_format, "label_column": label_column, "text_column": text_column}
    all_settings = {"embedding": embedding, "seed": seed, **settings}
    try:
        model, metrics, text, interrupted = _vocable.train(
            vectors, train, dev, test, data_options, all_settings, out, checkpoint, resume, callback
        )
    finally:
        if display is not None:
            display.close()
    result = TrainingResult(Classifier(model), metrics, text) if model is not None else None
    if interrupted:
        message = (
            "training was interrupted; `result` has the best epoch so far"
            if result
            else "training was interrupted before the end of the first epoch"
        )
        raise Interrupted(message, result)
    return result
