#!/usr/bin/env python3
"""Times how long Vocable and its peers take from process start to the first answer, and what memory they hold.

Builds the programs, makes the files once under target/bench-data, reads them into the page cache, and runs the
contestants by turns. Needs Python 3.11 or newer, cargo, unzip and gzip. docs/benchmarks.md says what is compared.
"""

import argparse
import datetime
import gzip
import json
import os
import platform
import select
import shutil
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "target"
DATA = TARGET / "bench-data"
VENV = TARGET / "bench-venv"
PEERS = TARGET / "bench-peers" / "release"
GENSIM = "4.4.0"
GROUPS = ["text50", "binary50", "zip", "gz", "text300", "binary1m", "table"]
SPARE_DISK = 2 << 30
# Answers are printed with four decimals, and sums in another order may round them another way.
COSINE_TOLERANCE = 2e-4


class LeftOut(Exception):
    """Why something cannot be measured; the rest goes on."""


@dataclass
class Contestant:
    name: str
    argv: list
    files: list = field(default_factory=list)  # under DATA
    slow: bool = False  # takes part in the first rounds only
    silent: bool = False  # prints nothing: a floor, of which the time to its end counts
    runs: list = field(default_factory=list)


@dataclass
class Section:
    group: str
    title: str
    contestants: list


@dataclass
class File:
    size: int  # about, for the check of free space
    make: Callable
    source: str | None = None
    vocable_writes: bool = False


def say(text=""):
    print(text, flush=True)


