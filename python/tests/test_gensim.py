"""gensim's tests of KeyedVectors (reading and queries), run on the class of this package.

They are part of gensim: `gensim/test/test_keyedvectors.py` and its data. Every test of that file runs, unless it is
listed below with the reason for skipping it.
"""

import unittest
from unittest import mock

import gensim.models
import gensim.test.test_keyedvectors as theirs
import pytest
from vocable import KeyedVectors

CHANGES = "modifies vectors, which are immutable"
SKIPPED = {
    "TestKeyedVectors": {
        "test_add_single": CHANGES,
        "test_add_multiple": CHANGES,
        "test_add_type": CHANGES,
        "test_set_item": CHANGES,
        "test_save_reload": CHANGES + " (saving and reopening: test_vectors.py)",
        "test_no_header": CHANGES + " (saving without a header: test_header_is_a_matter_of_choice)",
    },
    "Gensim320Test": {
        "test": "reads a pickle of gensim 3.2, which is not supported (test_pickles_of_gensims_are_refused)"
    },
}


def adapted(case):
    """A test case of gensim without the skipped tests."""
    skipped = {name: None for name in SKIPPED.get(case.__name__, {})}
    return pytest.mark.usefixtures("ours")(type(case.__name__, (case,), skipped))


@pytest.fixture
def ours():
    with (
        mock.patch.object(theirs, "KeyedVectors", KeyedVectors),
        mock.patch.object(gensim.models, "KeyedVectors", KeyedVectors),
        mock.patch.object(theirs.gensim.models.keyedvectors, "_load_word2vec_format", load),
    ):
        yield


def load(cls, fname, binary_chunk_size, **options):
    """gensim reads in chunks, whose size its tests vary; this package maps the file."""
    return cls.load_word2vec_format(fname, **options)


TestKeyedVectors = adapted(theirs.TestKeyedVectors)
LoadWord2VecFormatTest = adapted(theirs.LoadWord2VecFormatTest)


def test_nothing_is_left_out_silently():
    cases = {
        name: case
        for name, case in vars(theirs).items()
        if isinstance(case, type) and issubclass(case, unittest.TestCase)
    }
    assert set(cases) == {"TestKeyedVectors", "LoadWord2VecFormatTest", "Gensim320Test"}
    for name, tests in SKIPPED.items():
        assert set(tests) <= set(vars(cases[name])), name
    run = [
        test
        for name, case in cases.items()
        for test in vars(case)
        if test.startswith("test") and test not in SKIPPED.get(name, {})
    ]
    assert len(run) >= 25


def test_header_is_a_matter_of_choice(text, tmp_path):
    for binary, header in ((False, True), (False, False), (True, True)):
        text.save_word2vec_format(tmp_path / "v", binary=binary, write_header=header)
        for kind in (KeyedVectors, gensim.models.keyedvectors.KeyedVectors):
            again = kind.load_word2vec_format(tmp_path / "v", binary=binary, no_header=not header)
            assert list(again.index_to_key) == list(text.index_to_key) and (again.vectors == text.vectors).all()


def test_pickles_of_gensims_are_refused(tmp_path):
    from vocable import VocableError

    peer = gensim.models.keyedvectors.KeyedVectors(2)
    peer.add_vectors(["a"], [[1.0, 2.0]])
    peer.save(str(tmp_path / "peer.kv"))
    with pytest.raises(VocableError, match="Python pickle"):
        KeyedVectors.load(tmp_path / "peer.kv")


def test_what_is_saved_under_gensims_endings_is_loaded_again(text, tmp_path):
    for name in ("vectors.kv", "word2vec.wordvectors", "vectors"):
        text.save(tmp_path / name)
        again = KeyedVectors.load(tmp_path / name, mmap="r")
        assert again.format == "table" and (again.vectors == text.vectors).all()


def test_load_opens_any_file(table_path, table):
    assert KeyedVectors.load(table_path, mmap="r").index_to_key == table.index_to_key
