"""``vocable.train``, ``vocable.compare`` and ``vocable.Classifier``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from . import _html, _vocable
from ._errors import Interrupted
from ._progress import ComparisonShown, TrainingShown, observer
from ._vectors import PathLike, Vectors, as_json, listed

if TYPE_CHECKING:
    from typing import Literal

    from typing_extensions import TypedDict, Unpack

    class Settings(TypedDict, total=False):
        """How to train: the program's options by their names, with its defaults."""

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


#: Labelled texts: a file, or pairs of label and text.
Texts = Union[PathLike, Iterable[tuple[object, str]]]


class Classifier(_vocable.Classifier):
    """A text classifier that :func:`vocable.train` or the program trained. It does not change, and threads may share it."""

    @classmethod
    def load(cls, path: PathLike, vectors: Vectors | None = None) -> Classifier:
        """Opens a model file. Words that the model has no row for are looked up in ``vectors``, if they are given."""
        return cls(cls.open(path, vectors))

    @classmethod
    def from_weights(
        cls,
        weights: Mapping[str, Any] | PathLike,
        words: Sequence[str] | Mapping[str, int] | PathLike,
        labels: Sequence[str],
        *,
        tokenizer: str,
        case: str = "exact",
        pooling: str = "last",
        pad: str | None = None,
        unk: str | None = None,
    ) -> Classifier:
        """A classifier from the weights of a model that was trained in PyTorch or Keras, as ``vocable import`` makes it.

        ``weights`` maps names to tensors: a module's ``state_dict()``, or ``{weight.path: weight for weight in model.weights}`` of Keras; or it is a safetensors
        file of these. They are those of an embedding, an LSTM or plain recurrent network (tanh), and one linear layer. ``words`` has the word of
        each row of the embedding: in a list, as a mapping from word to index, or in a file. ``labels`` has one for each output; of a single output,
        the logit of a probability, the label for 0 and that for 1.

        ``tokenizer`` and ``case`` say how texts were cut and words looked up, ``pooling`` what the linear layer reads: the ``last`` states,
        or the ``mean`` or ``max`` of all. ``pad`` and ``unk`` are the vocabulary's words for a pad and for unknown words, which without
        one are read as a row of zeros.
        """
        file = (str, os.PathLike)
        given: Any = weights
        if not isinstance(weights, file):
            arrays = [(name, _array(tensor)) for name, tensor in weights.items()]
            # Whole numbers are no weights: the state of a generator of random numbers, a count of batches.
            given = [
                (name, np.ascontiguousarray(array, np.float32))
                for name, array in arrays
                if array.dtype.kind not in "biu"
            ]
        vocabulary = words if isinstance(words, file) else as_json(listed(words))
        return cls(cls._from_weights(given, vocabulary, list(labels), tokenizer, case, pooling, pad, unk))

    def predict(self, texts: str | Sequence[str]) -> Any:
        """The most probable label of each text: a list of ``str``, or a ``str`` for a single text."""
        if isinstance(texts, str):
            return self.predict_labels([texts])[0]
        return self.predict_labels(list(texts))

    def predict_proba(self, texts: str | Sequence[str]) -> np.ndarray:
        """The probability of each of :attr:`labels`, in their order: ``[texts, labels]``, or ``[labels]`` for a single text."""
        if isinstance(texts, str):
            return self.probabilities([texts])[0]
        return self.probabilities(list(texts))

    def evaluate(
        self,
        data: Texts,
        *,
        data_format: str | None = None,
        label_column: str | None = None,
        text_column: str | None = None,
    ) -> dict[str, Any]:
        """Accuracy, F1, confusion matrix and the like on labelled texts, as ``vocable predict --evaluate --json`` prints them."""
        return self.evaluated(
            data, {"data_format": data_format, "label_column": label_column, "text_column": text_column}
        )

    def __reduce__(self):
        return _unpickled, (type(self), self.to_bytes())

    def __repr__(self) -> str:
        shape = self.shape
        return (
            f"<vocable.Classifier {shape['embedding']} {shape['encoder']} {shape['hidden']}: {self.vocabulary_size:,} words, "
            f"labels {', '.join(self.labels)}>"
        )

    def _repr_html_(self) -> str:
        rows = [
            ("labels", ", ".join(self.labels)),
            ("words", f"{self.vocabulary_size:,}"),
            ("tokenizer", self.tokenizer),
            *self.shape.items(),
        ]
        return _html.table("Classifier", [], rows)


