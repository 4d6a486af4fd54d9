"""Opening, look-ups and sharing, compared with the file as NumPy reads it."""

import json
import multiprocessing
import pickle
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import vocable
from vocable import UnknownWordError, Vectors, VocableError


def test_words_and_rows_are_the_files(text, table, plain):
    words, array = plain
    for v in (text, table):
        assert len(v) == len(words) and v.dimension == v.vector_size == array.shape[1]
        assert v.vectors.dtype == np.float32 and np.array_equal(v.vectors, array)
        assert list(v) == list(v.index_to_key) == words
        assert v.index_to_key == words and v.index_to_key[-1] == words[-1] and v.index_to_key[3:9:2] == words[3:9:2]
        assert v.index_to_key[5:2:-1] == words[5:2:-1] and v.index_to_key.index("king") == words.index("king")
        assert dict(v.key_to_index) == {word: row for row, word in enumerate(words)}
        assert "king" in v and b"king" in v and "kign" not in v and None not in v and 3.5 not in v and ["king"] not in v
        assert np.allclose(v.norms, np.linalg.norm(array, axis=1), rtol=1e-6)


def test_a_row_is_a_view_and_rows_are_gathered(text, table, plain):
    words, array = plain
    for v in (text, table):
        row = v["king"]
        assert np.array_equal(row, array[words.index("king")])
        assert np.shares_memory(row, v.vectors) and not row.flags.owndata and not row.flags.writeable
        assert (
            np.array_equal(v[words.index("king")], row)
            and np.array_equal(v[np.int64(5)], array[5])
            and np.array_equal(v[b"king"], row)
        )
        some = [words[i] for i in (7, 3, 7, 0)]
        for asked in (some, tuple(some), iter(some), np.array(some), [7, 3, 7, 0], np.array([7, 3, 7, 0])):
            gathered = v[asked]
            assert gathered.shape == (4, 50) and gathered.dtype == np.float32 and gathered.flags.writeable
            assert np.array_equal(gathered, array[[7, 3, 7, 0]])
        everything = v[words]  # enough words to use several threads
        assert np.array_equal(everything, array)
        assert v[[]].shape == (0, 50)
        assert v.rows(["king", "kign"], missing=-1).tolist() == [words.index("king"), -1]


def test_what_is_lent_cannot_be_written(text, table):
    for v in (text, table):
        for array in (v.vectors, v.norms, v["king"], v.vectors[3]):
            with pytest.raises(ValueError):
                array[0] = 1.0
            with pytest.raises(ValueError):
                array.setflags(write=True)


def test_a_view_keeps_the_table_alive(table_path):
    row = vocable.open(table_path)["king"]
    again = vocable.open(table_path)["king"]
    assert np.array_equal(row, again)
    assert np.array_equal(vocable.open(table_path).vectors[:3], vocable.open(table_path).vectors[:3])


def test_unknown_words_are_key_errors_with_the_programs_text(table, program, table_path):
    for ask in (
        lambda: table["kign"],
        lambda: table[["king", "kign"]],
        lambda: table.nearest("kign"),
        lambda: table.similarity("king", "kign"),
        lambda: table.most_similar(positive=["king"], negative=["kign"]),
        lambda: table.rows(["kign"]),
        lambda: table.odd(["king", "kign"]),
        lambda: table.analogy("king", "kign", "queen"),
        lambda: table.nearest_batch([["kign"]]),
        lambda: table.get_index("kign"),
    ):
        with pytest.raises(KeyError) as caught:
            ask()
        assert (
            isinstance(caught.value, UnknownWordError)
            and isinstance(caught.value, VocableError)
            and isinstance(caught.value, ValueError)
        )
        assert caught.value.word == "kign"
        answer = subprocess.run([program, "--vectors", table_path, "nearest", "kign"], capture_output=True, text=True)
        assert answer.returncode == 1 and answer.stderr == f"error: {caught.value}\n"
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(KeyError):
        table["half a pair: \udc80"]
    assert "half a pair: \udc80" not in table
    for row in (len(table), -1):
        with pytest.raises(KeyError):
            table[row]
    with pytest.raises(TypeError):
        table[None]


