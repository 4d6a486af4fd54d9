"""The sessions of the pages in docs, line by line; on the pages for those who come from another tool, both sides."""

import doctest
import os
import re
import warnings

import pytest

# Each page with a session, and what it needs besides this package and NumPy.
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
def test_the_session_is_as_it_is_shown(page, fixtures, tmp_path, monkeypatch):
    # Keras on NumPy, unless its user says otherwise. TensorFlow is not needed, and not looked for.
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "numpy"))
    path = fixtures.parent / "docs" / page
    with warnings.catch_warnings():
        # PyTorch of before NumPy 2 says that it cannot talk to it; these lines do not ask it to.
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


def test_every_page_with_a_session_is_run(fixtures):
    docs = fixtures.parent / "docs"
    elsewhere = {"guide/scale.md"}  # test_ray.py and test_spark.py
    with_session = {str(page.relative_to(docs)) for page in docs.rglob("*.md") if "\n>>> " in page.read_text()}
    assert with_session == {*PAGES, *elsewhere}