def _array(tensor: Any) -> np.ndarray:
    """The numbers of a tensor of PyTorch's, Keras' or NumPy's."""
    if hasattr(tensor, "detach"):
        # Not by way of `numpy()`: a PyTorch of before NumPy 2 refuses it beside a newer one.
        tensor = tensor.detach().cpu()
        return np.from_dlpack((tensor.float() if tensor.is_floating_point() else tensor.long()).contiguous())
    return tensor.numpy() if hasattr(tensor, "numpy") else np.asarray(tensor)


def _unpickled(cls: type[Classifier], model: bytes) -> Classifier:
    return cls(cls.from_bytes(model))


class Trained:
    """What came of a training.

    ``classifier`` is the model of the best epoch, ``metrics`` all numbers, as ``vocable train --json`` prints them. Printed it is the
    program's table.
    """

    def __init__(self, classifier: Classifier, metrics: dict[str, Any], text: str):
        self.classifier = classifier
        self.metrics = metrics
        self._text = text

    @property
    def history(self) -> list[dict[str, Any]]:
        """Losses, learning rate and metrics on the development part of each epoch."""
        return self.metrics["epochs"]

    @property
    def dev(self) -> dict[str, Any]:
        """Figures of the best epoch on the development part."""
        return self.metrics["dev"]

    @property
    def test(self) -> dict[str, Any] | None:
        """Figures of the best epoch on the test part, if there is one."""
        return self.metrics["test"]

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<vocable.Trained {self.metrics['embedding']}: dev accuracy {self.dev['accuracy']:.4f} after epoch {self.metrics['best_epoch']}>"

    def _repr_html_(self) -> str:
        parts = {"dev": self.dev, "test": self.test}
        parts = {name: metrics for name, metrics in parts.items() if metrics}
        rows = [
            [name, *(_html.percent(metrics[key]) for metrics in parts.values())]
            for name, key in [("accuracy", "accuracy"), ("macro-F1", "macro_f1"), ("weighted F1", "weighted_f1")]
        ]
        title = f"{self.metrics['embedding']}, best epoch {self.metrics['best_epoch']} of {len(self.history)}"
        return _html.table(title, ["", *parts], rows)


class Comparison:
    """What came of the runs of a comparison: ``metrics`` as ``vocable compare --json`` prints them. Printed it is the program's table, and
    what can be said of the embeddings."""

    def __init__(self, metrics: dict[str, Any], found: _vocable.Found):
        self.metrics = metrics
        self._found = found

    @property
    def embeddings(self) -> list[dict[str, Any]]:
        """Mean and deviation over the seeds, for each embedding and all that varies besides."""
        return self.metrics["embeddings"]

    @property
    def runs(self) -> list[dict[str, Any]]:
        """All runs that are done."""
        return self.metrics["runs"]

    @property
    def is_finished(self) -> bool:
        """Whether all runs are done."""
        return len(self.runs) == self.metrics["planned"]

    def to_html(self) -> str:
        """The report as a page that stands alone, with all plots."""
        return self._found.html()

    def to_markdown(self) -> str:
        """The report as Markdown."""
        return self._found.markdown()

    def to_csv(self) -> str:
        """A row for each run, as CSV."""
        return self._found.csv()

    def __str__(self) -> str:
        return self._found.text()

    def __repr__(self) -> str:
        return f"<vocable.Comparison {len(self.runs)} of {self.metrics['planned']} runs>"

    def _repr_html_(self) -> str:
        def spread(figure: dict[str, float] | None) -> str:
            return "–" if figure is None else f"{100 * figure['mean']:.1f} ± {100 * figure['std']:.1f}"

        rows = [
            (
                embedding["embedding"],
                embedding["vectors"],
                embedding["train_texts"],
                ", ".join(f"{k}={v}" for k, v in embedding["settings"].items()),
                embedding["runs"],
                spread(embedding["dev_accuracy"]),
                spread(embedding["test_accuracy"]),
                spread(embedding["test_macro_f1"]),
            )
            for embedding in self.embeddings
        ]
        head = ["embedding", "vectors", "texts", "settings", "runs", "dev acc %", "test acc %", "test F1 %"]
        return _html.table("Comparison", head, rows)


