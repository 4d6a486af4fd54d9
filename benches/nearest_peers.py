"""The Python peers of nearest.py, which starts them: runs queries when it is its turn, and reports their times.

Reads vectors in word2vec binary. With --questions, writes analogy questions about them instead.
"""

import argparse
import json
import random
import sys
import time

import numpy
from common import word_places

# Number of queries whose scores are held at once: 64 x 400,000 scores are 102 MB. Fewer or more were slower.
AT_ONCE = 64
# Size of the runs of scores whose maxima are taken first.
RUN = 64
# Number of searched rows, as in gensim's protocol for analogies.
RESTRICT = 300_000
SECTION = 100


def read(path):
    """Words and rows of a word2vec binary file."""
    with open(path, "rb") as file:
        rows, dimension = map(int, file.readline().split())
    file = numpy.memmap(path, numpy.uint8, "r")
    words, values = [], numpy.empty((rows, dimension), numpy.float32)
    for row, (word, start) in enumerate(word_places(path)):
        words.append(word)
        values[row] = file[start : start + 4 * dimension].view(numpy.float32)
    return words, values


def scale_to_unit(values):
    values /= numpy.linalg.norm(values, axis=1, keepdims=True)
    return values


def parse_questions(path):
    """Name and questions of each section, four words per question."""
    sections = []
    with open(path) as file:
        for line in file:
            if line.startswith(": "):
                sections.append((line[2:].strip(), []))
            else:
                sections[-1][1].append(line.split())
    return sections


class Numpy:
    """Matrix products of unit rows; the top k by argpartition over all scores."""

    def __init__(self, path):
        self.words, values = read(path)
        self.row_of = {word: row for row, word in enumerate(self.words)}
        self.unit = scale_to_unit(values)

    def best(self, scores, k):
        """The top k rows of each line of scores, best first."""
        rows = numpy.argpartition(scores, -k, axis=-1)[..., -k:]
        return self.in_order(rows, numpy.take_along_axis(scores, rows, -1))

    def in_order(self, rows, scores):
        order = numpy.argsort(-scores, axis=-1)
        return numpy.take_along_axis(rows, order, -1), numpy.take_along_axis(scores, order, -1)

    def named(self, rows, scores):
        return [(self.words[row], score) for row, score in zip(rows.tolist(), scores.tolist())]

    def nearest(self, word, k):
        row = self.row_of[word]
        scores = self.unit @ self.unit[row]
        scores[row] = -numpy.inf
        return self.named(*self.best(scores, k))

    def batch(self, words, k):
        answers = []
        for start in range(0, len(words), AT_ONCE):
            rows = [self.row_of[word] for word in words[start : start + AT_ONCE]]
            scores = self.unit[rows] @ self.unit.T
            scores[numpy.arange(len(rows)), rows] = -numpy.inf
            answers += map(self.named, *self.best(scores, k))
        return answers

    def solve(self, rows):
        """The rows that answer questions of three rows each: `a` is to `b` as `c` is to this row."""
        unit = self.unit[:RESTRICT]
        found = []
        for start in range(0, len(rows), AT_ONCE):
            a, b, c = some = numpy.array(rows[start : start + AT_ONCE]).T
            scores = (unit[b] - unit[a] + unit[c]) @ unit.T
            scores[numpy.arange(len(a)), some] = -numpy.inf
            found += scores.argmax(axis=1).tolist()
        return found

    def analogies(self, path):
        sections = parse_questions(path)
        questions = [[self.row_of[word] for word in question] for _, questions in sections for question in questions]
        found = iter(self.solve([question[:3] for question in questions]))
        right = (next(found) == question[3] for question in questions)
        return [(name, sum(next(right) for _ in questions), len(questions)) for name, questions in sections]


