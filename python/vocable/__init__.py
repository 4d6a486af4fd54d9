"""Vocable: pretrained word vectors, asked and trained on.

>>> import vocable
>>> v = vocable.open("glove.safetensors")
>>> v["king"].shape
(50,)
>>> v.most_similar("king", topn=3)  # or v.nearest("king", k=3)

:func:`open` opens vectors, :func:`train` trains a text classifier on them, :func:`compare` compares embeddings, and
:class:`Classifier` predicts. https://docs.rs/vocable has the library, ``docs/guide/python.md`` of its repository a session.
"""

from ._errors import Interrupted, UnknownWordError, VocableError
from ._training import Classifier, Comparison, Trained, compare, train
from ._vectors import Vectors, open
from ._vocable import get_num_threads, set_num_threads

#: gensim's name: ``from vocable import KeyedVectors`` in place of ``from gensim.models import KeyedVectors``.
KeyedVectors = Vectors

__all__ = [
    "Classifier",
    "Comparison",
    "Interrupted",
    "KeyedVectors",
    "Trained",
    "UnknownWordError",
    "Vectors",
    "VocableError",
    "compare",
    "get_num_threads",
    "open",
    "set_num_threads",
    "train",
]
