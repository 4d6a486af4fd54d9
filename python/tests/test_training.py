"""Training, comparison and prediction: the same bits as the program, the same labels as PyTorch."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import vocable
from vocable import Classifier, Interrupted, VocableError

SETTINGS = {"hidden": 16, "lr": 3e-3, "batch": 32, "epochs": 3, "tokenizer": "whitespace"}
OPTIONS = [part for name, value in SETTINGS.items() for part in (f"--{name}", str(value))]


@pytest.fixture(scope="module")
def parts(fixtures):
    return [fixtures / f"reviews.{name}.txt" for name in ("train", "dev", "test")]


def pairs(path):
    return [tuple(line.split(" ", 1)) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(table, parts):
    return vocable.train(table, *parts, embedding="frozen", progress=False, **SETTINGS)


def without_clocks(figures):
    """Without durations and the command."""
    if isinstance(figures, dict):
        clocks = ("seconds", "tokens_per_second", "out", "command", "time_ratio", "sentence")
        return {key: without_clocks(value) for key, value in figures.items() if key not in clocks}
    return [without_clocks(each) for each in figures] if isinstance(figures, list) else figures


@pytest.mark.parametrize("embedding", ["frozen", "tuned", "oov-only", "random", "one-hot"])
def test_a_model_has_the_programs_bits(embedding, table, table_path, parts, program, tmp_path):
    ours = vocable.train(
        table, *parts, embedding=embedding, out=tmp_path / "ours.safetensors", progress=False, **SETTINGS
    )
    argv = [
        program,
        "train",
        "--vectors",
        table_path,
        "--embedding",
        embedding,
        "--out",
        tmp_path / "its.safetensors",
        "--json",
        *OPTIONS,
    ]
    argv += [part for name, path in zip(("--train", "--dev", "--test"), parts) for part in (name, path)]
    answer = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    its = (tmp_path / "its.safetensors").read_bytes()
    assert (tmp_path / "ours.safetensors").read_bytes() == its and ours.classifier.to_bytes() == its
    assert without_clocks(ours.metrics) == without_clocks(answer)
    # Pairs and files give the same result.
    listed = vocable.train(table, *map(pairs, parts), embedding=embedding, progress=False, **SETTINGS)
    assert listed.classifier.to_bytes() == its


def test_predictions_are_the_programs(trained, parts, program, tmp_path):
    texts = [text for _, text in pairs(parts[2])] + ["", "zzyzx"]
    model = tmp_path / "model.safetensors"
    trained.classifier.save(model)
    done = subprocess.run(
        [program, "predict", model, "--json"], input="\n".join(texts) + "\n", capture_output=True, text=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    opened = Classifier.load(model)
    for classifier in (trained.classifier, opened, pickle.loads(pickle.dumps(opened))):
        assert classifier.predict(texts) == [answer["label"] for answer in answers]
        probabilities = classifier.predict_proba(texts)
        assert probabilities.shape == (len(texts), 2) and probabilities.dtype == np.float32
        expected = [[answer["probabilities"][label] for label in classifier.labels] for answer in answers]
        assert np.array_equal(probabilities, np.array(expected, np.float32))
        assert classifier.words(texts) == [(answer["words"], answer["unknown"]) for answer in answers]
        assert classifier.predict(texts[0]) == answers[0]["label"] and np.allclose(
            classifier.predict_proba(texts[0]), probabilities[0], atol=1e-6
        )
        assert classifier.predict([]) == [] and classifier.predict_proba([]).shape == (0, 2)
        assert classifier.evaluate(parts[2]) == classifier.evaluate(pairs(parts[2])) == trained.metrics["test"]
    with pytest.raises(TypeError):
        trained.classifier.predict([1, 2])


def test_words_are_looked_up_in_vectors(trained, table, parts, tmp_path):
    model = tmp_path / "model.safetensors"
    trained.classifier.save(model)
    known = {word for path in parts for _, text in pairs(path) for word in text.split()}
    other = next(word for word in table if word not in known)
    assert Classifier.load(model).words([other]) == [(1, 1)]
    assert Classifier.load(model, vectors=table).words([other]) == [(1, 0)]


def test_logits_are_pytorchs(trained, parts, fixtures, tmp_path):
    """The session of docs/guide/pytorch.md, with a model of this package."""
    torch = pytest.importorskip("torch")
    document = (fixtures.parent / "docs" / "guide" / "pytorch.md").read_text()
    lines = {}
    exec(re.search(r"```python\n(.*?)```", document, re.S)[1], lines)
    trained.classifier.save(tmp_path / "model.safetensors")
    model = lines["load"](tmp_path / "model.safetensors")
    texts = [text for _, text in pairs(parts[2])][:50]
    with torch.no_grad():
        theirs = [model.logits(text).softmax(0).tolist() for text in texts]
    assert np.allclose(trained.classifier.predict_proba(texts), theirs, atol=1e-5)


def test_progress(table, parts, capsys):
    events = []
    trained = vocable.train(table, *parts, embedding="frozen", progress=events.append, **SETTINGS)
    assert [event["metrics"] for event in events if event["event"] == "epoch"] == trained.history
    vocable.train(table, *parts, embedding="frozen", **SETTINGS)
    assert "dev accuracy" in capsys.readouterr().err
    vocable.train(table, *parts, embedding="frozen", progress=False, **SETTINGS)
    assert capsys.readouterr().err == ""


def test_an_error_in_a_callback_comes_through(table, parts):
    def refuse(event):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        vocable.train(table, *parts, progress=refuse, **SETTINGS)
    with pytest.raises(RuntimeError, match="enough"):
        vocable.compare(table, *parts, embeddings=["frozen"], seeds=1, progress=refuse, **SETTINGS)


def test_settings_are_checked(table, parts):
    with pytest.raises(TypeError, match="unknown setting `hiden`"):
        vocable.train(table, *parts, hiden=3)
    with pytest.raises(TypeError, match="hidden"):
        vocable.train(table, *parts, hidden="many")
    with pytest.raises(VocableError, match="hidden size: expected a whole number from 1 to 8192, found 0"):
        vocable.train(table, *parts, hidden=0)
    with pytest.raises(VocableError, match="pooling"):
        vocable.train(table, *parts, pooling="first")
    with pytest.raises(VocableError, match="labelled texts"):
        vocable.train(table, [])
    with pytest.raises(FileNotFoundError):
        vocable.train(table, "nowhere.txt")


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or sys.platform == "win32", reason="signals as Unix has them")
def test_ctrl_c_keeps_the_best_epoch(table, parts, tmp_path):
    """A signal during training, as sent by Ctrl-C and the stop button of a notebook."""
    checkpoint = tmp_path / "checkpoint"
    options = SETTINGS | {"epochs": 150, "patience": None}
    seen = threading.Event()

    def pressed():
        seen.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=pressed, daemon=True).start()
    with pytest.raises(KeyboardInterrupt) as caught:
        vocable.train(
            table,
            *parts,
            embedding="frozen",
            checkpoint=checkpoint,
            progress=lambda event: event["event"] == "epoch" and seen.set(),
            **options,
        )
    assert isinstance(caught.value, Interrupted)
    interrupted = caught.value.result
    assert interrupted.metrics["stop_reason"] == "interrupted" and interrupted.classifier.labels == ["neg", "pos"]
    # Resuming gives the same result as an uninterrupted training run.
    resumed = vocable.train(
        table, *parts, embedding="frozen", checkpoint=checkpoint, resume=True, progress=False, **options
    )
    whole = vocable.train(table, *parts, embedding="frozen", progress=False, **options)
    assert (
        len(interrupted.history) < len(resumed.history) == 150
        and resumed.classifier.to_bytes() == whole.classifier.to_bytes()
    )


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or sys.platform == "win32", reason="signals as Unix has them")
def test_ctrl_c_ends_a_comparison(table, parts, tmp_path):
    options = SETTINGS | {"epochs": 100_000, "patience": None}
    begun = threading.Event()

    def pressed():
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=pressed, daemon=True).start()
    with pytest.raises(Interrupted) as caught:
        vocable.compare(table, *parts, out=tmp_path / "runs", progress=lambda event: begun.set(), **options)
    assert caught.value.result.runs == [] and not caught.value.result.is_finished


def test_other_threads_run_during_training(table, parts):
    counted, done = 0, threading.Event()
    thread = threading.Thread(target=lambda: (vocable.train(table, *parts, progress=False, **SETTINGS), done.set()))
    thread.start()
    while not done.is_set():
        counted += 1
        time.sleep(0)
    thread.join()
    assert counted > 10


def test_a_comparison_is_the_programs(table, table_path, parts, program, tmp_path):
    ours = vocable.compare(
        table,
        *parts,
        embeddings=["frozen", "random"],
        seeds=2,
        sweep={"embedding_dropout": [0.1, 0.2]},
        progress=False,
        out=tmp_path / "runs",
        **SETTINGS,
    )
    argv = [
        program,
        "compare",
        "--vectors",
        table_path,
        "--embeddings",
        "frozen,random",
        "--seeds",
        "2",
        "--sweep",
        "embedding-dropout=0.1,0.2",
        "--json",
        *OPTIONS,
    ]
    argv += [part for name, path in zip(("--train", "--dev", "--test"), parts) for part in (name, path)]
    answer = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    assert ours.is_finished and len(ours.runs) == 8 and without_clocks(ours.metrics) == without_clocks(answer)
    report = subprocess.run(
        [program, "compare", "--report", tmp_path / "runs"], capture_output=True, text=True, check=True
    )
    again = vocable.compare(
        table,
        *parts,
        embeddings=["frozen", "random"],
        seeds=2,
        sweep={"embedding_dropout": [0.1, 0.2]},
        progress=False,
        out=tmp_path / "runs",
        **SETTINGS,
    )
    assert str(again) == report.stdout and again.metrics == ours.metrics
    assert "frozen" in ours._repr_html_() and "8 of 8 runs" in repr(ours)
    assert ours.to_html().startswith("<!doctype html>") and "</html>" in ours.to_html()
    assert "| frozen" in ours.to_markdown() and ours.to_csv().count("\n") == 9


def test_notebooks_see_tables(trained):
    assert "macro-F1" in trained._repr_html_() and "accuracy" in str(trained) and "frozen" in repr(trained)
    assert "whitespace" in trained.classifier._repr_html_() and "neg, pos" in repr(trained.classifier)


def test_real_reviews(shared, tmp_path, program):
    """SST-2 with the first rows of GloVe: one epoch, with the same result as the program."""
    vectors, texts = (
        shared / "glove.6B.50d.head.txt",
        [shared / f"sst2.{name}.txt" for name in ("train", "dev", "test")],
    )
    ours = vocable.train(vocable.open(vectors), *texts, epochs=1, hidden=32, tokenizer="whitespace", progress=False)
    argv = [
        program,
        "train",
        "--vectors",
        vectors,
        "--epochs",
        "1",
        "--hidden",
        "32",
        "--tokenizer",
        "whitespace",
        "--out",
        tmp_path / "m.safetensors",
    ]
    argv += [part for name, path in zip(("--train", "--dev", "--test"), texts) for part in (name, path)]
    subprocess.run(argv, capture_output=True, check=True)
    assert (tmp_path / "m.safetensors").read_bytes() == ours.classifier.to_bytes()
