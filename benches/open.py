#!/usr/bin/env python3
"""Measures the time of Vocable and its peers from process start to the first result, and their memory.

Builds the programs, makes the files once under target/bench-data, reads them into the page cache, and runs the
contestants in turns. Needs Python 3.11 or newer, cargo, unzip and gzip. docs/internals/benchmarks.md describes the comparison.
"""

import argparse
import gzip
import json
import os
import select
import shutil
import statistics
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from common import (
    DATA,
    GENSIM,
    PEERS,
    PYTHON,
    ROOT,
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
    show,
    warm,
)

GROUPS = ["text50", "binary50", "zip", "gz", "text300", "binary1m", "table"]
# Results are printed with four decimals, and another order of additions may round differently.
COSINE_TOLERANCE = 2e-4


@dataclass
class Contestant:
    name: str
    argv: list
    files: list = field(default_factory=list)  # under DATA
    slow: bool = False  # takes part in the first rounds only
    silent: bool = False  # prints nothing: a baseline, measured to its end
    runs: list = field(default_factory=list)


@dataclass
class Section:
    group: str
    title: str
    contestants: list


# Files


def files(vocable):
    """Every file by its name, with its approximate size and how to make it."""

    def vectors(form, rows, dimension):
        return lambda out: run([PEERS / "make-vectors", form, rows, dimension, out])

    def convert(source):
        return lambda out: run([vocable, "convert", DATA / source, out])

    def finalfusion(form, source):
        return lambda out: run([PEERS / "finalfusion-convert", form, DATA / source, out])

    def gensim(form, source):
        def make(out):
            out.mkdir()
            run([PYTHON, ROOT / "benches" / "gensim_first_answer.py", form, DATA / source, "--save", out / "vectors"])

        return make

    def zipped(out):
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            archive.write(DATA / "glove-400k-50.txt", "glove-400k-50.txt")

    def gzipped(out):
        with open(DATA / "glove-400k-50.txt", "rb") as source, gzip.open(out, "wb", compresslevel=6) as target:
            shutil.copyfileobj(source, target, 1 << 20)

    text50, binary1m, mb = "glove-400k-50.txt", "word2vec-1m-300.bin", 1_000_000
    return {
        text50: File(173 * mb, vectors("glove", 400_000, 50)),
        "word2vec-400k-50.bin": File(84 * mb, vectors("word2vec-binary", 400_000, 50)),
        "glove-400k-50.zip": File(90 * mb, zipped, text50),
        "glove-400k-50.txt.gz": File(90 * mb, gzipped, text50),
        "glove-400k-300.txt": File(1050 * mb, vectors("glove", 400_000, 300)),
        binary1m: File(1210 * mb, vectors("word2vec-binary", 1_000_000, 300)),
        "glove-400k-50.safetensors": File(100 * mb, convert(text50), text50, True),
        "word2vec-1m-300.safetensors": File(1250 * mb, convert(binary1m), binary1m, True),
        "glove-400k-50.fifu": File(90 * mb, finalfusion("glove", text50), text50),
        "word2vec-1m-300.fifu": File(1220 * mb, finalfusion("word2vec-binary", binary1m), binary1m),
        "glove-400k-50.kv": File(110 * mb, gensim("glove", text50), text50),
        "word2vec-1m-300.kv": File(1280 * mb, gensim("word2vec-binary", binary1m), binary1m),
        "glove-10-50.txt": File(4096, vectors("glove", 10, 50)),
        "word2vec-10-300.bin": File(12288, vectors("word2vec-binary", 10, 300)),
        "glove-10-50.safetensors": File(8192, convert("glove-10-50.txt"), "glove-10-50.txt", True),
        "word2vec-10-300.safetensors": File(16384, convert("word2vec-10-300.bin"), "word2vec-10-300.bin", True),
    }


# What is compared


