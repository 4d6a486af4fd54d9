#!/usr/bin/env python3
"""Compares the training and prediction times of Vocable's classifier with PyTorch's, on a CPU.

Builds the programs, makes the files once under target/bench-data, and runs the contestants in turns, each turn in a separate
process. Needs Python 3.11 or newer and cargo. docs/internals/benchmarks.md describes the comparison.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from common import (
    DATA,
    PYTHON,
    ROOT,
    TARGET,
    File,
    LeftOut,
    Neighbours,
    Omissions,
    Shelf,
    build_vocable,
    choice_of,
    circumstances,
    count,
    install,
    run,
    say,
    show,
    warm,
)

TORCH = "2.15.0"
BATCH = 64
# Epochs or passes per turn; the first is a warm-up and does not count.
EPOCHS = 3
# Predictions of the single sentence per turn; the first tenth does not count.
TIMES = 3000
SENTENCE_WORDS, DOCUMENT_WORDS = 19, 200
TABLE_ROWS = 400_000

# The measurements: settings that differ from the first line's. `table`: the vectors are a file of 400,000 rows.
PLAIN = {
    "task": "train",
    "texts": "sentences",
    "dimension": 50,
    "hidden": 128,
    "bidirectional": False,
    "embedding": "tuned",
    "threads": 2,
    "table": False,
    "busy": False,
}
CELLS = {
    "tuned50": {},
    "frozen50": {"embedding": "frozen"},
    "tuned300": {"dimension": 300, "hidden": 256},
    "frozen300": {"dimension": 300, "hidden": 256, "embedding": "frozen"},
    "both-ways300": {"dimension": 300, "hidden": 256, "bidirectional": True},
    "documents50": {"texts": "documents"},
    "documents300": {"texts": "documents", "dimension": 300, "hidden": 256},
    "table50": {"table": True},
    "table300": {"table": True, "dimension": 300, "hidden": 256},
    "predict50": {"task": "predict"},
    "predict300": {"task": "predict", "dimension": 300, "hidden": 256},
    "sentence50": {"task": "sentence"},
    "one-thread50": {"threads": 1},
    "busy50": {"busy": True},
    "hidden5": {"hidden": 5},
    "hidden17": {"hidden": 17},
    "hidden130": {"hidden": 130},
}


@dataclass
class Form:
    """One way to write the classifier in PyTorch."""

    padded: bool = (
        True  # the LSTM runs over padding, and each text's state is taken at its end; otherwise texts are packed
    )
    bf16: bool = False
    sparse: bool = True  # sparse gradients and SparseAdam for the rows
    sorted: bool = True  # batches of texts of about the same length
    flushed: bool = True  # subnormal numbers are flushed to zero
    whole_table: bool = True  # the embedding has all rows of the file, not only those of the task's words
    compiled: bool = False  # torch.compile

    def __str__(self):
        named = ["padded" if self.padded else "packed", "bf16" if self.bf16 else "f32"]
        named += ["dense Adam"] if not self.sparse else []
        named += ["texts as they come"] if not self.sorted else []
        named += ["subnormals kept"] if not self.flushed else []
        named += ["the task's rows alone"] if not self.whole_table else []
        named += ["compiled"] if self.compiled else []
        return ", ".join(named)


def forms(cell):
    """The PyTorch variants that a cell is measured with."""
    both = [Form(padded=padded, bf16=bf16) for padded in [True, False] for bf16 in [False, True]]
    if cell["task"] != "train":
        return both
    if cell["table"]:
        return [
            Form(),
            Form(bf16=True),
            Form(sparse=False),
            Form(whole_table=False),
            Form(bf16=True, whole_table=False),
        ]
    found = both + [Form(padded=False, sorted=False)]
    if cell["embedding"] == "tuned":
        found += [Form(sparse=False)]
    if cell["texts"] == "documents":
        found += [Form(flushed=False)]
    if cell == PLAIN:
        found += [Form(compiled=True)]
    return found


@dataclass
class Contestant:
    """A program that does a cell's work in a turn, and the results of its turns."""

    name: str
    argv: list
    form: Form | None = None
    busy: bool = False  # whether another process keeps a core busy during its turns
    tokens: int = 0
    peak: int = 0
    runs: list = field(default_factory=list)  # for each turn, seconds that count
    error: str | None = None

    def turn(self, cell, threads):
        with busy_neighbour(self.busy):
            self.run(cell, threads)

    def run(self, cell, threads):
        chosen = {name: str(threads) for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"]}
        with tempfile.TemporaryFile("w+") as errors:
            done = subprocess.run(
                [str(part) for part in [*self.argv, json.dumps(cell)]],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **chosen},
            )
            errors.seek(0)
            said = errors.read().strip().splitlines()
        if done.returncode != 0:
            raise LeftOut((said or [f"ended with {done.returncode}"])[-1])
        told = json.loads(done.stdout.splitlines()[-1])
        self.tokens, self.peak = told["tokens"], max(self.peak, told["peak"])
        warm_up = len(told["seconds"]) // 10 if cell["task"] == "sentence" else 1
        self.runs.append(told["seconds"][warm_up:])

    @property
    def seconds(self):
        """The median over the turns of the median of each turn."""
        return statistics.median(statistics.median(turn) for turn in self.runs)


