#!/usr/bin/env python3
"""Compares the Python package with gensim: opening, looking up words, nearest words; and measures the memory of processes that share a table.

Run it with a Python that has both (`pip install ./python gensim`). Files are made once under target/bench-data. Contestants run in
turns; results are medians, and ratios are of medians of the same run. docs/internals/benchmarks.md describes the comparison.
"""

import argparse
import datetime
import importlib.metadata
import json
import multiprocessing
import os
import platform
import random
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from common import DATA, Neighbours, commit, count, say, show

WORDS = 10_000
QUESTIONS = 200
PROCESSES = 4


def words(rows):
    """Distinct words of random letters, with lengths as in English: the first ones shorter."""
    draw = random.Random(1)
    made = dict.fromkeys(())
    while len(made) < rows:
        length = min(14, 2 + int(draw.gammavariate(3.0, 1.2) + len(made) / rows * 3))
        made["".join(draw.choices("etaoinshrdlucmfwypvbgkjqxz", k=length))] = None
    return list(made)


def make(name, rows, dimension):
    """Writes a table of random rows to a file, unless it exists."""
    import vocable

    path = DATA / name
    if not path.exists():
        say(f"making {path.name}")
        DATA.mkdir(parents=True, exist_ok=True)
        source = vocable.Vectors.from_arrays(
            words(rows), np.random.default_rng(1).normal(0, 0.4, (rows, dimension)).astype(np.float32)
        )
        source.save(path, format="glove" if path.suffix == ".txt" else None)
    return path


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def look_up(name, path, words, rounds, queue):
    """Seconds of repeatedly looking up the same words, in a process that does nothing else."""
    if name == "vocable":
        import vocable

        v = vocable.open(path)
    else:
        from gensim.models import KeyedVectors

        v = KeyedVectors.load(str(path))
    queue.put([seconds(lambda: v[words]) for _ in range(rounds)])


def looked_up_alone(rounds, paths, words):
    """The first time and the later times of each contestant; their processes run in turns."""
    context = multiprocessing.get_context("spawn")
    first, later = {name: [] for name in paths}, {name: [] for name in paths}
    for _ in range(PROCESSES):
        for name, path in paths.items():
            queue = context.Queue()
            process = context.Process(target=look_up, args=(name, path, words, rounds, queue))
            process.start()
            taken = queue.get()
            process.join()
            first[name].append(taken[0])
            later[name] += taken[1:]
    return first, later


