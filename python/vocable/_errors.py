"""Exceptions. Files that cannot be read raise ``FileNotFoundError`` or another ``OSError``."""

from __future__ import annotations

from typing import Any


class VocableError(ValueError):
    """Invalid input, such as a malformed file or an argument outside its range."""

    __module__ = "vocable"


class UnknownWordError(VocableError, KeyError):
    """A word that is not in the vocabulary.

    The message suggests similar words. They are searched when the message is first read, so that catching the error is
    fast.

    Attributes:
        word: The unknown word.
    """

    __module__ = "vocable"

    def __init__(self, word: str, vectors: Any = None, message: str | None = None):
        super().__init__(word)
        self.word = word
        self._vectors = vectors
        self._message = message

    def __str__(self) -> str:
        if self._message is None:
            if self._vectors is None:
                self._message = f"`{self.word}` is not in the vocabulary"
            else:
                self._message = self._vectors._unknown_word_message(self.word)
            self._vectors = None
        return self._message

    def __reduce__(self):
        return type(self), (self.word, None, str(self))


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or the stop button of a notebook, interrupted training or a comparison.

    Attributes:
        result: The result so far. For :func:`vocable.train`, the best epoch, or None before the end of the first epoch;
            for :func:`vocable.compare`, the completed runs.
    """

    __module__ = "vocable"

    def __init__(self, message: str, result: Any = None):
        super().__init__(message)
        self.result = result