# Programs and files


def build_ours():
    """Builds Vocable's contestant; returns its path."""
    argv = [
        "cargo",
        "bench",
        "--bench",
        "train",
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
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == "train"
    )


def sentences_of(path):
    """Labels and words."""
    return [
        (label, text.split())
        for label, text in (line.split(" ", 1) for line in path.read_text(encoding="utf-8").splitlines())
    ]


def strung_together(sentences):
    """Documents of the given number of words: concatenated sentences, cut at that length; the label is that of the first sentence."""
    label, words = None, []
    for first, sentence in sentences:
        for word in sentence:
            label = label if words else first
            words.append(word)
            if len(words) == DOCUMENT_WORDS:
                yield f"{label} {' '.join(words)}\n"
                words = []


def vectors_name(cell):
    return f"train-{'table' if cell['table'] else 'words'}-{cell['dimension']}.bin"


def texts_name(cell, most):
    return f"train-{cell['texts']}{f'-{most}' if most else ''}.txt"


def files(vocable, python, data, most):
    """Every file by its name, with its approximate size and how to make it."""
    train, glove = data / "sst2.train.txt", data / "glove.6B.50d.head.txt"

    def texts(kind):
        def make(out):
            if not train.exists():
                raise LeftOut(f"there is no {train}; name its folder with --data")
            sentences = sentences_of(train)
            lines = (
                [f"{label} {' '.join(words)}\n" for label, words in sentences]
                if kind == "sentences"
                else list(strung_together(sentences * 2))
            )
            out.write_text("".join(lines[:most]), encoding="utf-8")

        return make

    def convert(out):
        if not glove.exists():
            raise LeftOut(f"there is no {glove}; name its folder with --data")
        run([vocable, "convert", glove, out])

    def vectors(dimension, rows):
        return lambda out: run([python, ROOT / "benches" / "train_peers.py", "--make", out, train, dimension, rows])

    made = {texts_name({"texts": kind}, most): File(2_000_000, texts(kind)) for kind in ["sentences", "documents"]}
    made["train-words-50.bin"] = File(600_000, convert)
    made["train-words-300.bin"] = File(20_000_000, vectors(300, 0))
    for dimension in [50, 300]:
        made[f"train-table-{dimension}.bin"] = File(TABLE_ROWS * (4 * dimension + 10), vectors(dimension, TABLE_ROWS))
    return made


def torch_python(wanted):
    """A Python with PyTorch: the given one, or that of the benchmarks' virtual environment."""
    if wanted:
        run([wanted, "-c", "import torch, numpy"])
        return wanted
    install("numpy", "2.4.6")
    install("torch", TORCH)
    return PYTHON


# Measuring


@contextmanager
def busy_neighbour(wanted):
    """A process that keeps the first core busy, if requested."""
    if not wanted:
        yield
        return
    first = min(os.sched_getaffinity(0))
    neighbour = subprocess.Popen(
        [sys.executable, "-c", "while True: pass"], preexec_fn=lambda: os.sched_setaffinity(0, {first})
    )
    try:
        yield
    finally:
        neighbour.kill()
        neighbour.wait()