def sections(vocable):
    python, ask = PYTHON, ROOT / "benches" / "gensim_first_answer.py"
    finalfusion = PEERS / "finalfusion-first-answer"
    nearest = "nearest king, top 10"

    def ours(name, file, *arguments):
        return Contestant(name, [vocable, "--vectors", DATA / file, *arguments], [file])

    def fusion(name, form, file, *words):
        return Contestant(name, [finalfusion, form, DATA / file, *words], [file])

    def gensim(name, form, file, *words):
        path = DATA / file / "vectors" if form == "keyedvectors" else DATA / file
        return Contestant(name, [python, ask, form, path, *words], [file], slow=True)

    def shell(name, script, file, silent=False):
        return Contestant(name, ["sh", "-c", script, "sh", DATA / file, finalfusion], [file], silent=silent)

    def cat(file):
        return shell("cat > /dev/null", 'cat "$1" > /dev/null', file, silent=True)

    top = ["nearest", "king", "-k", "10"]
    text50, binary50, text300, binary1m = (
        "glove-400k-50.txt",
        "word2vec-400k-50.bin",
        "glove-400k-300.txt",
        "word2vec-1m-300.bin",
    )
    archive, stream = "glove-400k-50.zip", "glove-400k-50.txt.gz"
    yield Section(
        "text50",
        f"GloVe text, 400,000 x 50: {nearest}",
        [
            ours("vocable", text50, *top),
            ours("vocable --threads 1", text50, *top, "--threads", "1"),
            fusion("finalfusion", "glove", text50, "king"),
            gensim("gensim", "glove", text50, "king"),
            cat(text50),
        ],
    )
    yield Section(
        "binary50",
        f"word2vec binary, 400,000 x 50: {nearest}",
        [
            ours("vocable", binary50, *top),
            fusion("finalfusion", "word2vec-binary", binary50, "king"),
            gensim("gensim", "word2vec-binary", binary50, "king"),
            cat(binary50),
        ],
    )
    yield Section(
        "zip",
        f"GloVe text in a zip archive, 400,000 x 50: {nearest}",
        [
            ours("vocable", archive, *top),
            shell("unzip -p | finalfusion", 'unzip -p "$1" | "$2" glove /dev/stdin king', archive),
            shell("unzip -p > /dev/null", 'unzip -p "$1" > /dev/null', archive, silent=True),
        ],
    )
    yield Section(
        "gz",
        f"GloVe text in gzip, 400,000 x 50: {nearest}",
        [
            ours("vocable", stream, *top),
            shell("gzip -dc | finalfusion", 'gzip -dc "$1" | "$2" glove /dev/stdin king', stream),
            gensim("gensim", "glove", stream, "king"),
            shell("gzip -dc > /dev/null", 'gzip -dc "$1" > /dev/null', stream, silent=True),
        ],
    )
    yield Section(
        "text300",
        f"GloVe text, 400,000 x 300: {nearest}",
        [
            ours("vocable", text300, *top),
            ours("vocable --threads 1", text300, *top, "--threads", "1"),
            fusion("finalfusion", "glove", text300, "king"),
            gensim("gensim", "glove", text300, "king"),
            cat(text300),
        ],
    )
    yield Section(
        "binary1m",
        f"word2vec binary, 1,000,000 x 300: {nearest}",
        [
            ours("vocable", binary1m, *top),
            fusion("finalfusion", "word2vec-binary", binary1m, "king"),
            gensim("gensim", "word2vec-binary", binary1m, "king"),
            cat(binary1m),
        ],
    )
    for stem, size in [("glove-400k-50", "400,000 x 50"), ("word2vec-1m-300", "1,000,000 x 300")]:
        for question, ask_vocable, words in [
            ("cosine of king and queen", ["similarity", "king", "queen"], ["king", "queen"]),
            (nearest, top, ["king"]),
        ]:
            yield Section(
                "table",
                f"mapped table, {size}: {question}",
                [
                    ours("vocable, table file", f"{stem}.safetensors", *ask_vocable),
                    fusion("finalfusion, mapped", "finalfusion", f"{stem}.fifu", *words),
                    gensim("gensim, mapped", "keyedvectors", f"{stem}.kv", *words),
                ],
            )


PRIVATE_MEMORY = [
    ("glove-400k-50.safetensors", "glove-10-50.safetensors"),
    ("word2vec-1m-300.safetensors", "word2vec-10-300.safetensors"),
]


