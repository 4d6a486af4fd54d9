"""Data sets and comparisons on Ray: the same results as the program, even when workers are killed."""

import json
import os
import signal
import subprocess
import threading
import time

import numpy as np
import pytest
import vocable
from vocable import Interrupted, VocableError

ray = pytest.importorskip("ray", reason="Ray is not installed")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

import vocable.ray  # noqa: E402

SETTINGS = {"hidden": 8, "lr": 3e-3, "batch": 32, "epochs": 3, "tokenizer": "whitespace"}


@pytest.fixture(scope="module", autouse=True)
def cluster():
    ray.init(
        num_cpus=2, object_store_memory=200 << 20, include_dashboard=False, log_to_driver=False, logging_level="error"
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def parts(fixtures):
    return [fixtures / f"reviews.{name}.txt" for name in ("train", "dev", "test")]


@pytest.fixture(scope="module")
def model(table, parts, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    vocable.train(table, *parts, embedding="frozen", out=path, progress=False, **SETTINGS)
    return path


@pytest.fixture(scope="module")
def texts(parts):
    """Many batches, shuffled, some of them empty."""
    lines = [line.split(" ", 1)[1] for path in parts for line in path.read_text().splitlines()]
    return [f"{line} {number}" if number % 7 else "" for number, line in enumerate(lines * 3)]


@pytest.fixture(scope="module")
def folder(texts, tmp_path_factory):
    """The same texts in several Parquet files."""
    folder = tmp_path_factory.mktemp("texts")
    for start in range(0, len(texts), 500):
        some = texts[start : start + 500]
        rows = pa.table({"number": np.arange(start, start + len(some)), "text": some})
        pq.write_table(rows, folder / f"{start:06}.parquet")
    return folder


@pytest.fixture(scope="module")
def answers(program, model, texts):
    """The results of the program."""
    done = subprocess.run(
        [program, "predict", model, "--json"],
        input="".join(f"{text}\n" for text in texts),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(rows, answers, model, prefix=""):
    """Checks that rows have the labels and probabilities of the program, bit for bit."""
    rows = rows.sort_by("number")
    assert rows["number"].to_pylist() == list(range(len(answers)))
    assert rows[f"{prefix}label"].to_pylist() == [answer["label"] for answer in answers]
    for label in vocable.Classifier.load(model).labels:
        its = np.array([answer["probabilities"][label] for answer in answers], np.float32)
        assert np.array_equal(rows[f"{prefix}probability_{label}"].to_numpy(), its)
    likeliest = np.array([max(answer["probabilities"].values()) for answer in answers], np.float32)
    assert np.array_equal(rows[f"{prefix}probability"].to_numpy(), likeliest)


def collected(dataset):
    return pa.concat_tables(dataset.iter_batches(batch_format="pyarrow", batch_size=None))


def test_labels_are_the_programs(folder, model, answers, table_path):
    rows = ray.data.read_parquet(str(folder), override_num_blocks=6)
    check(collected(vocable.ray.predict(rows, model, probabilities=True, batch_size=100)), answers, model)
    # Without repartitioning, Ray may make a single block, which is the work of one worker.
    cut = vocable.ray.predict(rows, model, probabilities=True, rows_per_block=64)
    assert max(map(len, cut.iter_batches(batch_format="pyarrow", batch_size=None))) <= 64
    check(collected(cut), answers, model)
    prefixed = vocable.ray.predict(
        rows, model, text_column="text", probabilities=True, prefix="its_", concurrency=1, rows_per_block=None
    )
    check(collected(prefixed), answers, model, "its_")
    looked_up = collected(vocable.ray.predict(rows, model, vectors=table_path)).sort_by("number")
    expected = vocable.Classifier.load(model, vocable.open(table_path)).predict(
        collected(rows).sort_by("number")["text"].to_pylist()
    )
    assert looked_up["label"].to_pylist() == expected and looked_up.column_names == [
        "number",
        "text",
        "label",
        "probability",
    ]


@pytest.mark.parametrize(
    "how", [{}, {"weighting": "frequency", "a": 0.01, "tokenizer": "whitespace"}], ids=["mean", "frequency"]
)
def test_vectors_of_texts_are_the_programs(how, folder, table_path, program, tmp_path):
    rows = ray.data.read_parquet(str(folder), override_num_blocks=6)
    pq.write_table(collected(rows).sort_by("number"), tmp_path / "texts.parquet")
    argv = [
        program,
        "embed",
        "--vectors",
        table_path,
        "--in",
        tmp_path / "texts.parquet",
        "--out",
        tmp_path / "vectors.parquet",
    ]
    subprocess.run(
        argv + [part for name, value in how.items() for part in (f"--{name}", str(value))],
        capture_output=True,
        check=True,
    )
    ours = collected(vocable.ray.embed(rows, table_path, batch_size=100, **how)).sort_by("number")
    its = pq.read_table(tmp_path / "vectors.parquet")
    assert ours.schema.field("vector").type == its.schema.field("vector").type and ours.column_names == its.column_names
    assert ours.combine_chunks() == its.combine_chunks()


def test_coverage_is_the_programs(folder, table_path, program, tmp_path):
    rows = ray.data.read_parquet(str(folder), override_num_blocks=6)
    pq.write_table(collected(rows).sort_by("number"), tmp_path / "texts.parquet")
    argv = [
        program,
        "coverage",
        tmp_path / "texts.parquet",
        "--vectors",
        table_path,
        "--tokenizer",
        "whitespace",
        "-k",
        "50",
        "--json",
    ]
    its = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    ours = vocable.ray.coverage(rows, table_path, tokenizer="whitespace", k=50)
    assert len(its["unknown_words"]) == 50 and ours | {"file": its["file"]} == its


def test_a_killed_worker_loses_nothing(folder, model, answers, tmp_path):
    killed = tmp_path / "killed"

    def fatal(rows):
        """Ends its process in the middle of the data, once."""
        if 700 in rows["number"].to_pylist() and not killed.exists():
            killed.touch()
            os._exit(1)
        return rows

    rows = ray.data.read_parquet(str(folder), override_num_blocks=6).map_batches(
        fatal, batch_format="pyarrow", batch_size=100
    )
    check(collected(vocable.ray.predict(rows, model, probabilities=True, batch_size=100)), answers, model)
    assert killed.exists()


def test_a_worker_opens_a_model_once_and_works_with_its_threads(folder, model):
    def looked_at(rows):
        import vocable.batches

        opened = vocable.batches._classifier.cache_info()
        return {"process": [os.getpid()], "opened": [opened.misses], "threads": [vocable.get_num_threads()]}

    rows = vocable.ray.predict(ray.data.read_parquet(str(folder)), model, batch_size=50, concurrency=1)
    seen = rows.map_batches(looked_at, batch_format="pyarrow", batch_size=50).take_all()
    assert len(seen) > 20 and {row["threads"] for row in seen} == {1}
    # One entry per model that was used in this process, not one per batch.
    assert all(row["opened"] <= 2 for row in seen)


def figures(comparison):
    """Without durations and the output directory."""

    def cleaned(of):
        if isinstance(of, dict):
            return {
                key: cleaned(value) for key, value in of.items() if key not in ("seconds", "time_ratio", "sentence")
            }
        return [cleaned(each) for each in of] if isinstance(of, list) else of

    return cleaned(comparison.metrics)


def results(folder):
    """The files of runs that have no durations."""
    files = [
        path
        for path in folder.rglob("*")
        if path.name in ("config.json", "result.json", "model.safetensors", "words.json", "compare.json")
    ]
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_a_comparison_is_the_same_as_on_one_machine(table, parts, tmp_path):
    how = {"embeddings": ["frozen", "tuned", "random"], "seeds": 2, "watch": ["film"], **SETTINGS}
    local = vocable.compare(table, *parts, out=tmp_path / "local", progress=False, **how)
    events = []
    spread = vocable.ray.compare(table, *parts, out=tmp_path / "spread", progress=events.append, **how)
    assert figures(spread) == figures(local) and spread.is_finished
    assert results(tmp_path / "spread") == results(tmp_path / "local") and len(results(tmp_path / "local")) > 18
    assert [event["event"] for event in events] == ["run"] * 6 and events[-1]["done"] == events[-1]["of"]
    # Completed runs are skipped: by the same call, and by a local one.
    events.clear()
    again = vocable.ray.compare(table, *parts, out=tmp_path / "spread", progress=events.append, **how)
    assert [event["event"] for event in events] == ["skipped"] * 6 and again.metrics == spread.metrics
    assert vocable.compare(table, *parts, out=tmp_path / "spread", progress=False, **how).metrics == spread.metrics
    # Pairs, no output directory, one run at a time.
    pairs = [[tuple(line.split(" ", 1)) for line in path.read_text().splitlines()] for path in parts]
    kept = vocable.ray.compare(table, *map(iter, pairs), jobs=1, num_cpus=2, progress=False, **how)
    assert kept.runs == [run | {"seconds": other["seconds"]} for run, other in zip(local.runs, kept.runs)]


def test_a_run_goes_on_when_its_worker_is_killed(table, parts, tmp_path):
    how = {"embeddings": ["random"], "seeds": [1], **(SETTINGS | {"epochs": 150, "patience": None})}
    local = vocable.compare(table, *parts, out=tmp_path / "local", progress=False, **how)
    out, killed, over = tmp_path / "spread", [], threading.Event()

    def kill():
        """The worker, after it has saved a checkpoint."""
        while not killed and not over.is_set():
            if (out / "runs" / "random-seed1" / "checkpoint.safetensors").exists():
                for worker in workers():
                    os.kill(worker, signal.SIGKILL)
                    killed.append(worker)
            time.sleep(0.005)

    def workers():
        """Processes that have the lock file of the run open."""
        lock = out / "runs" / "random-seed1" / ".lock"
        held = []
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                links = [os.readlink(f"/proc/{process}/fd/{fd}") for fd in os.listdir(f"/proc/{process}/fd")]
            except OSError:
                continue
            if str(lock) in links:
                held.append(int(process))
        return held

    threading.Thread(target=kill, daemon=True).start()
    spread = vocable.ray.compare(table, *parts, out=out, checkpoint_minutes=1e-4, progress=False, **how)
    over.set()
    assert killed and figures(spread) == figures(local) and results(out) == results(tmp_path / "local")


def test_refusals(table, parts, tmp_path):
    out = tmp_path / "runs"
    vocable.ray.compare(table, *parts, embeddings=["frozen"], seeds=1, out=out, progress=False, **SETTINGS)
    with pytest.raises(VocableError, match="a comparison with seeds"):
        vocable.ray.compare(table, *parts, embeddings=["frozen"], seeds=2, out=out, progress=False, **SETTINGS)
    with pytest.raises(VocableError, match="training diverged"):
        vocable.ray.compare(table, *parts, embeddings=["tuned"], seeds=1, progress=False, **(SETTINGS | {"lr": 1e300}))


def test_ctrl_c_ends_a_comparison(table, parts, tmp_path):
    # Shells ignore Ctrl-C for background jobs, such as these tests.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    how = {"embeddings": ["frozen", "random"], "seeds": 1, **SETTINGS}
    seen = []

    def press(event):
        seen.append(event)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted) as caught:
        vocable.ray.compare(table, *parts, out=tmp_path / "runs", jobs=1, progress=press, **how)
    signal.signal(signal.SIGINT, before)
    assert len(caught.value.result.runs) == 1 and not caught.value.result.is_finished
    assert vocable.ray.compare(table, *parts, out=tmp_path / "runs", progress=False, **how).is_finished


def test_the_session_is_as_it_is_shown(session):
    ray.shutdown()
    session("Ray")