def train(
    vectors: Vectors,
    train: Texts,
    dev: Texts | None = None,
    test: Texts | None = None,
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
) -> Trained:
    """Trains a text classifier: an embedding made from the vectors, an LSTM, a linear layer.

    ``train``, ``dev`` and ``test`` are files of labelled texts, as the program reads them, or pairs of label and text. Without ``dev`` a tenth
    of ``train`` serves for it. ``embedding`` is ``frozen``, ``tuned``, ``oov-only``, ``random`` or ``one-hot``; all other ``settings`` have the names of the
    program's options (:class:`Settings`), and the same seed gives the same model, to the bit, as the program's.

    ``out`` saves the model; ``checkpoint`` saves the training under way after every epoch, and ``resume`` goes on from it. ``progress``
    shows how far it is (by tqdm, where that is installed); or it is a function that is given a dict at most every 100 ms, with the
    key ``event``: ``step`` (with ``epoch``, ``done`` and ``of``, in texts) or ``epoch`` (with its ``metrics``).

    Ctrl-C ends it after the step under way and raises :class:`Interrupted`, whose ``result`` has the best epoch so far. Other threads
    of Python run meanwhile.
    """
    told, shown = observer(progress, TrainingShown)
    form = {"data_format": data_format, "label_column": label_column, "text_column": text_column}
    given = {"embedding": embedding, "seed": seed} | {
        name: value for name, value in settings.items() if value is not None
    }
    try:
        model, metrics, text, interrupted = _vocable.train(
            vectors, train, dev, test, form, given, out, checkpoint, resume, told
        )
    finally:
        if shown is not None:
            shown.close()
    trained = Trained(Classifier(model), metrics, text) if model is not None else None
    if interrupted:
        raise Interrupted(
            "training was interrupted; its best epoch so far is in `result`"
            if trained
            else "training was interrupted before an epoch ended",
            trained,
        )
    return trained


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
    **settings: Unpack[Settings],
) -> Comparison:
    """Trains the same classifier with several embeddings and seeds, side by side, and compares.

    ``vectors`` may be several; ``train_sizes`` are numbers of texts to learn from, or ``"all"``; ``sweep`` maps a setting to several values, as
    in ``{"lr": [1e-3, 3e-3]}``. All multiply the runs. ``seeds`` is a number of seeds from 1 on, or the seeds. ``watch``
    are words whose rows are looked at after training, whether they moved far or not. With ``out`` everything is kept in a
    folder, and the same call goes on where it was left; the program's ``vocable compare --report`` reads it.

    ``progress`` as in :func:`train`, with the events ``step``, ``skipped``, ``run`` and ``failed``. Ctrl-C raises :class:`Interrupted`, whose ``result`` has the runs
    that are done.
    """
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
        out,
        jobs,
        checkpoint_minutes,
        data_format,
        label_column,
        text_column,
        settings,
    )
    told, shown = observer(progress, ComparisonShown)
    try:
        metrics, found, interrupted = _vocable.compare(asked, told)
    finally:
        if shown is not None:
            shown.close()
    return _compared(metrics, found, interrupted)


def _asked(
    vectors: Vectors | Sequence[Vectors],
    train: Texts,
    dev: Texts | None,
    test: Texts | None,
    embeddings: Sequence[str],
    seeds: int | Sequence[int],
    train_sizes: Sequence[int | str],
    sweep: dict[str, Sequence[object]] | None,
    watch: Sequence[str],
    out: PathLike | None,
    jobs: int | None,
    checkpoint_minutes: float,
    data_format: str | None,
    label_column: str | None,
    text_column: str | None,
    settings: Settings,
) -> dict[str, Any]:
    """A comparison as it is asked for, as the extension takes it."""
    return {
        "tables": [vectors] if isinstance(vectors, _vocable.Table) else list(vectors),
        "train": train,
        "dev": dev,
        "test": test,
        "form": {"data_format": data_format, "label_column": label_column, "text_column": text_column},
        "settings": {name: value for name, value in settings.items() if value is not None},
        "runs": {
            "embeddings": list(embeddings),
            "seeds": list(range(1, seeds + 1)) if isinstance(seeds, int) else list(seeds),
            "train_sizes": [str(size) for size in train_sizes],
            "sweeps": [
                f"{name.replace('_', '-')}={','.join(map(str, values))}" for name, values in (sweep or {}).items()
            ],
            "watch": list(watch),
            "out": None if out is None else os.fspath(out),
            "jobs": jobs,
            "checkpoint_minutes": checkpoint_minutes,
        },
    }


def _compared(metrics: dict[str, Any], found: _vocable.Found, interrupted: bool) -> Comparison:
    """What came of a comparison, which Ctrl-C may have ended."""
    comparison = Comparison(metrics, found)
    if interrupted:
        raise Interrupted(f"interrupted: {len(comparison.runs)} of {metrics['planned']} runs are done", comparison)
    return comparison
