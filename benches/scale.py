#!/usr/bin/env python3
"""Labels a million sentences with Ray and Spark, by one worker and by several, and compares every label and probability with the program's.

The sentences are those of SST-2, repeated. The model is trained on them, too. Every contestant is a separate process, which
labels a small part first, so that its workers are running when the measurement starts; reading and writing Parquet count. Contestants run in turns;
results are medians. The exit code is 1 if two workers have less than 1.7 times the throughput of one, or if a result differs.

Run it with a Python that has the package and both engines:

    cargo build --release --features arrow
    pip install ./python[ray,spark]
    python benches/scale.py
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from common import DATA, ROOT, TARGET, say

AT_LEAST = 1.7
FILES = 16
SCHEMA = "id long, text string, label string, probability float"
OUT = DATA / "scale-labels"


def ray(workers, texts, warm, model, out):
    """Labels the texts of a folder; returns the seconds of startup and of the work."""
    began = time.perf_counter()
    import ray
    import ray.data
    import vocable.ray

    ray.init(
        num_cpus=workers,
        object_store_memory=500 << 20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
    )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # With few processors Ray would reserve parts of them for reading.
    context.op_resource_reservation_enabled = False

    def label(folder, to):
        vocable.ray.predict(ray.data.read_parquet(str(folder)), model).write_parquet(str(to))

    label(warm, out.with_suffix(".warm"))
    ready = time.perf_counter()
    label(texts, out)
    return ready - began, time.perf_counter() - ready


def spark(workers, texts, warm, model, out):
    """The same with Spark."""
    began = time.perf_counter()
    from pyspark.sql import SparkSession
    from vocable.batches import Predict

    builder = (
        SparkSession.builder.master(f"local[{workers}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "1g")
    )
    # Spark's own work is small; optimizing it would take processors from the workers.
    builder = builder.config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1")
    # One file per task.
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.sql.files.openCostInBytes", 128 << 20)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")

    def label(folder, to):
        session.read.parquet(str(folder)).mapInArrow(Predict(model, threads=1).map_batches, SCHEMA).write.mode(
            "overwrite"
        ).parquet(str(to))

    label(warm, out.with_suffix(".warm"))
    ready = time.perf_counter()
    label(texts, out)
    seconds = time.perf_counter() - ready
    session.stop()
    return ready - began, seconds


def program(workers, texts, warm, model, out):
    """The same with the program, on the given number of threads, to one file."""
    argv = [os.environ["VOCABLE"], "predict", model, "--in", f"{texts}.parquet", "--out", f"{out}.parquet"]
    began = time.perf_counter()
    subprocess.run(argv, env=os.environ | {"RAYON_NUM_THREADS": str(workers)}, stderr=subprocess.DEVNULL, check=True)
    return 0.0, time.perf_counter() - began


ENGINES = {"program": program, "ray": ray, "spark": spark}


def make(rows):
    """The sentences as one file, for the program, and as a folder of several files; also a small part of them in a folder."""
    import pyarrow
    import pyarrow.parquet as parquet

    texts = DATA / f"sentences-{rows}"
    warm = DATA / f"sentences-{rows}-warm"
    if not warm.exists():
        say(f"making {texts.name}")
        source = ROOT.parent / "shared" / "data" / "sst2.train.txt"
        lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
        sentences = [line.split(" ", 1)[1] for line in lines]
        all_of_them = (sentences * (rows // len(sentences) + 1))[:rows]
        table = pyarrow.table({"id": range(rows), "text": all_of_them})
        texts.mkdir(exist_ok=True)
        a_file = -(-rows // FILES)
        parquet.write_table(table, f"{texts}.parquet", row_group_size=a_file)
        for number in range(FILES):
            parquet.write_table(table.slice(number * a_file, a_file), texts / f"part-{number:02}.parquet")
        warm.mkdir()
        a_part = -(-a_file // 25)
        for number in range(FILES):
            parquet.write_table(table.slice(number * a_part, a_part), warm / f"part-{number:02}.parquet")
    return texts, warm


def take(engine, workers, texts, warm, model):
    """One turn of a contestant, in a separate process."""
    for left in DATA.glob(f"{OUT.name}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    argv = [sys.executable, __file__, "--turn", engine, str(workers), str(texts), str(warm), str(model)]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{engine}, {workers}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def answers():
    """The results, in the order of the rows."""
    import pyarrow.parquet as parquet

    found = parquet.read_table(OUT if OUT.exists() else f"{OUT}.parquet", columns=["id", "label", "probability"])
    return found.sort_by("id").combine_chunks()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--vocable", default=TARGET / "release" / "vocable", type=Path)
    parser.add_argument("--json", type=Path, help="write all results to this file")
    parser.add_argument("--turn", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.turn:
        engine, workers, texts, warm, model = arguments.turn
        print(json.dumps(ENGINES[engine](int(workers), Path(texts), Path(warm), model, OUT)))
        return
    os.environ["VOCABLE"] = str(arguments.vocable)
    DATA.mkdir(parents=True, exist_ok=True)
    texts, warm = make(arguments.rows)
    model = DATA / f"sst2-{arguments.hidden}.safetensors"
    if not model.exists():
        data = ROOT.parent / "shared" / "data"
        argv = [
            arguments.vocable,
            "train",
            "--vectors",
            data / "glove.6B.50d.head.txt",
            "--train",
            data / "sst2.train.txt",
            "--dev",
            data / "sst2.dev.txt",
            "--hidden",
            arguments.hidden,
            "--epochs",
            1,
            "--tokenizer",
            "whitespace",
            "--out",
            model,
        ]
        subprocess.run([str(part) for part in argv], check=True, capture_output=True)
    take("program", 1, texts, warm, model)
    right = answers()
    assert len(right) == arguments.rows
    contestants = [(engine, workers) for engine in arguments.engines for workers in arguments.workers]
    seconds, starts, wrong = {each: [] for each in contestants}, {each: [] for each in contestants}, []
    for number in range(arguments.rounds):
        # Contestants take turns at beginning a round.
        for engine, workers in contestants[number % len(contestants) :] + contestants[: number % len(contestants)]:
            start, took = take(engine, workers, texts, warm, model)
            seconds[engine, workers].append(took)
            starts[engine, workers].append(start)
            if answers() != right:
                wrong.append(f"{engine} with {workers} answers otherwise than the program")
            say(
                f"round {number + 1}: {engine} {workers}: {took:.1f} s, {arguments.rows / took:,.0f} texts a second, ready after {start:.1f} s"
            )
    say(
        f"\n{arguments.rows:,} sentences, hidden {arguments.hidden}, {os.cpu_count()} cores, medians of {arguments.rounds}\n"
    )
    say("| | workers | seconds | texts a second | times one worker's |\n|---|---|---|---|---|")
    for engine, workers in contestants:
        median = statistics.median(seconds[engine, workers])
        one = seconds.get((engine, 1))
        times = statistics.median(one) / median if one else float("nan")
        say(f"| {engine} | {workers} | {median:.1f} | {arguments.rows / median:,.0f} | {times:.2f} |")
        if engine != "program" and workers == 2 and times < AT_LEAST:
            wrong.append(f"{engine}: two workers have {times:.2f} times the throughput of one; expected {AT_LEAST}")
    if arguments.json:
        figures = [
            {
                "engine": engine,
                "workers": workers,
                "seconds": seconds[engine, workers],
                "ready": starts[engine, workers],
            }
            for engine, workers in contestants
        ]
        arguments.json.write_text(
            json.dumps({"rows": arguments.rows, "hidden": arguments.hidden, "contestants": figures}, indent=1)
        )
    sys.exit("\n".join(wrong) or None)


if __name__ == "__main__":
    main()
