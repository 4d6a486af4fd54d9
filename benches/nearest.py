#!/usr/bin/env python3
"""Times queries of Vocable and its peers on open vectors: nearest words one by one and in batches,
and analogy benchmarks.

Builds the programs, makes the files once under target/bench-data, starts the contestants, and runs them in turns. Needs
Python 3.11 or newer and cargo. docs/internals/benchmarks.md describes the comparison.
"""

import argparse
import itertools
import json
import math
import operator
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from common import (
    DATA,
    GENSIM,
    PEERS,
    PYTHON,
    ROOT,
    TARGET,
    File,
    LeftOut,
    Neighbours,
    Omissions,
    Shelf,
    build_peers,
    build_vocable,
    choice_of,
    circumstances,
    count,
    install,
    run,
    say,
    show,
    warm,
    word_places,
)

FAISS = "1.15.1"
SIZES = {"50": (400_000, 50), "300": (400_000, 300), "1m": (1_000_000, 300)}
KINDS = ["independent", "structured"]
# Queries and tables.
GROUPS = {
    "one50": ("one", "50"),
    "one300": ("one", "300"),
    "one1m": ("one", "1m"),
    "batch50": ("batch", "50"),
    "batch300": ("batch", "300"),
    "analogies50": ("analogies", "50"),
}
# With fewer rows there are not ten runs of scores, nor enough words to draw.
MIN_ROWS = 2000
K = 10
ONE, BATCH, ANALOGIES = 200, 1000, 10_000
# Number of queries for gensim, which has no batches.
GENSIM_BATCH, GENSIM_ANALOGIES = 50, 300
# Single queries of a contestant in a turn, and warm-up queries before them, which do not count.
TURN, WARM_UP = 50, 5
# Worker threads spin for up to 30 ms after their work; the next turn begins when they are idle.
PAUSE = 0.1
COSINE_TOLERANCE = 1e-5