def private_kib():
    """Private memory of this process: what it wrote, and file pages that only this process has read."""
    fields = dict(line.split(":") for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return np.array([int(fields[name].split()[0]) for name in ("Private_Dirty", "Private_Clean")])


def weigh(path, seed, barrier, queue):
    """Memory of one of several processes: with Python and NumPy only, then with the table open and in use."""
    own = private_kib()
    barrier.wait()
    if path is not None:
        import vocable

        v = vocable.open(path)
        drawn = [v.word(row) for row in random.Random(seed or os.getpid()).sample(range(len(v)), WORDS)]
        for word in drawn[:20]:
            v.most_similar(word)
        v[drawn].sum()
    barrier.wait()
    queue.put((own, private_kib()))
    barrier.wait()  # no process ends while others are measured


def weighed(path, seed):
    """Private MiB of all processes, written and read: without the table, and added by it. Without a seed each process looks up other words."""
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(PROCESSES), context.Queue()
    processes = [context.Process(target=weigh, args=(path, seed, barrier, queue)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    found = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    own, after = (sum(each) / 1024 for each in zip(*found))
    return own, after - own


def ms(times):
    return f"{1e3 * statistics.median(times):,.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=count, default=400_000)
    parser.add_argument("--dimension", type=count, default=50)
    parser.add_argument("--rounds", type=count, default=21, help="rounds of measurements that take milliseconds")
    parser.add_argument(
        "--gensim-opens", type=count, default=3, help="how often gensim opens the text, which takes 15 seconds"
    )
    parser.add_argument(
        "--shared-rows", type=count, default=1_000_000, help="rows of the shared table, of dimension 300"
    )
    parser.add_argument("--json", type=Path, help="write all results to this file")
    chosen = parser.parse_args()

    import vocable
    from gensim.models import KeyedVectors

    told = {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "versions": f"Python {platform.python_version()}, "
        + ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("vocable", "gensim", "numpy")),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}",
    }
    say("\n".join(f"{key}: {value}" for key, value in told.items()) + "\n")
    size = f"{chosen.rows}-{chosen.dimension}"
    table, text = (
        make(f"python-{size}.safetensors", chosen.rows, chosen.dimension),
        make(f"python-{size}.txt", chosen.rows, chosen.dimension),
    )
    shared = make(f"python-{chosen.shared_rows}-300.safetensors", chosen.shared_rows, 300)
    watch = Neighbours()

    opened = {"table": [seconds(lambda: vocable.open(table)) for _ in range(chosen.rounds)]}
    theirs = None
    opened |= {"text": [], "gensim": []}
    for turn in range(max(chosen.gensim_opens, 5)):
        opened["text"].append(seconds(lambda: vocable.open(text)))
        if turn < chosen.gensim_opens:
            began = time.perf_counter()
            theirs = KeyedVectors.load_word2vec_format(text, no_header=True)
            opened["gensim"].append(time.perf_counter() - began)
    ours = vocable.open(table)
    theirs.fill_norms()

    draw = random.Random(2)
    some = draw.sample(list(ours.index_to_key), WORDS)
    assert np.array_equal(ours[some], theirs[some])
    saved = DATA / f"python-{size}.kv"
    theirs.save(str(saved))
    first, later = looked_up_alone(chosen.rounds, {"vocable": table, "gensim": saved}, some)

    asked = draw.sample(some, QUESTIONS)
    for word in asked[:5]:
        a, b = ours.most_similar(word), theirs.most_similar(word)
        assert np.allclose([s for _, s in a], [s for _, s in b], atol=1e-5) and a[0][0] == b[0][0], word
    # Each turn lasts a while: worker threads are not idle at once after their work.
    near = {"vocable": [], "gensim": []}
    for start in range(0, QUESTIONS, 50):
        for name, v in (("vocable", ours), ("gensim", theirs)):
            time.sleep(0.1)
            near[name] += [seconds(lambda: v.most_similar(word)) for word in asked[start : start + 50]]

    own, more = weighed(shared, seed=1)
    _, apart = weighed(shared, seed=None)

    show(
        f"{chosen.rows:,} x {chosen.dimension}, medians in ms",
        [
            ["", "vocable", "gensim", "ratio", "wanted"],
            ["open the table file", ms(opened["table"]), "-", "-", "at most 5 ms"],
            [
                "open text",
                ms(opened["text"]),
                ms(opened["gensim"]),
                ratio(opened["gensim"], opened["text"]),
                "at least 50",
            ],
            [
                f"v[words], {WORDS:,} words",
                ms(later["vocable"]),
                ms(later["gensim"]),
                ratio(later["gensim"], later["vocable"]),
                "at least 10",
            ],
            [
                "  the first time",
                ms(first["vocable"]),
                ms(first["gensim"]),
                ratio(first["gensim"], first["vocable"]),
                "-",
            ],
            [
                "most_similar",
                ms(near["vocable"]),
                ms(near["gensim"]),
                ratio(near["gensim"], near["vocable"]),
                "at least 2",
            ],
        ],
    )
    say(
        f"{PROCESSES} processes over one table of {shared.stat().st_size / 1e9:.1f} GB, the same {WORDS:,} words in each: {more.sum():.0f} MiB private in all, "
        f"beyond Python's and NumPy's own {own.sum():.0f} MiB (wanted: at most 100 MB)"
    )
    say(
        f"  other words in each: {apart[0]:.0f} MiB written, and {apart[1]:.0f} MiB of the file's pages that one process alone has read by then"
    )
    say(f"others kept {watch.cores():.2f} cores busy")
    if chosen.json:
        figures = {
            "opened": opened,
            "looked_up": {"first": first, "later": later},
            "most_similar": near,
            "private_mib": {"own": own.tolist(), "same words": more.tolist(), "other words": apart.tolist()},
        }
        chosen.json.write_text(json.dumps(told | figures, indent=1))


def ratio(theirs, ours):
    return f"{statistics.median(theirs) / statistics.median(ours):.1f}"


if __name__ == "__main__":
    sys.exit(main())