def test_errors_of_files(tmp_path, program):
    def same(error, path):
        answer = subprocess.run([program, "--vectors", path, "info"], capture_output=True, text=True)
        # The program's advice names an option, and the package's an argument.
        expected = str(error).replace("pass `skip_bad_rows=True`", "use `--skip-bad-rows`")
        assert answer.returncode == 2 and answer.stderr == f"error: {expected}\n"

    with pytest.raises(FileNotFoundError) as caught:
        vocable.open(tmp_path / "none.txt")
    same(caught.value, tmp_path / "none.txt")
    assert caught.value.errno == 2
    bad = tmp_path / "bad.txt"
    bad.write_text("a 1 2 3\nb 1 x 3\n")
    with pytest.raises(VocableError) as caught:
        vocable.open(bad)
    assert "skip_bad_rows=True" in str(caught.value)
    same(caught.value, bad)
    with pytest.raises(VocableError):
        vocable.open(tmp_path)
    with pytest.raises(VocableError, match="unknown value .* \\(possible values: codes, f32\\)"):
        vocable.open(bad, exact_scan="f16")


def test_warnings_are_pythons(tmp_path):
    path = tmp_path / "twice.txt"
    path.write_text("a 1 2\nb 3 4\na 5 6\n")
    with pytest.warns(UserWarning, match="1 row was dropped: an earlier row has the same word"):
        v = vocable.open(path)
    assert len(v) == 2 and v["a"].tolist() == [1, 2]


def test_words_that_are_no_utf8(tmp_path):
    path = tmp_path / "latin1.txt"
    path.write_bytes(b"caf\xe9 1 2\ncaf\xe8 3 4\n")
    with pytest.warns(UserWarning, match="UTF-8"):
        v = vocable.open(path)
    assert v[b"caf\xe9"].tolist() == [1, 2] and v[b"caf\xe8"].tolist() == [3, 4] and v.word_bytes(1) == b"caf\xe8"
    assert v.index_to_key[:] == ["caf\ufffd"] * 2
    copy = pickle.loads(pickle.dumps(Vectors.from_arrays([b"caf\xe9", "b"], np.eye(2))))
    assert copy[b"caf\xe9"].tolist() == [1, 0]


def test_pickle_sends_the_path(table, table_path, text):
    for v in (table, text):
        sent = pickle.dumps(v)
        assert len(sent) < 1000
        copy = pickle.loads(sent)
        assert type(copy) is Vectors and np.array_equal(copy.vectors, v.vectors) and copy.index_to_key == v.index_to_key
    demo = pickle.loads(pickle.dumps(Vectors.demo()))
    assert demo.index_to_key == text.index_to_key
    reopened = pickle.loads(pickle.dumps(vocable.open(table_path, exact_scan="f32")))
    assert reopened._source[1]["exact_scan"] == "f32"


def test_pickle_from_another_folder(table_path, monkeypatch):
    monkeypatch.chdir(table_path.parent)
    sent = pickle.dumps(vocable.open(table_path.name))
    monkeypatch.chdir("/")
    assert len(pickle.loads(sent)) == 2000 or len(pickle.loads(sent)) > 0


def test_in_memory(plain):
    words, array = plain
    v = Vectors.from_arrays(words, array.astype(np.float64))
    assert np.array_equal(v.vectors, array) and v.index_to_key == words
    assert v.nearest("king", k=3) == vocable.Vectors.demo().nearest("king", k=3)
    with pytest.raises(VocableError):
        Vectors.from_arrays(words, array[:-1])
    few = Vectors(v.subset(["king", 5, "queen"]))
    assert list(few) == ["king", words[5], "queen"] and np.array_equal(few["king"], v["king"])


def test_formats_are_written_and_read(table, tmp_path):
    for name in ("t.txt", "t.vec", "t.bin", "t.npy", "t.safetensors", "t.txt.gz"):
        files = table.save(tmp_path / name)
        assert files[0] == str(tmp_path / name)
        again = vocable.open(tmp_path / name)
        assert np.array_equal(again.vectors, table.vectors) and again.index_to_key == table.index_to_key, name
    table.save(tmp_path / "half.safetensors", dtype="f16")
    assert np.array_equal(
        vocable.open(tmp_path / "half.safetensors").vectors, table.vectors.astype(np.float16).astype(np.float32)
    )
    with pytest.raises(VocableError):
        table.save(tmp_path / "t.unknown")