class NumpyByBlocks(Numpy):
    """The same, but the top k are searched only in the runs of scores with the greatest maxima."""

    def __init__(self, path):
        super().__init__(path)
        self.rows = len(self.words)
        # Whole runs, so that scores can be seen as [..., runs, RUN] without a copy.
        self.unit = numpy.pad(self.unit, ((0, -self.rows % RUN), (0, 0)))

    def best(self, scores, k):
        scores[..., self.rows :] = -numpy.inf
        maxima = scores.reshape(*scores.shape[:-1], -1, RUN).max(axis=-1)
        runs = numpy.argpartition(maxima, -k, axis=-1)[..., -k:]
        rows = (runs[..., None] * RUN + numpy.arange(RUN)).reshape(*scores.shape[:-1], -1)
        scores = numpy.take_along_axis(scores, rows, -1)
        places, scores = super().best(scores, k)
        return numpy.take_along_axis(rows, places, -1), scores


class Faiss:
    """IndexFlatIP over unit rows. It leaves out no row, so one more is requested, and the query word removed."""

    def __init__(self, path):
        import faiss

        self.words, values = read(path)
        self.row_of = {word: row for row, word in enumerate(self.words)}
        self.index = faiss.IndexFlatIP(values.shape[1])
        self.index.add(scale_to_unit(values))

    def named(self, own, rows, scores, k):
        found = zip(rows.tolist(), scores.tolist())
        return [(self.words[row], score) for row, score in found if row != own][:k]

    def nearest(self, word, k):
        row = self.row_of[word]
        scores, rows = self.index.search(self.index.reconstruct(row)[None], k + 1)
        return self.named(row, rows[0], scores[0], k)

    def batch(self, words, k):
        own = [self.row_of[word] for word in words]
        scores, rows = self.index.search(self.index.reconstruct_batch(own), k + 1)
        return [self.named(*each, k) for each in zip(own, rows, scores)]


class Gensim:
    """KeyedVectors. It has no batches."""

    def __init__(self, path):
        from gensim.models import KeyedVectors

        self.vectors = KeyedVectors.load_word2vec_format(path, binary=True)

    def nearest(self, word, k):
        return self.vectors.most_similar(word, topn=k)

    def batch(self, words, k):
        return [self.vectors.most_similar(word, topn=k) for word in words]

    def analogies(self, path):
        _, sections = self.vectors.evaluate_word_analogies(path)
        # The last is the sum of the others.
        return [
            (section["section"], len(section["correct"]), len(section["correct"]) + len(section["incorrect"]))
            for section in sections[:-1]
        ]


PEERS = {"numpy": Numpy, "numpy-blocks": NumpyByBlocks, "faiss": Faiss, "gensim": Gensim}


def timed(work, *arguments):
    start = time.perf_counter_ns()
    made = work(*arguments)
    return time.perf_counter_ns() - start, made


def perform(peer, task):
    done = {"nanoseconds": [], "answers": [], "sections": []}
    if task["task"] == "nearest":
        for word in task["words"]:
            took, answers = timed(peer.nearest, word, task["k"])
            done["nanoseconds"].append(took)
            done["answers"].append(answers)
    elif task["task"] == "batch":
        took, done["answers"] = timed(peer.batch, task["words"], task["k"])
        done["nanoseconds"].append(took)
    else:
        took, done["sections"] = timed(peer.analogies, task["questions"])
        done["nanoseconds"].append(took)
    return done


def write_questions(path, out, count):
    """Questions with random words; about half have the correct answer."""
    peer, draw = Numpy(path), random.Random(1)
    among = range(min(len(peer.words), RESTRICT))
    questions = [draw.sample(among, 4) for _ in range(count)]
    found = peer.solve([question[:3] for question in questions])
    with open(out, "w") as file:
        for number, (question, answer) in enumerate(zip(questions, found)):
            if number % SECTION == 0:
                file.write(f": {number // SECTION}\n")
            rows = [*question[:3], answer if draw.random() < 0.5 else question[3]]
            file.write(" ".join(peer.words[row] for row in rows) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("file")
    parser.add_argument("--questions", nargs=2, metavar=("OUT", "COUNT"))
    arguments = parser.parse_args()
    if arguments.questions:
        out, count = arguments.questions
        write_questions(arguments.file, out, int(count))
        return
    peer = PEERS[arguments.peer](arguments.file)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(perform(peer, json.loads(line))), flush=True)


main()
