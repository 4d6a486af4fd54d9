"""Shared by the benchmarks that compare Vocable with its peers: programs, synthetic files, watching other processes, and tables of results."""

import argparse
import datetime
import mmap
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "target"
DATA = TARGET / "bench-data"
VENV = TARGET / "bench-venv"
PYTHON = VENV / "bin" / "python"
PEERS = TARGET / "bench-peers" / "release"
GENSIM = "4.4.0"
SPARE_DISK = 2 << 30


class LeftOut(Exception):
    """Why something cannot be measured; the rest continues."""


class Omissions:
    """What was requested and left out, reported when it happens and again at the end."""

    def __init__(self):
        self.lines = []

    def add(self, what, reason):
        self.lines.append(f"{what}: {reason}")
        say(f"left out: {self.lines[-1]}\n")

    def finish(self):
        """Reports all of it again; returns the exit code."""
        for line in self.lines:
            say(f"left out: {line}")
        return 1 if self.lines else 0


def say(text=""):
    print(text, flush=True)


def run(argv):
    """Runs a preparation; raises LeftOut with the end of its standard error if it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in argv], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
    except OSError as error:
        raise LeftOut(f"{Path(argv[0]).name}: {error.strerror}") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise LeftOut(f"{Path(argv[0]).name}: {lines[-1]}")


# Programs


def build_vocable():
    """Builds Vocable; returns the path of the program."""
    subprocess.run(["cargo", "build", "--release", "--locked", "--target-dir", TARGET], cwd=ROOT, check=True)
    return TARGET / "release" / "vocable"


def build_peers():
    manifest = ROOT / "benches" / "peers" / "Cargo.toml"
    subprocess.run(
        ["cargo", "build", "--release", "--locked", "--manifest-path", manifest, "--target-dir", PEERS.parent],
        cwd=ROOT,
        check=True,
    )


def install(package, version):
    """Installs a Python package into the benchmarks' virtual environment, unless it is installed."""
    installed = [PYTHON, "-c", f"import importlib.metadata as m; assert m.version('{package}') == '{version}'"]
    if PYTHON.exists() and subprocess.run(installed, stderr=subprocess.DEVNULL).returncode == 0:
        return
    say(f"installing {package} {version} into {VENV.relative_to(ROOT)}")
    if not PYTHON.exists():
        run([sys.executable, "-m", "venv", VENV])
    run([PYTHON, "-m", "pip", "install", "--quiet", f"{package}=={version}"])


# Files


@dataclass
class File:
    size: int  # approximate, for the check of free space
    make: Callable
    source: str | None = None
    vocable_writes: bool = False


class Shelf:
    """The files, made on first use."""

    def __init__(self, vocable, files):
        self.vocable = vocable
        self.files = files

    def stale(self, name):
        """Whether a file has to be made: it does not exist, or another build of Vocable wrote it."""
        path = DATA / name
        if not path.exists():
            return True
        return self.files[name].vocable_writes and path.stat().st_mtime < self.vocable.stat().st_mtime

    def needed(self, names):
        """The names, and the files that they are made from, if they have to be made."""
        missing = {name for name in names if self.stale(name)}
        return missing | {source for name in missing if (source := self.files[name].source) and self.stale(source)}

    def check_space(self, names):
        DATA.mkdir(parents=True, exist_ok=True)
        wanted = sum(self.files[name].size for name in self.needed(names)) + SPARE_DISK
        free = shutil.disk_usage(DATA).free
        if free < wanted:
            sys.exit(
                f"error: {DATA} has {free / 1e9:.1f} GB free, {wanted / 1e9:.1f} GB are needed; choose groups with --only"
            )

    def make(self, name):
        file, path = self.files[name], DATA / name
        if not self.stale(name):
            return
        if file.source:
            self.make(file.source)
        say(f"making {path.relative_to(ROOT)}")
        # `convert` detects the format from the ending, so it is kept.
        part = DATA / f"part-{name}"
        discard(part)
        try:
            file.make(part)
        except BaseException:
            discard(part)
            raise
        discard(path)
        part.rename(path)

    def make_all(self, names, omissions):
        """Makes the files that can be made and syncs them to disk; returns the names of the rest."""
        unmade = set()
        for name in dict.fromkeys(names):
            try:
                self.make(name)
            except LeftOut as reason:
                unmade.add(name)
                omissions.add(name, reason)
        os.sync()
        return unmade


def discard(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def warm(path):
    """Reads a file, or all files of a folder, into the page cache."""
    for each in path.iterdir() if path.is_dir() else [path]:
        with open(each, "rb", buffering=0) as file:
            while file.read(1 << 24):
                pass


def word_places(path):
    """The words of a word2vec binary file whose rows end with a line feed, and the offset of each row's numbers."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(b"\n") + 1
        rows, dimension = map(int, data[:at].split())
        for _ in range(rows):
            space = data.find(b" ", at)
            yield data[at:space].decode(), space + 1
            at = space + 1 + 4 * dimension + 1


# Measuring


class Neighbours:
    """Measures how many cores other processes keep busy: if they do, results mean little."""

    def __init__(self, running=()):
        """`running`: the ids of children that keep running while it watches."""
        self.running = running
        self.busy, self.ours, self.elapsed = self.now()

    def now(self):
        """Seconds since the start: of all busy cores, of our children, and of wall time."""
        ticks = [int(number) for number in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        idle = ticks[3] + ticks[4]
        a_second = os.sysconf("SC_CLK_TCK")
        times = os.times()
        ours = times.user + times.system + times.children_user + times.children_system
        for process in self.running:
            try:
                # After the name, which ends with the last bracket, comes field 3; 14 and 15 are the ticks.
                fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            except FileNotFoundError:
                continue  # It has ended, and is among the children above.
            ours += (int(fields[11]) + int(fields[12])) / a_second
        return (sum(ticks) - idle) / a_second, ours, times.elapsed

    def cores(self):
        busy, ours, elapsed = self.now()
        return max(0.0, (busy - self.busy - (ours - self.ours)) / max(elapsed - self.elapsed, 1e-9))


# Results


def show(title, rows):
    """Prints a table; the first column is text, the others are numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    say(title)
    for row in rows:
        cells = [
            cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(row, widths))
        ]
        say("  " + "  ".join(cells))
    say()


def commit():
    def git(*arguments):
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + (
        "-dirty" if git("status", "--porcelain", "--untracked-files=no") else ""
    )


def circumstances(vocable, own_build):
    """Date, version and machine; also prints them."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    version = subprocess.run([vocable, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    told = {
        "date": datetime.date.today().isoformat(),
        "vocable": f"{version}, commit {commit()}" if own_build else f"{version}, {vocable}",
        "machine": f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
    }
    say("\n".join(f"{key}: {value}" for key, value in told.items()) + "\n")
    return told


# Arguments


def choice_of(names):
    """An argument type: some of the names, separated by commas."""

    def chosen(text):
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in names]:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(names)}")
        return chosen

    return chosen


def count(text):
    """An argument type: an integer from 1."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"a number from 1, not {text}")
    return int(text)
