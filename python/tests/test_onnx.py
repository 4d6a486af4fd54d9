"""ONNX export: onnxruntime computes the same results as the library."""

import itertools
import json
import subprocess

import numpy as np
import pytest
import vocable
from vocable import Classifier, VocableError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

DATA = [
    ("good", "a great film"),
    ("bad", "a dull film , and never great"),
    ("mixed", "great and dull moment in a wonderful film ."),
    ("good", "wonderful"),
    ("bad", "dull , dull , dull"),
    ("mixed", "a film of zzyzx moments"),
]
#: Texts of many lengths: empty, with unknown words, in capitals, longer than any text of the train set.
TEXTS = [
    "a great film",
    "",
    "dull",
    "a wonderful film xyzzy , and never a dull moment .",
    "A GREAT Film",
    "xyzzy",
    " ".join(text for _, text in DATA * 3),
    "never",
    "great and great and great",
]
EMBEDDINGS = ["frozen", "tuned", "oov-only", "random", "one-hot"]


def session(path):
    onnx.checker.check_model(path, full_check=True)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def read(metadata, text):
    """The ids of a text, tokenized at whitespace."""
    known = {word: id for id, word in enumerate(json.loads(metadata["words"]), 2)}
    fold = metadata["case"] == "fold"
    return [known.get(word, known.get(word.lower(), 1) if fold else 1) for word in text.split()]


def padded(rows, width, filler):
    """Ids `[batch, width]`, with arbitrary values after the end of each text, and lengths `[batch]`."""
    ids = filler((len(rows), width)).astype(np.int64)
    for row, found in zip(ids, rows):
        row[: len(found)] = found
    return {"ids": ids, "lengths": np.array([len(row) for row in rows], np.int64)}


def centred(logits):
    return logits - logits.mean(axis=1, keepdims=True)


def assert_same(path, classifier, texts):
    """Runs the model on batches of several sizes and widths; returns the largest difference of a logit."""
    ran = session(path)
    metadata = ran.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["labels"]) == classifier.labels and metadata["tokenizer"] == classifier.tokenizer
    rows = [read(metadata, text) for text in texts]
    assert [(len(row), row.count(1)) for row in rows] == classifier.words(texts)
    longest = max(map(len, rows))
    chance = np.random.default_rng(1)
    fillers = [np.zeros, np.ones, lambda shape: chance.integers(0, len(json.loads(metadata["words"])) + 2, shape)]
    probabilities = classifier.predict_proba(texts)
    # Logits up to a constant per text, which probabilities do not determine.
    expected = centred(np.log(probabilities.astype(np.float64)))
    assert np.abs(expected).max() > 0.01, "logits that are all the same compare nothing"
    batches = [(list(range(len(rows))), longest + more) for more in (0, 1, 7)]
    batches += [([text], len(rows[text]) + more) for text in range(len(rows)) for more in (0, 3)]
    batches += [([6, 0], longest), ([1, 1], 0), ([5, 3, 1], 12), ([0, 4], 3)]
    largest = 0.0
    for number, (batch, width) in enumerate(batches):
        given = padded([rows[text] for text in batch], width, fillers[number % len(fillers)])
        logits, its = ran.run(["logits", "probabilities"], given)
        assert (
            logits.shape == its.shape == (len(batch), len(classifier.labels))
            and logits.dtype == its.dtype == np.float32
        )
        largest = max(largest, np.abs(centred(logits.astype(np.float64)) - expected[batch]).max())
        assert np.abs(its - probabilities[batch]).max() < 1e-6
    assert largest < 1e-5
    return largest


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("encoder", ["lstm", "rnn"])
def test_every_model_answers_the_same(embedding, encoder, table, tmp_path):
    path = tmp_path / "model.onnx"
    for layers, bidirectional, pooling in itertools.product((1, 2, 3, 4), (False, True), ("last", "mean", "max")):
        trained = vocable.train(
            table,
            DATA,
            DATA,
            embedding=embedding,
            encoder=encoder,
            layers=layers,
            bidirectional=bidirectional,
            pooling=pooling,
            hidden=7,
            lr=0.02,
            epochs=4,
            patience=None,
            batch=3,
            tokenizer="whitespace",
            case="fold" if layers % 2 else "exact",
            progress=False,
        )
        trained.classifier.export_onnx(path)
        assert_same(path, trained.classifier, TEXTS)