def check_convert(vocable):
    help_page = subprocess.run([vocable, "convert", "--help"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if help_page.returncode != 0:
        raise LeftOut("this vocable has no command `convert`, so there is no table file to measure")


# Measuring


def measure(contestant):
    argv = [str(part) for part in [PEERS / "measure", *contestant.argv]]
    done = subprocess.run(argv, capture_output=True, text=True)
    ran = json.loads(done.stdout) if done.returncode == 0 else None
    if ran is None or ran["code"] != 0 or (ran["first"] is None and not contestant.silent):
        lines = done.stderr.strip().splitlines() or [f"ended with {ran and ran['code']} and without an answer"]
        raise LeftOut(lines[-1])
    return ran


def measure_section(section, rounds, slow_rounds, omissions):
    """Runs the contestants in turns, every second round in reverse; those that fail are left out from then on."""
    for number in range(-1, rounds):
        turns = section.contestants if number % 2 == 0 else section.contestants[::-1]
        for contestant in turns:
            # Round -1 reads the programs into the page cache, and does not count.
            if contestant.slow and not 0 <= number < slow_rounds:
                continue
            try:
                ran = measure(contestant)
            except LeftOut as reason:
                omissions.add(f"{section.group}, {contestant.name}", reason)
                section.contestants = [other for other in section.contestants if other is not contestant]
                continue
            if number >= 0:
                contestant.runs.append(ran)


def answers(contestant):
    """Query -> cosine, from lines that end with one."""
    lines = [line.split() for line in contestant.runs[0]["output"].splitlines()]
    return {" ".join(line[:-1]): float(line[-1]) for line in lines}


def disagreements(section):
    """Contestants whose results differ from the first contestant's, in words or cosines."""
    reference = section.contestants[0]
    expected = answers(reference)
    for contestant in section.contestants[1:]:
        if contestant.silent:
            continue
        found = answers(contestant)
        same = found.keys() == expected.keys() and all(
            abs(found[key] - expected[key]) <= COSINE_TOLERANCE for key in found
        )
        if not same:
            yield f"{contestant.name} answers {found}, {reference.name} {expected}"


def private_memory(vocable, table):
    """Memory of a process after its first result, in KiB: private dirty, and resident."""
    argv = [vocable, "--vectors", DATA / table, "similarity", "-"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            process.stdin.write(b"king queen\n")
            process.stdin.flush()
            # The program answers each line at once, and waits for the next while it is measured.
            ready, _, _ = select.select([process.stdout], [], [], 60)
            if not ready or not process.stdout.readline().startswith(b"king queen "):
                raise LeftOut(f"`similarity -` gave no answer for {table} within 60 seconds")
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except OSError as error:
            raise LeftOut(f"private memory: {error}") from error
        finally:
            process.stdin.close()
            process.kill()
    numbers = dict(line.split(":") for line in rollup.splitlines()[1:])
    return {key: int(numbers[key].split()[0]) for key in ["Private_Dirty", "Rss"]}


def measure_private_memory(vocable, rounds):
    """For each table: the median private memory with it, and with a table of ten rows of the same dimension."""
    for table, tiny in PRIVATE_MEMORY:
        with_table = [private_memory(vocable, table) for _ in range(rounds)]
        with_tiny = [private_memory(vocable, tiny) for _ in range(rounds)]
        kib = [statistics.median(ran["Private_Dirty"] for ran in runs) for runs in (with_table, with_tiny)]
        yield {
            "table": table,
            "private_kib": kib[0],
            "ten_rows_private_kib": kib[1],
            "cost_kib": kib[0] - kib[1],
            "rss_kib": statistics.median(ran["Rss"] for ran in with_table),
        }


# Results


def summary(contestant):
    """The results of one contestant: seconds and MiB."""

    def spread(key):
        values = [ran[key] for ran in contestant.runs]
        return {"median": statistics.median(values), "min": min(values)}

    return {
        "name": contestant.name,
        "rounds": len(contestant.runs),
        "first_answer": None if contestant.silent else spread("first"),
        "exit": spread("exit"),
        "peak_mib": max(ran["peak_kib"] for ran in contestant.runs) / 1024,
        "runs": [{key: ran[key] for key in ["first", "exit", "peak_kib"]} for ran in contestant.runs],
    }


def results(section):
    """Summaries of all contestants; `ratio` is the median time divided by the first contestant's median time to the first result."""
    rows = [summary(contestant) for contestant in section.contestants]
    ours = rows[0]["first_answer"]["median"]
    for row in rows:
        row["ratio"] = (row["first_answer"] or row["exit"])["median"] / ours
    return rows


def show_results(section, rows, others):
    lines = [["", "first answer", "min", "exit", "MiB peak", "ratio", "rounds"]]
    for row in rows:
        first = row["first_answer"]
        times = [f"{first['median']:.4f}", f"{first['min']:.4f}"] if first else ["-", "-"]
        lines.append(
            [
                row["name"],
                *times,
                f"{row['exit']['median']:.4f}",
                f"{row['peak_mib']:.1f}",
                f"{row['ratio']:.2f}",
                str(row["rounds"]),
            ]
        )
    show(f"{section.group}: {section.title} (seconds; others kept {others:.1f} of {os.cpu_count()} cores busy)", lines)


def show_private_memory(rows):
    lines = [["", "table", "ten rows", "the table costs", "resident"]]
    for row in rows:
        lines.append(
            [
                row["table"],
                *(f"{row[key]:.0f}" for key in ["private_kib", "ten_rows_private_kib", "cost_kib", "rss_kib"]),
            ]
        )
    show("table: private dirty memory after one answer (KiB)", lines)


def parse_arguments():
    def program(text):
        if not os.access(text, os.X_OK) or os.path.isdir(text):
            raise argparse.ArgumentTypeError(f"{text} is not a program")
        return Path(text)

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", type=choice_of(GROUPS), default=GROUPS, metavar="GROUP,...", help=f"of {', '.join(GROUPS)}"
    )
    parser.add_argument("--rounds", type=count, default=7, help="number of runs of each contestant (7)")
    parser.add_argument("--gensim-rounds", type=count, default=3, help="number of runs of gensim (3)")
    parser.add_argument("--skip-gensim", action="store_true")
    parser.add_argument(
        "--vocable", type=program, metavar="PROGRAM", help="measure this program instead of building one"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every run as JSON")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    omissions = Omissions()
    vocable = (arguments.vocable or build_vocable()).resolve()
    build_peers()
    skip_gensim = arguments.skip_gensim
    if not skip_gensim:
        try:
            install("gensim", GENSIM)
        except LeftOut as reason:
            omissions.add("gensim", reason)
            skip_gensim = True
    chosen = [section for section in sections(vocable) if section.group in arguments.only]
    if "table" in arguments.only:
        try:
            check_convert(vocable)
        except LeftOut as reason:
            omissions.add("table", reason)
            chosen = [section for section in chosen if section.group != "table"]
    tables = any(section.group == "table" for section in chosen)
    for section in chosen:
        section.contestants = [each for each in section.contestants if not (each.slow and skip_gensim)]

    shelf = Shelf(vocable, files(vocable))
    names = [name for section in chosen for contestant in section.contestants for name in contestant.files]
    names += [name for pair in PRIVATE_MEMORY for name in pair] if tables else []
    shelf.check_space(names)
    unmade = shelf.make_all(names, omissions)

    report = {
        **circumstances(vocable, arguments.vocable is None),
        "rounds": arguments.rounds,
        "sections": [],
        "private_memory": [],
    }
    for section in chosen:
        section.contestants = [each for each in section.contestants if not unmade & set(each.files)]
        for name in {name for contestant in section.contestants for name in contestant.files}:
            warm(DATA / name)
        neighbours = Neighbours()
        measure_section(section, arguments.rounds, arguments.gensim_rounds, omissions)
        if not section.contestants or not section.contestants[0].name.startswith("vocable"):
            omissions.add(f"{section.group}, {section.title}", "without Vocable there is nothing to compare with")
            continue
        others, rows = neighbours.cores(), results(section)
        show_results(section, rows, others)
        for difference in disagreements(section):
            omissions.add(f"{section.group}, the same answers from all", difference)
        report["sections"].append(
            {"group": section.group, "title": section.title, "others_busy_cores": others, "contestants": rows}
        )
    if tables and not any(name in unmade for pair in PRIVATE_MEMORY for name in pair):
        try:
            report["private_memory"] = list(measure_private_memory(vocable, arguments.rounds))
            show_private_memory(report["private_memory"])
        except LeftOut as reason:
            omissions.add("table, private memory", reason)

    report["left_out"] = omissions.lines
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    return omissions.finish()


if __name__ == "__main__":
    sys.exit(main())
