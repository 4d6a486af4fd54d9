"""``vocable.Classifier``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _html, _vocable
from ._vectors import Vectors
from ._words import LabelledTexts, PathLike, vocabulary_json, vocabulary_list


class Classifier(_vocable.Classifier):
    """A trained text classifier, from :func:`vocable.train` or a model file. It is immutable and thread-safe.

    ``labels`` are the class labels, in the order of the probabilities.
    """

    @classmethod
    def load(cls, path: PathLike, vectors: Vectors | None = None) -> Classifier:
        """Loads a model file.

        Args:
            path: A model file that :meth:`save`, :func:`vocable.train` or ``vocable train`` has written.
            vectors: Vectors in which to look up words that the model has no row for.
        """
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
        """Imports a model that was trained with PyTorch or Keras, like ``vocable import``.

        The model must consist of an embedding, an LSTM or a plain recurrent network (tanh), and one linear layer.

        Args:
            weights: The tensors by name: ``module.state_dict()`` in PyTorch,
                ``{weight.path: weight for weight in model.weights}`` in Keras, or a safetensors file of these.
            words: The words of the embedding rows: a list, a mapping from word to row, or a vocabulary file.
            labels: One label per output. For a model with a single output (the logit of a probability), the labels for
                0 and 1.
            tokenizer: The tokenizer that the model was trained with.
            case: How words are looked up: ``"exact"`` or ``"fold"`` (also in lower case).
            pooling: The input of the linear layer: the ``"last"`` states, or the ``"mean"`` or ``"max"`` of all states.
            pad: The padding word of the vocabulary.
            unk: The word of the vocabulary that stands for unknown words. Without it, unknown words are zero vectors.
        """
        file_types = (str, os.PathLike)
        tensors: Any = weights
        if not isinstance(weights, file_types):
            arrays = [(name, _to_numpy(tensor)) for name, tensor in weights.items()]
            # Integers are not weights, but for example the state of a random generator or a batch count.
            tensors = [
                (name, np.ascontiguousarray(array, np.float32))
                for name, array in arrays
                if array.dtype.kind not in "biu"
            ]
        vocabulary = words if isinstance(words, file_types) else vocabulary_json(vocabulary_list(words))
        return cls(cls._from_weights(tensors, vocabulary, list(labels), tokenizer, case, pooling, pad, unk))

    def predict(self, texts: str | Sequence[str]) -> Any:
        """Predicts labels: a list of ``str``, or a single ``str`` for a single text."""
        if isinstance(texts, str):
            return self.predict_labels([texts])[0]
        return self.predict_labels(list(texts))

    def predict_proba(self, texts: str | Sequence[str]) -> np.ndarray:
        """Predicts probabilities: an array ``[texts, labels]``, or ``[labels]`` for a single text."""
        if isinstance(texts, str):
            return self.probabilities([texts])[0]
        return self.probabilities(list(texts))

    def evaluate(
        self,
        data: LabelledTexts,
        *,
        data_format: str | None = None,
        label_column: str | None = None,
        text_column: str | None = None,
    ) -> dict[str, Any]:
        """Computes accuracy, F1, the confusion matrix and other metrics on labelled texts.

        Returns the same keys as ``vocable predict --evaluate --json``.

        Args:
            data: A file of labelled texts, or pairs of a label and a text.
            data_format: Format of the file. Default: detected from the content.
            label_column: Name of the label column.
            text_column: Name of the text column.
        """
        return self._evaluate(
            data, {"data_format": data_format, "label_column": label_column, "text_column": text_column}
        )

    def __reduce__(self):
        return _unpickle, (type(self), self.to_bytes())

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


def _to_numpy(tensor: Any) -> np.ndarray:
    """A tensor of PyTorch, Keras or NumPy as a NumPy array."""
    if hasattr(tensor, "detach"):
        # Not `numpy()`: PyTorch builds for NumPy 1 reject NumPy 2.
        tensor = tensor.detach().cpu()
        return np.from_dlpack((tensor.float() if tensor.is_floating_point() else tensor.long()).contiguous())
    return tensor.numpy() if hasattr(tensor, "numpy") else np.asarray(tensor)


def _unpickle(cls: type[Classifier], model: bytes) -> Classifier:
    return cls(cls.from_bytes(model))
