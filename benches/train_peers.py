#!/usr/bin/env python3
"""PyTorch's part of train.py, which starts it: trains or runs the classifier in one of the PyTorch variants, and prints a line of
JSON with the times.

The network is Vocable's: embedding, dropout of 0.2, LSTM, last state, dropout of 0.5, linear; Adam, gradients clipped at 5.
"""

import argparse
import json
import random
import time
from collections import Counter
from pathlib import Path

import numpy
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

SPECIAL = 2  # the pad and the unknown word
POOL = 50  # batches within which texts are sorted by length


def read_word2vec(path, wanted=None):
    """Words and rows of a word2vec binary file; with `wanted`, only those of these words."""
    words, rows = [], []
    with open(path, "rb") as file:
        count, dimension = map(int, file.readline().split())
        data = file.read()
    at = 0
    for _ in range(count):
        space = data.index(b" ", at)
        word = data[at:space].decode()
        if wanted is None or word in wanted:
            words.append(word)
            rows.append(numpy.frombuffer(data, numpy.float32, dimension, space + 1))
        at = space + 1 + 4 * dimension
        at += data[at : at + 1] == b"\n"
    return words, numpy.array(rows)


def make_vectors(out, texts, dimension, rows):
    """Writes a word2vec binary file of normally distributed rows: the words of some texts, the most frequent first, and more if needed."""
    texts = [line.split(" ", 1)[1] for line in Path(texts).read_text(encoding="utf-8").splitlines()]
    words = [word for word, _ in Counter(word for text in texts for word in text.split()).most_common()]
    words += [f"made-up-{number}" for number in range(rows - len(words))]
    draw = numpy.random.default_rng(1)
    with open(out, "wb") as file:
        file.write(f"{len(words)} {dimension}\n".encode())
        for start in range(0, len(words), 10_000):
            some = words[start : start + 10_000]
            for word, row in zip(some, 0.4 * draw.standard_normal((len(some), dimension), numpy.float32)):
                file.write(word.encode() + b" " + row.astype("<f4").tobytes() + b"\n")


class Texts:
    """Labelled texts as ids, padded to the longest."""

    def __init__(self, texts, labels, row_of):
        ids = [[row_of.get(word, 1) for word in text.split()] for text in texts]
        lengths = [len(each) for each in ids]
        self.ids = torch.zeros(len(ids), max(lengths), dtype=torch.long)
        for place, each in enumerate(ids):
            self.ids[place, : len(each)] = torch.tensor(each)
        self.lengths = torch.tensor(lengths)
        self.labels = torch.tensor(labels)
        self.tokens = sum(lengths)

    def batches(self, size, draw, sort):
        """Indices of texts in batches, each by falling length; `sort` puts texts of about the same length together."""
        order = torch.tensor(draw.sample(range(len(self.labels)), len(self.labels)))
        if sort:
            pools = [
                pool[torch.argsort(self.lengths[pool], descending=True, stable=True)]
                for pool in order.split(size * POOL)
            ]
            batches = [batch for pool in pools for batch in pool.split(size)]
            draw.shuffle(batches)
            return batches
        return [batch[torch.argsort(self.lengths[batch], descending=True, stable=True)] for batch in order.split(size)]

    def batch(self, places):
        lengths = self.lengths[places]
        return self.ids[places, : int(lengths[0])], lengths, self.labels[places]


class Network(nn.Module):
    """The classifier; `padded` runs the LSTM over padding and takes each text's state at its end, otherwise texts are packed."""

    def __init__(self, rows, cell, labels):
        super().__init__()
        hidden, self.padded = cell["hidden"], cell["form"]["padded"]
        self.directions = 2 if cell["bidirectional"] else 1
        frozen = cell["embedding"] == "frozen"
        self.embedding = nn.Embedding.from_pretrained(
            rows, freeze=frozen, padding_idx=0, sparse=cell["form"]["sparse"] and not frozen
        )
        if self.padded:
            # The backward direction has to begin at each text's end, which an LSTM over padding does not.
            self.lstms = nn.ModuleList(nn.LSTM(rows.shape[1], hidden, batch_first=True) for _ in range(self.directions))
        else:
            self.lstms = nn.ModuleList([nn.LSTM(rows.shape[1], hidden, bidirectional=cell["bidirectional"])])
        self.dropout = nn.Dropout(0.5)
        self.embedding_dropout = nn.Dropout(0.2)
        self.head = nn.Linear(hidden * self.directions, labels)

    def forward(self, ids, lengths):
        if self.padded:
            rows = self.embedding_dropout(self.embedding(ids))
            texts, ends = torch.arange(len(ids)), lengths - 1
            lasts = [self.lstms[0](rows)[0][texts, ends]]
            if self.directions == 2:
                places = (ends[:, None] - torch.arange(ids.shape[1])).clamp(min=0)
                reversed_rows = rows.gather(1, places[:, :, None].expand_as(rows))
                lasts.append(self.lstms[1](reversed_rows)[0][texts, ends])
            return self.head(self.dropout(torch.cat(lasts, 1)))
        packed = pack_padded_sequence(ids, lengths, batch_first=True)
        rows = self.embedding_dropout(self.embedding(packed.data))
        _, (last, _) = self.lstms[0](PackedSequence(rows, packed.batch_sizes))
        return self.head(self.dropout(torch.cat(tuple(last), 1)))


