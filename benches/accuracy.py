#!/usr/bin/env python3
"""Compares the accuracy of Vocable's classifier with PyTorch's on two tasks, by the same protocol: frozen, tuned and random
embeddings, five seeds, the epoch chosen on the dev set.

Builds Vocable and runs `vocable compare`; with --torch also the runs of accuracy_peers.py. docs/internals/benchmarks.md describes the comparison.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from common import (
    DATA,
    ROOT,
    File,
    LeftOut,
    Omissions,
    Shelf,
    build_vocable,
    choice_of,
    circumstances,
    count,
    run,
    say,
    show,
)

EMBEDDINGS = ["random", "frozen", "tuned"]
# The files of each task, and the learning rate of each embedding.
TASKS = {
    "sst2": {
        "train": "sst2.train.txt",
        "dev": "sst2.dev.txt",
        "test": "sst2.test.txt",
        "rates": {"random": 1e-3, "frozen": 2e-3, "tuned": 1e-3},
    },
    "trec": {
        "train": "trec.train.txt",
        "dev": None,
        "test": "trec.test.txt",
        "rates": {"random": 2e-3, "frozen": 2e-3, "tuned": 2e-3},
    },
}
VECTORS = "glove.6B.50d.head.txt"
SEEDS, EPOCHS, PATIENCE = 5, 20, 5
# The protocol of accuracy_peers.py, written out so that results stay comparable when defaults change.
PROTOCOL = [
    "--tokenizer",
    "whitespace",
    "--case",
    "exact",
    "--encoder",
    "lstm",
    "--hidden",
    128,
    "--layers",
    1,
    "--pooling",
    "last",
    "--batch",
    64,
    "--optimizer",
    "adam",
    "--weight-decay",
    0,
    "--schedule",
    "constant",
    "--warmup",
    0,
    "--class-weights",
    "none",
    "--label-smoothing",
    0,
    "--clip",
    5,
    "--dropout",
    0.5,
    "--embedding-dropout",
    0.2,
    "--word-dropout",
    0,
    "--oov-std",
    0.1,
    "--random-std",
    0.1,
]


def arguments_of(task, data):
    """The options for the splits of a task, the same for both programs."""
    parts = {name: TASKS[task][name] for name in ["train", "dev", "test"]}
    return [part for name, file in parts.items() if file for part in (f"--{name}", data / file)]


def ended(argv, threads):
    """Runs a program and returns its output."""
    environment = {**os.environ, **{name: str(threads) for name in ["OMP_NUM_THREADS", "RAYON_NUM_THREADS"]}}
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise LeftOut((done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1])
    return done.stdout


def ours(vocable, task, embedding, data, arguments):
    said = ended(
        [
            vocable,
            "compare",
            "--vectors",
            data / VECTORS,
            *arguments_of(task, data),
            "--embeddings",
            embedding,
            *PROTOCOL,
            "--lr",
            TASKS[task]["rates"][embedding],
            "--seeds",
            arguments.seeds,
            "--epochs",
            EPOCHS,
            "--patience",
            PATIENCE,
            "--json",
        ],
        arguments.threads,
    )
    return json.loads(said)["runs"]


def theirs(python, task, embedding, data, arguments):
    said = ended(
        [
            python,
            ROOT / "benches" / "accuracy_peers.py",
            "--vectors",
            DATA / "train-words-50.bin",
            *arguments_of(task, data),
            "--embedding",
            embedding,
            "--lr",
            TASKS[task]["rates"][embedding],
            "--seeds",
            arguments.seeds,
            "--epochs",
            EPOCHS,
            "--patience",
            PATIENCE,
            "--threads",
            arguments.threads,
        ],
        arguments.threads,
    )
    return [json.loads(line) for line in said.splitlines()]


def spread(runs, part="test"):
    """Mean and sample standard deviation in percent."""
    runs = [run[f"{part}_accuracy"] for run in runs]
    deviation = statistics.stdev(runs) if len(runs) > 1 else 0.0
    return f"{100 * statistics.mean(runs):.1f} ± {100 * deviation:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", type=choice_of(list(TASKS)), default=list(TASKS), metavar="TASK,...", help=f"of {', '.join(TASKS)}"
    )
    parser.add_argument(
        "--embeddings",
        type=choice_of(EMBEDDINGS),
        default=EMBEDDINGS,
        metavar="EMBEDDING,...",
        help=f"of {', '.join(EMBEDDINGS)}",
    )
    parser.add_argument("--seeds", type=count, default=SEEDS, help=f"runs of each embedding ({SEEDS})")
    parser.add_argument("--threads", type=count, default=os.cpu_count(), help="threads of both programs (all cores)")
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT.parent / "shared" / "data",
        metavar="FOLDER",
        help=f"where {VECTORS}, sst2.*.txt and trec.*.txt are stored",
    )
    parser.add_argument("--torch", metavar="PROGRAM", help="a Python with torch and numpy; also runs PyTorch")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every run as JSON")
    arguments = parser.parse_args()
    omissions = Omissions()
    vocable = build_vocable()
    report = {**circumstances(vocable, own_build=True), "seeds": arguments.seeds, "results": []}
    if arguments.torch:
        words = File(600_000, lambda out: run([vocable, "convert", arguments.data / VECTORS, out]))
        if Shelf(vocable, {"train-words-50.bin": words}).make_all(["train-words-50.bin"], omissions):
            arguments.torch = None
    lines = [["test accuracy in percent", "", "vocable", "PyTorch"]]
    for task in arguments.only:
        for embedding in arguments.embeddings:
            found = {}
            for name, measure in [
                ("vocable", lambda: ours(vocable, task, embedding, arguments.data, arguments)),
                ("PyTorch", lambda: theirs(arguments.torch, task, embedding, arguments.data, arguments)),
            ]:
                if name == "PyTorch" and not arguments.torch:
                    continue
                try:
                    found[name] = measure()
                    say(f"{task}, {embedding}, {name}: test {spread(found[name])}, dev {spread(found[name], 'dev')}")
                except LeftOut as reason:
                    omissions.add(f"{task}, {embedding}, {name}", reason)
            lines.append(
                [task, embedding, *(spread(found[name]) if name in found else "" for name in ["vocable", "PyTorch"])]
            )
            report["results"].append({"task": task, "embedding": embedding, **found})
    say()
    show(f"{arguments.seeds} seeds, mean and deviation", lines)
    report["left_out"] = omissions.lines
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    return omissions.finish()


if __name__ == "__main__":
    sys.exit(main())
