#!/usr/bin/env python3
"""PyTorch's part of accuracy.py, which starts it: trains the classifier by the same protocol, one run per seed, and prints a
line of JSON per run.

Dropout of 0.2 on the embeddings and of 0.5 on the last state, Adam, gradients clipped at 5, forget gates with a bias of 1, batches of
64; the epoch is chosen on the dev set by accuracy, then by loss.
"""

import argparse
import json
import random
from pathlib import Path

import numpy
import torch
from torch import nn
from train_peers import SPECIAL, Network, Optimizer, Texts, read_word2vec

BATCH = 64
FORM = {"padded": False, "sparse": True}


def lines_of(path):
    return [
        line.strip().split(" ", 1) for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    ]


def split(lines, seed):
    """A random tenth of the texts, and the rest."""
    chosen = set(random.Random(seed).sample(range(len(lines)), len(lines) // 10))
    return (
        [line for place, line in enumerate(lines) if place not in chosen],
        [line for place, line in enumerate(lines) if place in chosen],
    )


def rows_of(parts, vectors, embedding, initial, draw):
    """Rows of the words of the train set, and of those of the other splits that the vectors know."""
    found = dict(zip(*read_word2vec(vectors)))
    words = dict.fromkeys(word for _, text in parts["train"] for word in text.split())
    words.update(
        dict.fromkeys(
            word for part in ["dev", "test"] for _, text in parts[part] for word in text.split() if word in found
        )
    )
    dimension = len(next(iter(found.values())))
    kind, _, size = initial.partition(":")
    if kind == "normal":
        drawn = draw.normal(0, float(size), (SPECIAL + len(words), dimension))
    elif kind == "uniform":
        drawn = draw.uniform(-float(size), float(size), (SPECIAL + len(words), dimension))
    else:
        values = numpy.array(list(found.values()))
        drawn = draw.normal(values.mean(), values.std(), (SPECIAL + len(words), dimension))
    rows = drawn if embedding == "random" else draw.normal(0, 0.1, drawn.shape)
    rows[0] = 0
    if embedding != "random":
        rows[1] = numpy.mean(list(found.values()), axis=0)
        for row, word in enumerate(words, SPECIAL):
            if word in found:
                rows[row] = found[word]
    return torch.from_numpy(rows.astype(numpy.float32)), {word: row for row, word in enumerate(words, SPECIAL)}


@torch.inference_mode()
def measure(network, texts):
    """Accuracy and mean loss."""
    network.eval()
    right, loss = 0, 0.0
    for places in torch.argsort(texts.lengths, descending=True, stable=True).split(256):
        ids, lengths, labels = texts.batch(places)
        logits = network(ids, lengths)
        right += int((logits.argmax(1) == labels).sum())
        loss += float(nn.functional.cross_entropy(logits, labels, reduction="sum"))
    network.train()
    return right / len(texts.labels), loss / len(texts.labels)


def train(parts, arguments, seed):
    torch.manual_seed(seed)
    rows, row_of = rows_of(
        parts, arguments.vectors, arguments.embedding, arguments.random, numpy.random.default_rng(seed)
    )
    labels = sorted({label for label, _ in parts["train"]})
    texts = {
        name: Texts([text for _, text in lines], [labels.index(label) for label, _ in lines], row_of)
        for name, lines in parts.items()
    }
    network = Network(
        rows, {"form": FORM, "hidden": 128, "bidirectional": False, "embedding": arguments.embedding}, len(labels)
    )
    lstm = network.lstms[0]
    with torch.no_grad():
        lstm.bias_ih_l0[128:256], lstm.bias_hh_l0[128:256] = 1, 0
    optimizer, draw, best = Optimizer(network, arguments.lr), random.Random(seed), None
    for epoch in range(1, arguments.epochs + 1):
        for places in texts["train"].batches(BATCH, draw, sort=False):
            ids, lengths, classes = texts["train"].batch(places)
            nn.functional.cross_entropy(network(ids, lengths), classes).backward()
            optimizer.step()
        accuracy, loss = measure(network, texts["dev"])
        if best is None or (accuracy, -loss) > best[:2]:
            best = (accuracy, -loss, epoch, measure(network, texts["test"])[0])
        if epoch - best[2] >= arguments.patience:
            break
    return {"seed": seed, "dev_accuracy": best[0], "test_accuracy": best[3], "best_epoch": best[2], "epochs": epoch}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True)
    parser.add_argument("--dev", help="without it a tenth of the train set is used")
    parser.add_argument("--test", required=True)
    parser.add_argument("--vectors", required=True, help="a word2vec binary file")
    parser.add_argument("--embedding", choices=["frozen", "tuned", "random"], required=True)
    parser.add_argument(
        "--random",
        default="normal:0.1",
        metavar="KIND:SIZE",
        help="distribution of random rows: normal:STD, uniform:LIMIT, or as-file (normal:0.1)",
    )
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--patience", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    parts = {"train": lines_of(arguments.train), "test": lines_of(arguments.test)}
    if arguments.dev:
        parts["dev"] = lines_of(arguments.dev)
    else:
        parts["train"], parts["dev"] = split(parts["train"], 1)
    for seed in range(1, arguments.seeds + 1):
        print(json.dumps(train(parts, arguments, seed)), flush=True)


if __name__ == "__main__":
    main()