class Optimizer:
    """Fused Adam; SparseAdam for an embedding with sparse gradients; the global gradient norm is clipped."""

    def __init__(self, network, lr):
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.row_weights = [network.embedding.weight] if network.embedding.sparse else []
        self.dense = [parameter for parameter in trained if all(parameter is not rows for rows in self.row_weights)]
        self.optimizers = [torch.optim.Adam(self.dense, lr, fused=True)]
        self.optimizers += [torch.optim.SparseAdam(self.row_weights, lr)] if self.row_weights else []

    def step(self):
        if not self.row_weights:
            nn.utils.clip_grad_norm_(self.dense, 5.0)
        else:
            for weight in self.row_weights:
                weight.grad = weight.grad.coalesce()
            gradients = [parameter.grad for parameter in self.dense] + [
                weight.grad.values() for weight in self.row_weights
            ]
            norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in gradients]))
            factor = torch.clamp(5.0 / (norm + 1e-6), max=1.0)
            for each in gradients:
                each.mul_(factor)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)


def precision(form):
    return torch.autocast("cpu", torch.bfloat16, enabled=form["bf16"])


def train(cell, texts, network):
    """Seconds of each epoch, including optimizer steps."""
    draw, optimizer, seconds = random.Random(1), Optimizer(network, 1e-3), []
    loss_of, called = (
        nn.CrossEntropyLoss(),
        torch.compile(network, dynamic=True) if cell["form"]["compiled"] else network,
    )
    for _ in range(cell["epochs"]):
        start = time.perf_counter()
        for places in texts.batches(cell["batch"], draw, cell["form"]["sorted"]):
            ids, lengths, labels = texts.batch(places)
            with precision(cell["form"]):
                loss = loss_of(called(ids, lengths), labels)
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return seconds


@torch.inference_mode()
def predict(cell, texts, network):
    """Seconds of each pass over all texts."""
    seconds = []
    network.eval()
    # The longest text determines the time of a batch, so all texts are sorted by length.
    for _ in range(cell["epochs"]):
        start = time.perf_counter()
        for places in torch.argsort(texts.lengths, descending=True).split(cell["batch"]):
            ids, lengths, _ = texts.batch(places)
            with precision(cell["form"]):
                network(ids, lengths).float().softmax(1).argmax(1)
        seconds.append(time.perf_counter() - start)
    return seconds


@torch.inference_mode()
def sentence(cell, text, row_of, labels, network):
    """Seconds from a text to its label, repeatedly."""
    seconds = []
    network.eval()
    for _ in range(cell["times"]):
        start = time.perf_counter()
        ids = [row_of.get(word, 1) for word in text.split()]
        with precision(cell["form"]):
            logits = network(torch.tensor([ids]), torch.tensor([len(ids)]))
        _ = labels[int(logits.argmax())]
        seconds.append(time.perf_counter() - start)
    return seconds


def peak():
    """Peak resident memory so far, in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cell", type=json.loads, nargs="?", help="the task, as JSON; train.py writes it")
    parser.add_argument(
        "--make",
        nargs=4,
        metavar=("OUT", "TEXTS", "DIMENSION", "ROWS"),
        help="write vectors for the words of TEXTS, and for synthetic words up to ROWS",
    )
    arguments = parser.parse_args()
    if arguments.make:
        out, texts, dimension, rows = arguments.make
        make_vectors(out, texts, int(dimension), int(rows))
        return
    cell = arguments.cell
    torch.set_num_threads(cell["threads"])
    torch.set_flush_denormal(cell["form"]["flushed"])
    torch.manual_seed(1)
    lines = [line.split(" ", 1) for line in Path(cell["texts"]).read_text(encoding="utf-8").splitlines()]
    labels = sorted({label for label, _ in lines})
    words = Counter(word for _, text in lines for word in text.split())
    names, found = read_word2vec(cell["vectors"], None if cell["table"] and cell["form"]["whole_table"] else words)
    rows = numpy.zeros((SPECIAL + len(names), found.shape[1]), numpy.float32)
    rows[1], rows[SPECIAL:] = found.mean(axis=0), found
    row_of = {word: row for row, word in enumerate(names, SPECIAL)}
    missing = [word for word in words if word not in row_of]
    made = 0.1 * numpy.random.default_rng(1).standard_normal((len(missing), found.shape[1]), numpy.float32)
    row_of.update({word: row for row, word in enumerate(missing, SPECIAL + len(names))})
    rows = torch.from_numpy(numpy.concatenate([rows, made]))
    del found, made  # so that the peak memory is that of training
    network = Network(rows, cell, len(labels))
    texts = Texts([text for _, text in lines], [labels.index(label) for label, _ in lines], row_of)
    told = {"tokens": texts.tokens}
    if cell["task"] == "train":
        told["seconds"] = train(cell, texts, network)
    elif cell["task"] == "predict":
        told["seconds"] = predict(cell, texts, network)
    else:
        told["seconds"] = sentence(cell, cell["sentence"], row_of, labels, network)
    print(json.dumps({**told, "peak": peak()}))


if __name__ == "__main__":
    main()
