#!/usr/bin/env python3
"""Measures `vocable predict` and `embed` on a Parquet file of many short texts: time and peak memory.

Makes the file once under target/bench-data, trains a small model on the project's demo reviews, and compares a thousand labels with those
of the same texts as lines. Needs Python 3.11 or newer with pyarrow and numpy, and a build with the feature `arrow`:

    cargo build --release --features arrow
    python3 benches/arrow.py
"""

import argparse
import contextlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet as parquet
from common import DATA, ROOT, TARGET, say

MAX_MEMORY = 500  # MB


def make(path, rows, group):
    """Texts of 4 to 16 words of the demo vocabulary, drawn by Zipf's law; one in a thousand is null."""
    words = [
        line.split(" ", 1)[0] for line in (ROOT / "fixtures" / "demo.50d.txt").read_text(encoding="utf-8").splitlines()
    ]
    random = numpy.random.default_rng(1)
    shares = 1 / numpy.arange(1, len(words) + 1)
    words = numpy.array(words, dtype=object)
    schema = pyarrow.schema([("id", pyarrow.int64()), ("text", pyarrow.string())])
    unfinished = path.with_suffix(".unfinished")
    with parquet.ParquetWriter(unfinished, schema) as out:
        for first in range(0, rows, group):
            count = min(group, rows - first)
            lengths = random.integers(4, 17, count)
            ends = numpy.cumsum(lengths)
            drawn = words[random.choice(len(words), ends[-1], p=shares / shares.sum())]
            texts = [" ".join(drawn[end - length : end]) for end, length in zip(ends, lengths)]
            texts[::1000] = [None] * len(texts[::1000])
            out.write_table(pyarrow.table({"id": range(first, first + count), "text": texts}, schema))
    unfinished.rename(path)


def measured(argv):
    """Runs a program; returns seconds and peak memory in megabytes."""
    start = time.monotonic()
    child = subprocess.Popen([str(part) for part in argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Not by getrusage: a child's value starts from the memory of its parent.
    most = 0
    while child.poll() is None:
        with contextlib.suppress(OSError):
            held = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{child.pid}/status").read_text())
            most = max(most, int(held[1]) * 1024 if held else 0)
        time.sleep(0.01)
    if child.returncode != 0:
        sys.exit(f"{argv} ended with {child.returncode}")
    return time.monotonic() - start, most / 1e6


def check(vocable, model, labelled, rows):
    """Checks that no row is lost, and that a thousand labels are those of the same texts as lines."""
    file = parquet.ParquetFile(labelled)
    assert file.metadata.num_rows == rows
    head = next(file.iter_batches(1000)).to_pylist()
    texts = [row for row in head if row["text"] is not None]
    lines = "".join(row["text"] + "\n" for row in texts)
    said = subprocess.run(
        [vocable, "predict", model, "--json"], input=lines, capture_output=True, text=True, check=True
    )
    labels = [json.loads(line)["label"] for line in said.stdout.splitlines()]
    assert labels == [row["label"] for row in texts]
    assert [row["id"] for row in head] == list(range(len(head)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--group", type=int, default=1_000_000, help="rows per row group")
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--vocable", default=TARGET / "release" / "vocable")
    arguments = parser.parse_args()
    DATA.mkdir(parents=True, exist_ok=True)
    texts = DATA / f"texts-{arguments.rows}-{arguments.group}.parquet"
    if not texts.exists():
        make(texts, arguments.rows, arguments.group)
    model = DATA / f"reviews-{arguments.hidden}.safetensors"
    train = ["train", "--train", ROOT / "fixtures" / "reviews.train.txt", "--hidden", arguments.hidden, "--epochs", 2]
    measured([arguments.vocable, *train, "--out", model])
    say(f"{arguments.rows:,} texts, {texts.stat().st_size / 1e6:,.0f} MB, row groups of {arguments.group:,}")
    labelled, vectors = DATA / "labelled.parquet", DATA / "vectors.parquet"
    too_much = []
    for name, argv in {
        f"predict, hidden {arguments.hidden}": ["predict", model, "--in", texts, "--out", labelled],
        "embed, 50 numbers": ["embed", "--in", texts, "--out", vectors],
    }.items():
        seconds, megabytes = measured([arguments.vocable, *argv])
        say(f"{name}: {seconds:.1f} s, {arguments.rows / seconds:,.0f} texts a second, at most {megabytes:.0f} MB")
        if megabytes > MAX_MEMORY:
            too_much.append(f"{name}: more than {MAX_MEMORY} MB")
    check(arguments.vocable, model, labelled, arguments.rows)
    labelled.unlink()
    vectors.unlink()
    sys.exit("\n".join(too_much) or None)


if __name__ == "__main__":
    main()