def contestants(cell, ours, python, quick):
    found = [Contestant("vocable", [ours], busy=cell["busy"])]
    if cell["busy"]:
        found.append(Contestant("vocable with both cores to itself", [ours]))
    for form in forms(cell):
        if python and (not quick or form in [Form(), Form(bf16=True)]):
            found.append(Contestant(str(form), [python, ROOT / "benches" / "train_peers.py"], form, busy=cell["busy"]))
    return found


def measure(name, cell, found, rounds, epochs, most, omissions):
    """Runs the contestants in turns, every second round in reverse; those that fail are left out from then on."""
    texts = DATA / texts_name(cell, most)
    sentence = next(words for _, words in sentences_of(DATA / texts_name(PLAIN, most)) if len(words) == SENTENCE_WORDS)
    vectors = DATA / vectors_name(cell)
    warm(vectors)
    work = {
        **cell,
        "texts": str(texts),
        "vectors": str(vectors),
        "batch": BATCH,
        "epochs": epochs + 1,
        "times": TIMES,
        "sentence": " ".join(sentence),
    }
    neighbours = Neighbours()
    for number in range(rounds):
        for each in found if number % 2 == 0 else found[::-1]:
            if each.error is None:
                try:
                    each.turn({**work, "form": each.form and vars(each.form)}, cell["threads"])
                except LeftOut as reason:
                    each.error = str(reason)
                    omissions.add(f"{name}, {each.name}", reason)
    return neighbours.cores()


# Results


def results(cell, found):
    """Summaries of all contestants that finished all turns: medians over the rounds, and the speedup of Vocable."""
    rows = []
    for each in found:
        if each.error is None:
            row = {"name": each.name, "seconds": each.seconds, "rounds": len(each.runs), "peak": each.peak}
            if cell["task"] == "sentence":
                row["percentile_99"] = statistics.median(statistics.quantiles(turn, n=100)[-1] for turn in each.runs)
            else:
                row["tokens_a_second"] = each.tokens / row["seconds"]
                row["best_tokens_a_second"] = each.tokens / min(map(min, each.runs))
            row["form"] = each.form and vars(each.form)
            rows.append(row)
    for row, each in zip(rows, [each for each in found if each.error is None]):
        row["ratio"] = row["seconds"] / rows[0]["seconds"]
        row["runs"] = [[statistics.median(turn)] for turn in each.runs] if cell["task"] == "sentence" else each.runs
    return rows


def fastest(rows, bf16):
    """The fastest PyTorch variant of this precision."""
    return min(
        (row for row in rows if row["form"] and row["form"]["bf16"] == bf16),
        key=lambda row: row["seconds"],
        default=None,
    )


def titled(name, cell):
    what = {
        "train": f"training, {cell['embedding']}",
        "predict": "predicting",
        "sentence": f"one sentence of {SENTENCE_WORDS} words",
    }
    title = f"{name}: {what[cell['task']]}, {cell['texts']}, dimension {cell['dimension']}, hidden {cell['hidden']}"
    title += ", both ways" if cell["bidirectional"] else ""
    title += f", a file of {TABLE_ROWS:,} rows" if cell["table"] else ""
    title += f", {cell['threads']} thread{'s' if cell['threads'] > 1 else ''}"
    return title + (", one core busy with something else" if cell["busy"] else "")


def show_results(title, cell, rows, others):
    if cell["task"] == "sentence":
        lines = [["", "microseconds", "99th", "ratio", "MiB peak", "rounds"]]
        lines += [
            [
                row["name"],
                f"{1e6 * row['seconds']:.1f}",
                f"{1e6 * row['percentile_99']:.1f}",
                f"{row['ratio']:.2f}",
                f"{row['peak'] / 2**20:.0f}",
                str(row["rounds"]),
            ]
            for row in rows
        ]
    else:
        lines = [["", "thousand tokens a second", "best", "ratio", "MiB peak", "rounds"]]
        lines += [
            [
                row["name"],
                f"{row['tokens_a_second'] / 1e3:.1f}",
                f"{row['best_tokens_a_second'] / 1e3:.1f}",
                f"{row['ratio']:.2f}",
                f"{row['peak'] / 2**20:.0f}",
                str(row["rounds"]),
            ]
            for row in rows
        ]
    show(f"{title} (others kept {others:.1f} of {os.cpu_count()} cores busy)", lines)
    for bf16 in [False, True]:
        if best := fastest(rows, bf16):
            say(
                f"  the fastest of PyTorch in {'bf16' if bf16 else 'f32'}, {best['name']}, takes {best['ratio']:.2f} times as long as vocable"
            )
    say()


