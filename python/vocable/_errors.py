"""The package's exceptions. Files that cannot be read raise ``FileNotFoundError`` and the other kinds of ``OSError``."""

from __future__ import annotations

from typing import Any


class VocableError(ValueError):
    """What the library refuses: a damaged file, a setting outside its range. The text is the program's."""

    __module__ = "vocable"


class UnknownWordError(VocableError, KeyError):
    """A word that the vocabulary does not hold; ``word`` tells which.

    Words that are spelt like it are looked for when the text is first read, so that who only catches the error does not
    wait for them.
    """

    __module__ = "vocable"

    def __init__(self, word: str, table: Any = None, text: str | None = None):
        super().__init__(word)
        self.word = word
        self._table = table
        self._text = text

    def __str__(self) -> str:
        if self._text is None:
            self._text = (
                f"`{self.word}` is not in the vocabulary" if self._table is None else self._table._explain(self.word)
            )
            self._table = None
        return self._text

    def __reduce__(self):
        return type(self), (self.word, None, str(self))


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop button, ended a training or a comparison.

    ``result`` is what there is by then: of :func:`vocable.train` the best epoch so far (None before the first ended), of
    :func:`vocable.compare` the runs that are done.
    """

    __module__ = "vocable"

    def __init__(self, text: str, result: Any = None):
        super().__init__(text)
        self.result = result