@dataclass
class Contestant:
    """A program that has opened vectors and waits for its turn."""

    name: str
    argv: list
    file: str  # under DATA
    takes: list  # the kinds of queries that it takes
    ours: bool = False
    gensim: bool = False
    failed: bool = False
    process: subprocess.Popen | None = None
    errors: object = None

    def start(self):
        threads = str(os.cpu_count())
        chosen = {name: threads for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"]}
        self.errors = tempfile.TemporaryFile("w+")
        try:
            self.process = subprocess.Popen(
                [str(part) for part in self.argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
                env={**os.environ, **chosen},
            )
        except OSError as error:
            raise LeftOut(error.strerror) from error
        self.answer()

    def answer(self):
        if line := self.process.stdout.readline():
            return line
        code = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines() or [f"ended with {code}"]
        raise LeftOut(lines[-1])

    def ask(self, task, **what):
        time.sleep(PAUSE)
        try:
            self.process.stdin.write(json.dumps({"task": task, **what}) + "\n")
            self.process.stdin.flush()
        except OSError:
            pass  # It has ended; the reason is reported where its response is missing.
        return json.loads(self.answer())

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.communicate()
        if self.errors:
            self.errors.close()


@dataclass
class Turns:
    """The results of one contestant in a section, for every round."""

    contestant: Contestant
    seconds: list = field(default_factory=list)  # for each round, those of each query or of all
    answers: list = field(
        default_factory=list
    )  # for each round, nearest words with cosines, or sections of a benchmark
    asked: int = 0  # number of queries of a batch or a benchmark

    @property
    def name(self):
        return self.contestant.name


# Programs and files


def build_ours():
    """Builds Vocable's contestant; returns its path."""
    argv = [
        "cargo",
        "bench",
        "--bench",
        "nearest",
        "--no-run",
        "--locked",
        "--target-dir",
        TARGET,
        "--message-format",
        "json",
    ]
    built = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    messages = map(json.loads, built.stdout.splitlines())
    return next(
        Path(message["executable"])
        for message in messages
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == "nearest"
    )


def stem(kind, rows, dimension):
    """The name of a table; tables of independent rows are those of open.py."""
    short = {400_000: "400k", 1_000_000: "1m"}.get(rows, str(rows))
    return f"{'word2vec' if kind == 'independent' else kind}-{short}-{dimension}"


def files(vocable, tables):
    """Every file by its name, with its approximate size and how to make it."""

    def vectors(kind, rows, dimension):
        return lambda out: run([PEERS / "make-vectors", "word2vec-binary", rows, dimension, out, "--kind", kind])

    def convert(source):
        return lambda out: run([vocable, "convert", DATA / source, out])

    def questions(source):
        return lambda out: run(
            [PYTHON, ROOT / "benches" / "nearest_peers.py", "numpy", DATA / source, "--questions", out, ANALOGIES]
        )

    def head(source, number):
        def make(out):
            lines = (DATA / source).read_text().splitlines(keepends=True)
            questions = [place for place, line in enumerate(lines) if not line.startswith(":")]
            out.write_text("".join(lines[: questions[number - 1] + 1]))

        return make

    made = {}
    for kind, rows, dimension in tables:
        name = stem(kind, rows, dimension)
        binary, asked = f"{name}.bin", f"{name}.questions.txt"
        made[binary] = File(rows * (4 * dimension + 10), vectors(kind, rows, dimension))
        made[f"{name}.safetensors"] = File(rows * (5 * dimension + 50), convert(binary), binary, vocable_writes=True)
        made[asked] = File(400_000, questions(binary), binary)
        made[f"{name}.sample.txt"] = File(20_000, head(asked, GENSIM_ANALOGIES), asked)
        made[f"{name}.single.txt"] = File(100, head(asked, 1), asked)
    return made


# What is compared


def contestants(ours, name, skipped):
    """All contestants for a table, Vocable first."""
    binary, table = f"{name}.bin", f"{name}.safetensors"

    def python(peer):
        return [PYTHON, ROOT / "benches" / "nearest_peers.py", peer, DATA / binary]

    finalfusion = PEERS / "finalfusion-nearest"
    every = ["one", "batch", "analogies"]
    found = [
        Contestant("vocable", [ours, DATA / table], table, every, ours=True),
        Contestant("vocable, f32 only", [ours, DATA / table, "--scan", "f32"], table, ["one"], ours=True),
        Contestant("numpy", python("numpy"), binary, every),
        Contestant("numpy, by blocks", python("numpy-blocks"), binary, ["one", "batch"]),
        Contestant("FAISS", python("faiss"), binary, ["one", "batch"]),
        Contestant("gensim", python("gensim"), binary, every, gensim=True),
        Contestant("finalfusion", [finalfusion, "word2vec-binary", DATA / binary], binary, ["one"]),
    ]
    return [each for each in found if each.name not in skipped]


# Measuring


def by_turns(turns, rounds, omissions, group, ask):
    """Runs contestants in turns, every second round in reverse; those that fail are left out from then on."""
    for number in range(rounds):
        for each in turns[:] if number % 2 == 0 else turns[::-1]:
            try:
                ask(each, number)
            except LeftOut as reason:
                omissions.add(f"{group}, {each.name}", reason)
                each.contestant.failed = True
                turns.remove(each)


def measure_one(turns, rounds, words, omissions, group):
    """Single queries. A round is several turns of each, so that a slow minute of the machine affects all of them."""
    questions, wake = words[:ONE], words[ONE : ONE + WARM_UP]
    parts = range(0, ONE, TURN)

    def ask(each, number):
        start = parts[number % len(parts)]
        done = each.contestant.ask("nearest", words=wake + questions[start : start + TURN], k=K)
        if start == 0:
            each.seconds.append([])
            each.answers.append([])
        each.seconds[-1] += [took / 1e9 for took in done["nanoseconds"][WARM_UP:]]
        each.answers[-1] += done["answers"][WARM_UP:]
        each.asked = ONE

    by_turns(turns, rounds * len(parts), omissions, group, ask)


def measure_batch(turns, rounds, words, omissions, group):
    """Batches of queries."""

    def ask(each, _):
        each.asked = GENSIM_BATCH if each.contestant.gensim else BATCH
        each.contestant.ask("batch", words=words[-WARM_UP:], k=K)
        done = each.contestant.ask("batch", words=words[: each.asked], k=K)
        each.seconds.append([took / 1e9 for took in done["nanoseconds"]])
        each.answers.append(done["answers"])

    by_turns(turns, rounds, omissions, group, ask)


def measure_analogies(turns, rounds, name, omissions, group):
    """An analogy benchmark; gensim's time for all of it is estimated from a single question and a sample."""

    def ask(each, _):
        def seconds_for(part):
            done = each.contestant.ask("analogies", questions=str(DATA / f"{name}.{part}.txt"))
            return done["nanoseconds"][0] / 1e9, done["sections"]

        single, _ = seconds_for("single")
        if each.contestant.gensim:
            each.asked = GENSIM_ANALOGIES
            sample, sections = seconds_for("sample")
            seconds = single + (sample - single) / (GENSIM_ANALOGIES - 1) * (ANALOGIES - 1)
        else:
            each.asked = ANALOGIES
            seconds, sections = seconds_for("questions")
        each.seconds.append([seconds])
        each.answers.append(sections)

    by_turns(turns, rounds, omissions, group, ask)


def nearest_differ(found, expected):
    """Whether nearest words with cosines differ; words with equal cosines up to rounding may be in another order, and of those
    with the cosine of the last one any may be included."""
    near = [abs(cosine - other) <= COSINE_TOLERANCE for (_, cosine), (_, other) in zip(found, expected)]
    if len(found) != K or len(expected) != K or not all(near):
        return True
    found, expected, last = dict(found), dict(expected), expected[-1][1]
    return any(abs(cosine - expected.get(word, last)) > COSINE_TOLERANCE for word, cosine in found.items())


def disagreements(turns, what):
    """Contestants with missing results, or results that differ from the first contestant's, in any round."""
    reference = turns[0]
    expected = reference.answers[0]
    differ = operator.ne if what == "analogies" else nearest_differ
    for each in turns:
        for answers in each.answers:
            answered = sum(seen for _, _, seen in answers) if what == "analogies" else len(answers)
            if answered != each.asked:
                yield f"{each.name} answers {answered} of {each.asked} questions"
                break
            if different := [pair for pair in zip(answers, expected) if differ(*pair)]:
                yield (
                    f"{each.name} differs from {reference.name} in {len(different)} of {len(answers)}, first: "
                    f"{different[0][0]} instead of {different[0][1]}"
                )
                break


# Results


def percentile(values, share):
    """The given percentile of the values."""
    return sorted(values)[math.ceil(len(values) * share / 100) - 1]


def results(turns, what):
    """Summaries of all contestants: medians over the rounds, and their ratios to Vocable's first."""
    rows = []
    for each in turns:
        row = {"name": each.name, "rounds": len(each.seconds), "asked": each.asked}
        if what == "one":
            row["median"] = statistics.median(statistics.median(questions) for questions in each.seconds)
            row["percentile_99"] = statistics.median(percentile(questions, 99) for questions in each.seconds)
            row["min"] = min(map(min, each.seconds))
        else:
            row["median"] = statistics.median(seconds for [seconds] in each.seconds)
            row["min"] = min(seconds for [seconds] in each.seconds)
        if what == "batch":
            row["a_second"] = each.asked / row["median"]
        if what == "analogies":
            row["right"] = sum(right for _, right, _ in each.answers[0])
            row["seen"] = sum(seen for _, _, seen in each.answers[0])
        rows.append({**row, "runs": each.seconds})
    for row in rows:
        # In batches the number of queries differs; in a benchmark the seconds are those of all questions.
        each, ours = (row["asked"], rows[0]["asked"]) if what == "batch" else (1, 1)
        for key in ["median", "percentile_99"]:
            if key in row:
                row[f"ratio_{key}"] = row[key] / each / (rows[0][key] / ours)
    return rows


def lead(rows, peers, key):
    """The peer with the lowest ratio, and the ratio."""
    fastest = min((row for row in rows if row["name"] in peers), key=lambda row: row[key], default=None)
    return fastest and {"name": fastest["name"], "ratio": fastest[key]}


def show_results(title, rows, what, others, leads):
    if what == "one":
        lines = [["", "median", "99th", "min", "ratio", "ratio of 99th", "rounds"]]
        lines += [
            [
                row["name"],
                *(f"{1e3 * row[key]:.2f}" for key in ["median", "percentile_99", "min"]),
                f"{row['ratio_median']:.2f}",
                f"{row['ratio_percentile_99']:.2f}",
                str(row["rounds"]),
            ]
            for row in rows
        ]
    elif what == "batch":
        lines = [["", "questions", "seconds", "min", "a second", "ratio", "rounds"]]
        lines += [
            [
                row["name"],
                str(row["asked"]),
                f"{row['median']:.3f}",
                f"{row['min']:.3f}",
                f"{row['a_second']:.0f}",
                f"{row['ratio_median']:.2f}",
                str(row["rounds"]),
            ]
            for row in rows
        ]
    else:
        lines = [["", "asked", "right", "seconds", "min", "ratio", "rounds"]]
        lines += [
            [
                row["name"],
                str(row["asked"]),
                str(row["right"]),
                f"{row['median']:.3f}",
                f"{row['min']:.3f}",
                f"{row['ratio_median']:.2f}",
                str(row["rounds"]),
            ]
            for row in rows
        ]
    unit = "milliseconds" if what == "one" else "seconds"
    show(f"{title} ({unit}; others kept {others:.1f} of {os.cpu_count()} cores busy)", lines)
    for key, found in leads.items():
        say(
            f"  {key.replace('_', ' ')}: the fastest peer, {found['name']}, takes {found['ratio']:.2f} times as long as vocable"
        )
    say()


def titled(group, what, kind, rows, dimension):
    asked = {
        "one": f"nearest, top {K}, one by one, {ONE} words",
        "batch": f"nearest, top {K}, {BATCH:,} at once",
        "analogies": f"{ANALOGIES:,} analogy questions over the first {min(rows, 300_000):,} rows",
    }
    return f"{group}: {kind} rows, {rows:,} x {dimension}: {asked[what]}"


def measure_table(kind, size, asked, ours, skipped, rounds, unmade, omissions):
    """Opens a table in all contestants and measures the groups that query it."""
    name = stem(kind, *size)
    kinds = {GROUPS[group][0] for group in asked}
    chosen = [each for each in contestants(ours, name, skipped) if kinds & set(each.takes) and each.file not in unmade]
    for file in {each.file for each in chosen}:
        warm(DATA / file)
    with ExitStack() as stack:
        for each in chosen:
            stack.callback(each.stop)
            try:
                each.start()
            except LeftOut as reason:
                each.failed = True
                omissions.add(f"{kind}, {name}, {each.name}", reason)
        words = draw_words(DATA / f"{name}.bin", BATCH + WARM_UP)
        for group in asked:
            what = GROUPS[group][0]
            title = titled(group, what, kind, *size)
            turns = [Turns(each) for each in chosen if what in each.takes and not each.failed]
            neighbours = Neighbours([each.process.pid for each in chosen if not each.failed])
            if what == "one":
                measure_one(turns, rounds, words, omissions, f"{group}, {kind}")
            elif what == "batch":
                measure_batch(turns, rounds, words, omissions, f"{group}, {kind}")
            else:
                measure_analogies(turns, rounds, name, omissions, f"{group}, {kind}")
            if not turns or turns[0].name != "vocable":
                omissions.add(title, "without Vocable there is nothing to compare with")
                continue
            others, found = neighbours.cores(), results(turns, what)
            peers = {each.name for each in turns if not each.contestant.ours}
            keys = ["median", "percentile_99"] if what == "one" else ["median"]
            leads = {key: lead(found, peers, f"ratio_{key}") for key in keys} if peers else {}
            show_results(title, found, what, others, leads)
            for difference in disagreements(turns, what):
                omissions.add(f"{title}: the same answers from all", difference)
            yield {
                "group": group,
                "kind": kind,
                "rows": size[0],
                "dimension": size[1],
                "others_busy_cores": others,
                "contestants": found,
                "times_faster_than_fastest_peer": leads,
            }


def draw_words(path, number):
    """Words of a file, drawn at random with a fixed seed."""
    words = [word for word, _ in word_places(path)]
    return random.Random(1).sample(words, number)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only",
        type=choice_of(list(GROUPS)),
        default=list(GROUPS),
        metavar="GROUP,...",
        help=f"of {', '.join(GROUPS)}",
    )
    parser.add_argument(
        "--kinds", type=choice_of(KINDS), default=KINDS, metavar="KIND,...", help=f"of {', '.join(KINDS)}"
    )
    parser.add_argument("--rounds", type=count, default=5, help="number of rounds (5)")
    parser.add_argument("--rows", type=count, metavar="N", help="tables of at most N rows, to try it out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every run as JSON")
    arguments = parser.parse_args()
    if arguments.rows and arguments.rows < MIN_ROWS:
        parser.error(f"--rows: a number from {MIN_ROWS}, not {arguments.rows}")
    return arguments


def main():
    arguments = parse_arguments()
    omissions = Omissions()
    vocable, ours = build_vocable(), build_ours()
    build_peers()
    skipped = set()
    for name, package, version in [("gensim", "gensim", GENSIM), ("FAISS", "faiss-cpu", FAISS)]:
        try:
            install(package, version)
        except LeftOut as reason:
            omissions.add(name, reason)
            skipped.add(name)
    sizes = {key: (min(rows, arguments.rows or rows), dimension) for key, (rows, dimension) in SIZES.items()}
    # The groups of a table are consecutive, so that it is opened once.
    plan = []
    for kind, (key, size) in itertools.product(KINDS, sizes.items()):
        asked = [group for group in GROUPS if GROUPS[group][1] == key and group in arguments.only]
        if kind in arguments.kinds and asked:
            plan.append((kind, size, asked))

    shelf = Shelf(vocable, files(vocable, [(kind, *size) for kind, size, _ in plan]))
    names = []
    for kind, size, asked in plan:
        name = stem(kind, *size)
        names += [f"{name}.bin", f"{name}.safetensors"]
        if "analogies" in {GROUPS[group][0] for group in asked}:
            names += [f"{name}.questions.txt", f"{name}.sample.txt", f"{name}.single.txt"]
    shelf.check_space(names)
    unmade = shelf.make_all(names, omissions)

    report = {**circumstances(vocable, own_build=True), "rounds": arguments.rounds, "sections": []}
    for kind, size, asked in plan:
        report["sections"] += measure_table(kind, size, asked, ours, skipped, arguments.rounds, unmade, omissions)
    report["left_out"] = omissions.lines
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    return omissions.finish()


if __name__ == "__main__":
    sys.exit(main())