def summarise(sections):
    """All cells in one table: Vocable, PyTorch's fastest variants, and the ratios."""
    lines = [["", "vocable", "f32", "bf16", "ratio f32", "ratio bf16", "MiB", "MiB f32", "others"]]
    for section in sections:
        ours, *_ = rows = section["contestants"]
        shown = (
            (lambda row: f"{1e6 * row['seconds']:.0f} us")
            if "percentile_99" in ours
            else (lambda row: f"{row['tokens_a_second'] / 1e3:.0f} k/s")
        )
        peers = [fastest(rows, bf16) for bf16 in [False, True]]
        lines.append(
            [
                section["cell"],
                shown(ours),
                *(shown(peer) if peer else "" for peer in peers),
                *(f"{peer['ratio']:.2f}" if peer else "" for peer in peers),
                f"{ours['peak'] / 2**20:.0f}",
                f"{peers[0]['peak'] / 2**20:.0f}" if peers[0] else "",
                f"{section['others_busy_cores']:.1f}",
            ]
        )
    show("Vocable and the fastest form of PyTorch (ratio: how many times as long PyTorch takes)", lines)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", type=choice_of(list(CELLS)), default=list(CELLS), metavar="CELL,...", help=f"of {', '.join(CELLS)}"
    )
    parser.add_argument("--rounds", type=count, default=3, help="number of turns of each contestant (3)")
    parser.add_argument("--epochs", type=count, default=EPOCHS - 1, help=f"epochs of a turn that count ({EPOCHS - 1})")
    parser.add_argument("--texts", type=count, metavar="N", help="use only the first N texts, to try it out")
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT.parent / "shared" / "data",
        metavar="FOLDER",
        help="folder of sst2.train.txt and glove.6B.50d.head.txt",
    )
    parser.add_argument("--python", metavar="PROGRAM", help="a Python with torch and numpy, instead of installing them")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="measure only the PyTorch variants that were fastest when all were measured",
    )
    parser.add_argument("--skip-torch", action="store_true", help="measure only Vocable")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every run as JSON")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    omissions = Omissions()
    vocable, ours = build_vocable(), build_ours()
    python = None
    if not arguments.skip_torch:
        try:
            python = torch_python(arguments.python)
        except LeftOut as reason:
            omissions.add("PyTorch", reason)
    plan = {name: {**PLAIN, **CELLS[name]} for name in arguments.only}
    shelf = Shelf(vocable, files(vocable, python or sys.executable, arguments.data, arguments.texts))
    needed = [
        [texts_name(PLAIN, arguments.texts), texts_name(cell, arguments.texts), vectors_name(cell)]
        for cell in plan.values()
    ]
    shelf.check_space({name for names in needed for name in names})
    unmade = shelf.make_all([name for names in needed for name in names], omissions)

    report = {**circumstances(vocable, own_build=True), "rounds": arguments.rounds, "sections": []}
    for (name, cell), names in zip(plan.items(), needed):
        title = titled(name, cell)
        if unmade & set(names):
            omissions.add(title, "its files could not be made")
            continue
        found = contestants(cell, ours, python, arguments.quick)
        others = measure(name, cell, found, arguments.rounds, arguments.epochs, arguments.texts, omissions)
        rows = results(cell, found)
        if not rows or rows[0]["name"] != "vocable":
            omissions.add(title, "without Vocable there is nothing to compare with")
            continue
        show_results(title, cell, rows, others)
        report["sections"].append({"cell": name, **cell, "others_busy_cores": others, "contestants": rows})
    summarise(report["sections"])
    report["left_out"] = omissions.lines
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    return omissions.finish()


if __name__ == "__main__":
    sys.exit(main())