def test_the_table_file_is_safetensors(table_path, table):
    from safetensors.numpy import load_file

    tensors = load_file(table_path)
    assert np.array_equal(tensors["vectors"], table.vectors) and np.array_equal(tensors["norms"], table.norms)
    table.verify()


def test_fasttext_makes_vectors_of_unknown_words(fixtures):
    v = vocable.open(fixtures / "fasttext.8d.bin")
    expected = json.loads((fixtures / "fasttext.8d.json").read_text())
    made = list((expected["words"] | expected["absent"]).items())
    assert made
    for word, vector in made:
        assert word in v and np.allclose(v[word], vector, atol=1e-6)
    gathered = v[[word for word, _ in made]]
    assert np.allclose(gathered, [vector for _, vector in made], atol=1e-6)
    assert any(not v.has_index_for(word) for word, _ in made)


def ask(v):
    return (
        v.nearest("king", k=5),
        v.analogy("man", "king", "woman", k=2),
        v.similarity("king", "queen"),
        v[["king", "queen"]].tolist(),
    )


def in_child(v, queue):
    queue.put(ask(v))


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("kind", ["text", "table"])
def test_other_processes(method, kind, request):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    v = request.getfixturevalue(kind)
    expected = ask(v)  # the parent uses its threads before the fork
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        children = [context.Process(target=in_child, args=(v, queue)) for _ in range(2)]
        for child in children:
            child.start()
    assert [queue.get(timeout=60) for _ in children] == [expected] * 2
    for child in children:
        child.join(60)
        assert child.exitcode == 0


def test_threads_share_a_table(table):
    expected = ask(table)
    found = []
    threads = [threading.Thread(target=lambda: found.extend(ask(table) for _ in range(50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 200


def test_other_threads_run_while_it_works(text):
    """The GIL is released: this thread counts while another one runs queries."""
    done = threading.Event()
    asker = threading.Thread(target=lambda: (text.nearest_batch([list(text)[:1000] for _ in range(200)]), done.set()))
    asker.start()
    counted = 0
    while not done.is_set():
        counted += 1
    asker.join()
    assert counted > 0


def test_notebooks_and_terminals_see_something(table):
    assert repr(table).endswith(f"{len(table):,} words x 50>") and "demo.safetensors" in repr(table)
    assert "<table>" in table._repr_html_() and "dimension" in table._repr_html_()


def test_imports_without_tqdm():
    code = "import sys; sys.modules['tqdm'] = sys.modules['tqdm.auto'] = None; import vocable; print(len(vocable.Vectors.demo()) > 0)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True\n"


def test_names_of_fetched_vectors_stand_for_their_tables(text, tmp_path, monkeypatch):
    monkeypatch.setenv("VOCABLE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VocableError, match="not downloaded yet; download them with `vocable get glove.6B.50d`"):
        vocable.open("glove.6B.50d")
    with pytest.raises(VocableError, match="did you mean `glove.6B.50d`"):
        vocable.open("glove.6b.50d")
    fetched = tmp_path / "data" / "vectors" / "glove.6B.50d"
    fetched.mkdir(parents=True)
    text.save(fetched / "glove.6B.50d.safetensors")
    named = vocable.open("glove.6B.50d")
    assert named.index_to_key == text.index_to_key
    # Another process, or another working directory, opens the same file.
    monkeypatch.setenv("VOCABLE_DATA", "elsewhere")
    assert np.array_equal(pickle.loads(pickle.dumps(named)).vectors, text.vectors)
    # A file of that name takes precedence.
    Vectors.from_arrays(["king", "queen"], text[["king", "queen"]]).save(tmp_path / "glove.txt")
    (tmp_path / "glove.txt").rename(tmp_path / "glove.6B.50d")
    assert len(vocable.open("glove.6B.50d")) == 2
