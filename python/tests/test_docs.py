"""The session of docs/python.md, line by line."""

import doctest
import warnings

import pytest


def test_the_session_is_as_it_is_shown(fixtures, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    (tmp_path / "fixtures").symlink_to(fixtures)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        # PyTorch of before NumPy 2 says that it cannot talk to it; these lines do not ask it to.
        warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
        outcome = doctest.testfile(str(fixtures.parent / "docs" / "python.md"), module_relative=False, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert outcome.failed == 0 and outcome.attempted > 30
