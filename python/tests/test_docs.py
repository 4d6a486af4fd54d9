"""Runs the Python sessions in docs; the migration guides also run the other tool."""

import doctest
import os
import re
import warnings

import pytest

# Each page with a session, and the packages that it needs in addition to NumPy.
PAGES = {
    "guide/python.md": ["torch"],
    "guide/initialising.md": ["torch"],
    "guide/from-gensim.md": ["gensim"],
    "guide/from-finalfusion.md": ["finalfusion"],
    "guide/from-torchtext.md": ["torch", "torchtext"],
    "guide/from-keras.md": ["keras"],
    "internals/exact-scan.md": [],
    "internals/lstm-backward.md": [],
}


@pytest.mark.parametrize("page", PAGES)
def test_session_output_is_as_shown(page, fixtures, tmp_path, monkeypatch):
    # Keras uses NumPy unless configured otherwise; TensorFlow is not needed.
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "numpy"))
    path = fixtures.parent / "docs" / page
    with warnings.catch_warnings():
        # PyTorch builds for NumPy 1 warn that they cannot use NumPy 2; the sessions do not need it.
        warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
        for peer in PAGES[page]:
            pytest.importorskip(peer, exc_type=ImportError)
        (tmp_path / "fixtures").symlink_to(fixtures)
        monkeypatch.chdir(tmp_path)
        names = {}
        if page == "internals/lstm-backward.md":  # the functions that its session calls
            exec(re.search(r"```python\n(import.*?)```", path.read_text(), re.DOTALL)[1], names)
        outcome = doctest.testfile(
            str(path), module_relative=False, optionflags=doctest.IGNORE_EXCEPTION_DETAIL, globs=names
        )
    assert outcome.failed == 0 and outcome.attempted >= 6


def test_every_page_with_a_session_is_tested(fixtures):
    docs = fixtures.parent / "docs"
    elsewhere = {"guide/scale.md"}  # test_ray.py and test_spark.py
    with_session = {str(page.relative_to(docs)) for page in docs.rglob("*.md") if "\n>>> " in page.read_text()}
    assert with_session == {*PAGES, *elsewhere}
