"""Vocable: query pretrained word vectors, and train text classifiers on them.

>>> import vocable
>>> v = vocable.open("glove.safetensors")
>>> v["king"].shape
(50,)
>>> v.most_similar("king", topn=3)  # or v.nearest("king", k=3)

:func:`open` opens word vectors, :func:`train` trains a text classifier, :func:`compare` compares embeddings, and
:class:`Classifier` predicts labels. See https://docs.rs/vocable for the Rust library, and ``docs/guide/python.md`` in
the repository for a tutorial.
"""

from ._classifier import Classifier
from ._comparison import Comparison, compare
from ._errors import Interrupted, UnknownWordError, VocableError
from ._training import TrainingResult, train
from ._vectors import Vectors, open
from ._vocable import get_num_threads, set_num_threads

#: gensim's name of the class: ``from vocable import KeyedVectors``.
KeyedVectors = Vectors

__all__ = [
    "Classifier",
    "Comparison",
    "Interrupted",
    "KeyedVectors",
    "TrainingResult",
    "UnknownWordError",
    "Vectors",
    "VocableError",
    "compare",
    "get_num_threads",
    "open",
    "set_num_threads",
    "train",
]