def run(argv):
    """Runs a preparation and raises LeftOut with the end of its standard error when it fails."""
    try:
        done = subprocess.run([str(part) for part in argv], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        raise LeftOut(f"{Path(argv[0]).name}: {error.strerror}") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise LeftOut(f"{Path(argv[0]).name}: {lines[-1]}")


# Programs


def build(vocable):
    """Builds Vocable (unless a program is named) and the peers; returns the path of vocable."""
    cargo = ["cargo", "build", "--release", "--locked"]
    if vocable is None:
        subprocess.run([*cargo, "--target-dir", TARGET], cwd=ROOT, check=True)
        vocable = TARGET / "release" / "vocable"
    manifest = ROOT / "benches" / "peers" / "Cargo.toml"
    subprocess.run([*cargo, "--manifest-path", manifest, "--target-dir", PEERS.parent], cwd=ROOT, check=True)
    return Path(vocable).resolve()


def install_gensim():
    python = VENV / "bin" / "python"
    installed = [python, "-c", f"import importlib.metadata as m; assert m.version('gensim') == '{GENSIM}'"]
    if python.exists() and subprocess.run(installed, stderr=subprocess.DEVNULL).returncode == 0:
        return
    say(f"installing gensim {GENSIM} into {VENV.relative_to(ROOT)}")
    run([sys.executable, "-m", "venv", VENV])
    run([python, "-m", "pip", "install", "--quiet", f"gensim=={GENSIM}"])


# Files


def files(vocable):
    """Every file by its name: about how large it is, and how it is made."""

    def vectors(form, rows, dimension):
        return lambda out: run([PEERS / "make-vectors", form, rows, dimension, out])

    def convert(source):
        return lambda out: run([vocable, "convert", DATA / source, out])

    def finalfusion(form, source):
        return lambda out: run([PEERS / "finalfusion-convert", form, DATA / source, out])

    def gensim(form, source):
        def make(out):
            out.mkdir()
            run([VENV / "bin" / "python", ROOT / "benches" / "gensim_first_answer.py", form, DATA / source,
                 "--save", out / "vectors"])
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


class Shelf:
    """The files, made when they are first asked for."""

    def __init__(self, vocable):
        self.vocable = vocable
        self.files = files(vocable)

    def stale(self, name):
        """Whether a file has to be made: it is not there, or another build of Vocable wrote it."""
        path = DATA / name
        if not path.exists():
            return True
        return self.files[name].vocable_writes and path.stat().st_mtime < self.vocable.stat().st_mtime

    def needed(self, names):
        """The names, and those that they are made from, as far as they have to be made."""
        missing = {name for name in names if self.stale(name)}
        return missing | {source for name in missing if (source := self.files[name].source) and self.stale(source)}

    def check_space(self, names):
        DATA.mkdir(parents=True, exist_ok=True)
        wanted = sum(self.files[name].size for name in self.needed(names)) + SPARE_DISK
        free = shutil.disk_usage(DATA).free
        if free < wanted:
            sys.exit(f"error: {DATA} has {free / 1e9:.1f} GB free, {wanted / 1e9:.1f} GB are needed; choose groups with --only")

    def make(self, name):
        file, path = self.files[name], DATA / name
        if not self.stale(name):
            return
        if file.source:
            self.make(file.source)
        say(f"making {path.relative_to(ROOT)}")
        # The ending tells `convert` the format, so it stays.
        part = DATA / f"part-{name}"
        discard(part)
        try:
            file.make(part)
        except BaseException:
            discard(part)
            raise
        discard(path)
        part.rename(path)


def discard(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def warm(path):
    """Reads a file, or all files of a folder, so that it lies in the page cache."""
    for each in path.iterdir() if path.is_dir() else [path]:
        with open(each, "rb", buffering=0) as file:
            while file.read(1 << 24):
                pass


# What is compared


def sections(vocable):
    python, ask = VENV / "bin" / "python", ROOT / "benches" / "gensim_first_answer.py"
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
        "glove-400k-50.txt", "word2vec-400k-50.bin", "glove-400k-300.txt", "word2vec-1m-300.bin")
    archive, stream = "glove-400k-50.zip", "glove-400k-50.txt.gz"
    yield Section("text50", f"GloVe text, 400,000 x 50: {nearest}", [
        ours("vocable", text50, *top),
        ours("vocable --threads 1", text50, *top, "--threads", "1"),
        fusion("finalfusion", "glove", text50, "king"),
        gensim("gensim", "glove", text50, "king"),
        cat(text50),
    ])
    yield Section("binary50", f"word2vec binary, 400,000 x 50: {nearest}", [
        ours("vocable", binary50, *top),
        fusion("finalfusion", "word2vec-binary", binary50, "king"),
        gensim("gensim", "word2vec-binary", binary50, "king"),
        cat(binary50),
    ])
    yield Section("zip", f"GloVe text in a zip archive, 400,000 x 50: {nearest}", [
        ours("vocable", archive, *top),
        shell("unzip -p | finalfusion", 'unzip -p "$1" | "$2" glove /dev/stdin king', archive),
        shell("unzip -p > /dev/null", 'unzip -p "$1" > /dev/null', archive, silent=True),
    ])
    yield Section("gz", f"GloVe text in gzip, 400,000 x 50: {nearest}", [
        ours("vocable", stream, *top),
        shell("gzip -dc | finalfusion", 'gzip -dc "$1" | "$2" glove /dev/stdin king', stream),
        gensim("gensim", "glove", stream, "king"),
        shell("gzip -dc > /dev/null", 'gzip -dc "$1" > /dev/null', stream, silent=True),
    ])
    yield Section("text300", f"GloVe text, 400,000 x 300: {nearest}", [
        ours("vocable", text300, *top),
        ours("vocable --threads 1", text300, *top, "--threads", "1"),
        fusion("finalfusion", "glove", text300, "king"),
        gensim("gensim", "glove", text300, "king"),
        cat(text300),
    ])
    yield Section("binary1m", f"word2vec binary, 1,000,000 x 300: {nearest}", [
        ours("vocable", binary1m, *top),
        fusion("finalfusion", "word2vec-binary", binary1m, "king"),
        gensim("gensim", "word2vec-binary", binary1m, "king"),
        cat(binary1m),
    ])
    for stem, size in [("glove-400k-50", "400,000 x 50"), ("word2vec-1m-300", "1,000,000 x 300")]:
        for question, ask_vocable, words in [
            ("cosine of king and queen", ["similarity", "king", "queen"], ["king", "queen"]),
            (nearest, top, ["king"]),
        ]:
            yield Section("table", f"mapped table, {size}: {question}", [
                ours("vocable, table file", f"{stem}.safetensors", *ask_vocable),
                fusion("finalfusion, mapped", "finalfusion", f"{stem}.fifu", *words),
                gensim("gensim, mapped", "keyedvectors", f"{stem}.kv", *words),
            ])


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
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ran = json.loads(done.stdout) if done.returncode == 0 else None
    if ran is None or ran["code"] != 0 or (ran["first"] is None and not contestant.silent):
        lines = done.stderr.strip().splitlines() or [f"ended with {ran and ran['code']} and without an answer"]
        raise LeftOut(lines[-1])
    return ran


class Neighbours:
    """Watches how many cores are kept busy by others: where they are, figures say little."""

    def __init__(self):
        self.busy, self.ours, self.elapsed = self.now()

    def now(self):
        """Seconds since the start: of all cores in use, of our children, of the clock."""
        ticks = [int(number) for number in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        idle = ticks[3] + ticks[4]
        times = os.times()
        ours = times.user + times.system + times.children_user + times.children_system
        return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK"), ours, times.elapsed

    def cores(self):
        busy, ours, elapsed = self.now()
        return max(0.0, (busy - self.busy - (ours - self.ours)) / max(elapsed - self.elapsed, 1e-9))


def measure_section(section, rounds, slow_rounds, left_out):
    """Runs the contestants by turns, every second round in reverse; who fails is left out from then on."""
    for number in range(-1, rounds):
        turns = section.contestants if number % 2 == 0 else section.contestants[::-1]
        for contestant in turns:
            # Round -1 brings the programs into the page cache, and does not count.
            if contestant.slow and not 0 <= number < slow_rounds:
                continue
            try:
                ran = measure(contestant)
            except LeftOut as reason:
                left_out(section, contestant, reason)
                section.contestants = [other for other in section.contestants if other is not contestant]
                continue
            if number >= 0:
                contestant.runs.append(ran)


def answers(contestant):
    """What was asked about -> cosine, from lines that end with one."""
    lines = [line.split() for line in contestant.runs[0]["output"].splitlines()]
    return {" ".join(line[:-1]): float(line[-1]) for line in lines}


def disagreements(section):
    """Whose answers differ from the first contestant's, in words or in cosines."""
    reference = section.contestants[0]
    expected = answers(reference)
    for contestant in section.contestants[1:]:
        if contestant.silent:
            continue
        found = answers(contestant)
        same = found.keys() == expected.keys() and all(
            abs(found[key] - expected[key]) <= COSINE_TOLERANCE for key in found)
        if not same:
            yield f"{contestant.name} answers {found}, {reference.name} {expected}"


def private_memory(vocable, table):
    """KiB that a process holds for itself, after its first answer: private dirty, and resident in all."""
    argv = [vocable, "--vectors", DATA / table, "similarity", "-"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            process.stdin.write(b"king queen\n")
            process.stdin.flush()
            # The program answers each line at once, and waits for the next while it is looked at.
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
        yield {"table": table, "private_kib": kib[0], "ten_rows_private_kib": kib[1], "cost_kib": kib[0] - kib[1],
               "rss_kib": statistics.median(ran["Rss"] for ran in with_table)}


# Results


def summary(contestant):
    """The figures of one contestant: seconds and MiB."""
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
    """Summaries of all contestants; `ratio` is the median over the first contestant's, whose time to the first answer counts."""
    rows = [summary(contestant) for contestant in section.contestants]
    ours = rows[0]["first_answer"]["median"]
    for row in rows:
        row["ratio"] = (row["first_answer"] or row["exit"])["median"] / ours
    return rows


def show(title, rows):
    """Prints a table; the first column is text, the others are numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    say(title)
    for row in rows:
        cells = [cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(row, widths))]
        say("  " + "  ".join(cells))
    say()


def show_results(section, rows, others):
    lines = [["", "first answer", "min", "exit", "MiB peak", "ratio", "rounds"]]
    for row in rows:
        first = row["first_answer"]
        times = [f"{first['median']:.4f}", f"{first['min']:.4f}"] if first else ["-", "-"]
        lines.append([row["name"], *times, f"{row['exit']['median']:.4f}", f"{row['peak_mib']:.1f}",
                      f"{row['ratio']:.2f}", str(row["rounds"])])
    show(f"{section.group}: {section.title} (seconds; others kept {others:.1f} of {os.cpu_count()} cores busy)", lines)


def show_private_memory(rows):
    lines = [["", "table", "ten rows", "the table costs", "resident"]]
    for row in rows:
        lines.append([row["table"], *(f"{row[key]:.0f}" for key in
                                      ["private_kib", "ten_rows_private_kib", "cost_kib", "rss_kib"])])
    show("table: private dirty memory after one answer (KiB)", lines)


def commit():
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("-dirty" if git("status", "--porcelain", "--untracked-files=no") else "")


def circumstances(vocable, own_build):
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    version = subprocess.run([vocable, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return {
        "date": datetime.date.today().isoformat(),
        "vocable": f"{version}, commit {commit()}" if own_build else f"{version}, {vocable}",
        "machine": f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
    }


def parse_arguments():
    def groups(text):
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in GROUPS]:
            raise argparse.ArgumentTypeError(f"no group {', '.join(unknown)}; there are {', '.join(GROUPS)}")
        return chosen

    def count(text):
        if not text.isdecimal() or int(text) == 0:
            raise argparse.ArgumentTypeError(f"a number from 1, not {text}")
        return int(text)

    def program(text):
        if not os.access(text, os.X_OK) or os.path.isdir(text):
            raise argparse.ArgumentTypeError(f"{text} is not a program")
        return Path(text)

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=groups, default=GROUPS, metavar="GROUP,...", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--rounds", type=count, default=7, help="how often each contestant runs (7)")
    parser.add_argument("--gensim-rounds", type=count, default=3, help="how often gensim runs (3)")
    parser.add_argument("--skip-gensim", action="store_true")
    parser.add_argument("--vocable", type=program, metavar="PROGRAM", help="measure this program instead of building one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run as JSON, too")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    omitted = []

    def leave_out(what, reason):
        omitted.append(f"{what}: {reason}")
        say(f"left out: {omitted[-1]}\n")

    vocable = build(arguments.vocable)
    skip_gensim = arguments.skip_gensim
    if not skip_gensim:
        try:
            install_gensim()
        except LeftOut as reason:
            leave_out("gensim", reason)
            skip_gensim = True
    chosen = [section for section in sections(vocable) if section.group in arguments.only]
    if "table" in arguments.only:
        try:
            check_convert(vocable)
        except LeftOut as reason:
            leave_out("table", reason)
            chosen = [section for section in chosen if section.group != "table"]
    tables = any(section.group == "table" for section in chosen)
    for section in chosen:
        section.contestants = [each for each in section.contestants if not (each.slow and skip_gensim)]

    shelf = Shelf(vocable)
    names = [name for section in chosen for contestant in section.contestants for name in contestant.files]
    names += [name for pair in PRIVATE_MEMORY for name in pair] if tables else []
    shelf.check_space(names)
    unmade = {}
    for name in dict.fromkeys(names):
        try:
            shelf.make(name)
        except LeftOut as reason:
            unmade[name] = reason
            leave_out(name, reason)
    os.sync()

    report = {**circumstances(vocable, arguments.vocable is None), "rounds": arguments.rounds, "sections": [], "private_memory": []}
    say("\n".join(f"{key}: {report[key]}" for key in ["date", "vocable", "machine"]) + "\n")
    for section in chosen:
        section.contestants = [each for each in section.contestants if not unmade.keys() & set(each.files)]
        for name in {name for contestant in section.contestants for name in contestant.files}:
            warm(DATA / name)
        neighbours = Neighbours()
        measure_section(section, arguments.rounds, arguments.gensim_rounds,
                        lambda at, who, reason: leave_out(f"{at.group}, {who.name}", reason))
        if not section.contestants or not section.contestants[0].name.startswith("vocable"):
            leave_out(f"{section.group}, {section.title}", "without Vocable there is nothing to compare with")
            continue
        others, rows = neighbours.cores(), results(section)
        show_results(section, rows, others)
        for difference in disagreements(section):
            leave_out(f"{section.group}, the same answers from all", difference)
        report["sections"].append(
            {"group": section.group, "title": section.title, "others_busy_cores": others, "contestants": rows})
    if tables and not any(name in unmade for pair in PRIVATE_MEMORY for name in pair):
        try:
            report["private_memory"] = list(measure_private_memory(vocable, arguments.rounds))
            show_private_memory(report["private_memory"])
        except LeftOut as reason:
            leave_out("table, private memory", reason)

    report["left_out"] = omitted
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    for line in omitted:
        say(f"left out: {line}")
    return 1 if omitted else 0


if __name__ == "__main__":
    sys.exit(main())