@pytest.fixture(scope="module")
def trained(table):
    return vocable.train(
        table, DATA, DATA, hidden=7, epochs=4, patience=None, tokenizer="whitespace", case="fold", progress=False
    ).classifier


def test_the_program_writes_the_same_bytes(trained, program, tmp_path):
    model, ours, its, words = (tmp_path / name for name in ("model.safetensors", "ours.onnx", "its.onnx", "words.json"))
    trained.save(model)
    trained.export_onnx(ours, vocabulary=tmp_path / "ours.json")
    argv = [program, "export", model, its, "--vocabulary", words, "--json"]
    answer = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    assert its.read_bytes() == ours.read_bytes() and words.read_bytes() == (tmp_path / "ours.json").read_bytes()
    assert (
        answer["bytes"] == its.stat().st_size
        and answer["labels"] == trained.labels
        and answer["words"] == trained.vocabulary_size
    )
    # The separate file has the same content as the metadata.
    separate = json.loads(words.read_text())
    metadata = session(its).get_modelmeta().custom_metadata_map
    assert separate == {
        key: json.loads(value) if key in ("labels", "words") else value for key, value in metadata.items()
    }
    assert onnx.load(its).opset_import[0].version == answer["opset"]


def test_what_cannot_be_written_is_said(trained, program, tmp_path):
    trained.save(tmp_path / "model.safetensors")
    with pytest.raises((FileNotFoundError, VocableError), match="nowhere"):
        trained.export_onnx(tmp_path / "nowhere" / "model.onnx")
    done = subprocess.run(
        [program, "export", tmp_path / "model.safetensors", tmp_path / "model.pb"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "a name that ends in .onnx" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_the_lines_of_the_documentation(trained, fixtures, tmp_path, monkeypatch):
    """The class in docs/reference/models.md, with a model of this package."""
    document = (fixtures.parent / "docs" / "reference" / "models.md").read_text()
    lines = {}
    exec(document.split("```python\n")[1].split("```")[0], lines)
    trained.export_onnx(tmp_path / "model.onnx")
    answers = lines["Model"](tmp_path / "model.onnx").predict(TEXTS)
    assert [label for label, _ in answers] == trained.predict(TEXTS)
    assert np.allclose([probability for _, probability in answers], trained.predict_proba(TEXTS).max(axis=1), atol=1e-6)


def test_real_reviews(shared, tmp_path):
    vectors = vocable.open(shared / "glove.6B.50d.head.txt")
    parts = [shared / f"sst2.{name}.txt" for name in ("train", "dev", "test")]
    classifier = vocable.train(
        vectors, *parts, hidden=64, epochs=1, bidirectional=True, tokenizer="whitespace", progress=False
    ).classifier
    classifier.export_onnx(tmp_path / "model.onnx")
    texts = [line.split(" ", 1)[1] for line in parts[2].read_text().splitlines()]
    ran = session(tmp_path / "model.onnx")
    metadata = ran.get_modelmeta().custom_metadata_map
    probabilities = classifier.predict_proba(texts)
    expected = centred(np.log(probabilities.astype(np.float64)))
    for start in range(0, len(texts), 100):
        rows = [read(metadata, text) for text in texts[start : start + 100]]
        logits, its = ran.run(["logits", "probabilities"], padded(rows, max(map(len, rows)), np.zeros))
        assert np.abs(centred(logits.astype(np.float64)) - expected[start : start + 100]).max() < 1e-5
        assert np.array_equal(its.argmax(axis=1), probabilities[start : start + 100].argmax(axis=1))
    assert Classifier.from_bytes(classifier.to_bytes()).labels == json.loads(metadata["labels"])
