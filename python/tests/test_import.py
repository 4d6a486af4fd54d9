"""Imported models of PyTorch and Keras predict the same as in PyTorch and Keras."""

import itertools
import json
import os
import subprocess

import numpy as np
import pytest
from vocable import Classifier, VocableError

WORDS = ["<pad>", "<unk>", "a", "film", "great", "dull", ",", "wonderful"]
LABELS = ["good", "bad", "mixed"]
TEXTS = [
    "a great film",
    "dull",
    "a wonderful film xyzzy , and never a dull film ,",
    "A GREAT Film",
    "xyzzy",
    "great , great , great",
]
HOW = {"tokenizer": "whitespace", "pad": "<pad>", "unk": "<unk>"}


def ids(text):
    return [WORDS.index(word) if word in WORDS else 1 for word in text.split()]


def centred(logits):
    return logits - logits.mean(axis=1, keepdims=True)


def assert_same(classifier, logits, texts=TEXTS):
    """Logits up to a constant per text, which probabilities do not determine."""
    found = centred(np.log(classifier.predict_proba(texts).astype(np.float64)))
    logits = centred(np.array(logits, np.float64))
    assert np.abs(logits).max() > 0.01, "logits that are all the same compare nothing"
    assert np.abs(found - logits).max() < 1e-5


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)

    class Model(torch.nn.Module):
        def __init__(self, cell="LSTM", layers=1, bidirectional=False, pooling="last", bias=True, outputs=3):
            super().__init__()
            self.pooling = pooling
            self.embed = torch.nn.Embedding(len(WORDS), 6, padding_idx=0)
            self.encoder = getattr(torch.nn, cell)(
                6, 5, layers, bidirectional=bidirectional, bias=bias, batch_first=True
            )
            self.head = torch.nn.Linear(5 * (1 + bidirectional), outputs, bias=bias)
            # Larger than the initial values, so that words make a difference.
            for weights in self.parameters():
                torch.nn.init.uniform_(weights, -1, 1)

        def forward(self, texts):
            rows = [torch.tensor(ids(text)) for text in texts]
            lengths = torch.tensor([len(row) for row in rows])
            padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
            packed = torch.nn.utils.rnn.pack_padded_sequence(
                self.embed(padded), lengths, batch_first=True, enforce_sorted=False
            )
            states, last = self.encoder(packed)
            states, _ = torch.nn.utils.rnn.pad_packed_sequence(states, batch_first=True)
            last = last[0] if isinstance(last, tuple) else last
            directions = 2 if self.encoder.bidirectional else 1
            outside = (torch.arange(states.shape[1]) >= lengths[:, None])[:, :, None]
            pooled = {
                "last": lambda: torch.cat(list(last[-directions:]), 1),
                "mean": lambda: states.masked_fill(outside, 0).sum(1) / lengths[:, None],
                "max": lambda: states.masked_fill(outside, -np.inf).amax(1),
            }[self.pooling]()
            return self.head(pooled)

        def logits(self, texts=TEXTS):
            with torch.no_grad():
                return self(texts).tolist()

    torch.Model = Model
    yield torch
    del torch.Model


@pytest.mark.parametrize("cell", ["LSTM", "RNN"])
def test_pytorchs_state_dict(cell, torch):
    for layers, bidirectional, pooling, bias in itertools.product(
        (1, 2, 3), (False, True), ("last", "mean", "max"), (True, False)
    ):
        model = torch.Model(cell, layers, bidirectional, pooling, bias)
        classifier = Classifier.from_weights(model.state_dict(), WORDS, LABELS, pooling=pooling, **HOW)
        assert classifier.labels == LABELS and classifier.vocabulary_size == len(WORDS) - 2
        assert classifier.shape["layers"] == layers and classifier.shape["bidirectional"] == bidirectional
        assert_same(classifier, model.logits())


def test_the_program_and_the_package_make_the_same_model(torch, program, tmp_path):
    save_file = pytest.importorskip("safetensors.torch").save_file
    model = torch.Model(layers=2, bidirectional=True, pooling="mean")
    weights, words, out = tmp_path / "weights.safetensors", tmp_path / "words.txt", tmp_path / "model.safetensors"
    save_file(model.state_dict(), str(weights))
    words.write_text("".join(f"{word}\n" for word in WORDS))
    argv = [
        program,
        "import",
        weights,
        "--words",
        words,
        "--labels",
        ",".join(LABELS),
        "--tokenizer",
        "whitespace",
        "--pooling",
        "mean",
        "--out",
        out,
    ]
    done = subprocess.run(
        [*argv, "--pad", "<pad>", "--unk", "<unk>", "--json"], capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    assert (
        done.stderr == ""
        and answer["labels"] == LABELS
        and (answer["layers"], answer["words"], answer["dimension"]) == (2, 6, 6)
    )
    of_arrays = Classifier.from_weights(model.state_dict(), WORDS, LABELS, pooling="mean", **HOW)
    of_file = Classifier.from_weights(weights, words, LABELS, pooling="mean", **HOW)
    by_index = Classifier.from_weights(
        weights, {word: row for row, word in enumerate(WORDS)}, LABELS, pooling="mean", **HOW
    )
    assert out.read_bytes() == of_arrays.to_bytes() == of_file.to_bytes() == by_index.to_bytes()
    assert_same(Classifier.load(out), model.logits())
    # Missing information is an error.
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert "use --pad '<pad>'" in done.stderr and "use --unk '<unk>'" in done.stderr


def test_halves_and_doubles_are_read(torch, tmp_path):
    save_file = pytest.importorskip("safetensors.torch").save_file
    model = torch.Model()
    for kind, tolerance in [(torch.float64, 0), (torch.float16, 1e-2), (torch.bfloat16, 5e-2)]:
        save_file({name: tensor.to(kind) for name, tensor in model.state_dict().items()}, str(tmp_path / "weights"))
        of_file = Classifier.from_weights(tmp_path / "weights", WORDS, LABELS, **HOW)
        of_arrays = Classifier.from_weights(
            {name: tensor.to(kind) for name, tensor in model.state_dict().items()}, WORDS, LABELS, **HOW
        )
        assert of_file.to_bytes() == of_arrays.to_bytes()
        whole = Classifier.from_weights(model.state_dict(), WORDS, LABELS, **HOW).predict_proba(TEXTS)
        assert np.abs(of_file.predict_proba(TEXTS) - whole).max() <= tolerance


def test_a_single_output_is_the_logit_of_the_second_label(torch):
    model = torch.Model(outputs=1)
    classifier = Classifier.from_weights(model.state_dict(), WORDS, ["no", "yes"], **HOW)
    expected = torch.sigmoid(torch.tensor(model.logits())).tolist()
    assert np.allclose(classifier.predict_proba(TEXTS)[:, 1:], expected, atol=1e-6)


def test_without_a_word_for_unknown_words_they_are_zeros(torch):
    model = torch.Model()
    state = model.state_dict()
    classifier = Classifier.from_weights(state, WORDS, LABELS, tokenizer="whitespace")
    assert classifier.words(["xyzzy <unk> <pad>"]) == [(3, 1)]
    state["embed.weight"][1] = 0
    assert_same(classifier, model.logits())


def test_other_forms_are_refused(torch):
    def refused(expected, state=None, words=WORDS, labels=LABELS, **how):
        with pytest.raises(VocableError, match=expected):
            Classifier.from_weights(state or torch.Model().state_dict(), words, labels, **{**HOW, **how})

    def changed(more=(), less=(), **options):
        state = torch.Model(**options).state_dict()
        return {name: tensor for name, tensor in state.items() if name not in less} | dict(more)

    zeros = torch.zeros
    refused(r"`embed.weight` of shape \[7, 6\], found \[8, 6\]; the vocabulary must have one line", words=WORDS[:-1])
    refused(r"`head.weight` of shape \[2, 5\], found \[3, 5\]", labels=["a", "b"])
    refused("labels: expected two or more, found 1", labels=["a"])
    refused("labels: expected distinct labels, found `a` twice", labels=["a", "b", "a"])
    refused("pad: expected a word of the vocabulary, found `<p>`, which it does not have", pad="<p>")
    refused("words of a model: expected distinct words", words=["<pad>", "<unk>", "a", "a", "b", "c", "d", "e"])
    refused("pooling", pooling="first")
    refused("tokenizer", tokenizer="words")
    refused("case", case="upper")
    refused(r"not a GRU's, found \[15, 5\]", changed(cell="GRU"))
    refused(
        "without projections, found `lstm.weight_hr_l0`",
        {"lstm.weight_hr_l0": zeros(3, 5), "lstm.weight_hh_l0": zeros(20, 3)},
    )
    refused("one recurrent network, found `encoder` and `second`", changed({"second.weight_hh_l0": zeros(20, 5)}))
    refused(
        "one linear layer, found `head.weight` and `fc.weight`",
        changed({"fc.weight": zeros(3, 3), "fc.bias": zeros(3)}),
    )
    refused("without a bias `head.weight`", changed({"fc.weight": zeros(3, 5)}, ["head.weight", "head.bias"]))
    refused("the weight of a linear layer, found none", changed(less=["head.weight", "head.bias"]))
    refused("the weight of an embedding, found none", changed(less=["embed.weight"]))
    refused("a tensor `bias_hh_l0` of the recurrent network, found none", changed(less=["encoder.bias_hh_l0"]))
    refused("a tensor `weight_ih_l0_reverse`", changed(less=["encoder.weight_ih_l0_reverse"], bidirectional=True))
    refused("an additional tensor `encoder.weight_hh_l2`", changed({"encoder.weight_hh_l2": zeros(20, 5)}))
    refused(
        r"`encoder.weight_ih_l0` of shape \[20, 6\], found \[20, 4\]", changed({"encoder.weight_ih_l0": zeros(20, 4)})
    )
    refused(
        r"`encoder.weight_hh_l1` of shape \[20, 5\], found \[16, 4\]", changed({"encoder.weight_hh_l1": zeros(16, 4)})
    )
    refused("finite numbers in `head.bias`, found NaN", changed({"head.bias": torch.full((3,), float("nan"))}))
    refused("numbers in `head.bias`", changed({"head.bias": zeros(0)}))
    refused("an additional tensor `attention`", changed({"attention": zeros(3)}))
    refused("`recurrent_kernel` in Keras.*found fc.weight", {"fc.weight": zeros(3, 3)})
    refused("found no weights", {"steps": torch.tensor(3)})


@pytest.fixture(scope="module")
def keras():
    os.environ["KERAS_BACKEND"] = "numpy"
    return pytest.importorskip("keras")


def of_keras(keras, cell, layers, bidirectional, pooling, bias, outputs=3):
    """A Keras model, and its logits, computed for one text at a time."""
    # Layer names are numbered from here.
    keras.utils.clear_session()
    both = keras.layers.Bidirectional if bidirectional else lambda layer: layer
    encoder = [
        both(getattr(keras.layers, cell)(5, use_bias=bias, return_sequences=layer + 1 < layers or pooling != "last"))
        for layer in range(layers)
    ]
    pool = {"last": [], "mean": [keras.layers.GlobalAveragePooling1D()], "max": [keras.layers.GlobalMaxPooling1D()]}[
        pooling
    ]
    head = keras.layers.Dense(outputs, use_bias=bias)
    model = keras.Sequential(
        [keras.Input((None,), dtype="int32"), keras.layers.Embedding(len(WORDS), 6), *encoder, *pool, head]
    )
    # Initial biases are zeros and ones and initial rows are small; the test should not depend on that.
    chance = np.random.default_rng(1)
    model.set_weights([chance.uniform(-1, 1, weight.shape) for weight in model.get_weights()])
    return model, np.concatenate([keras.ops.convert_to_numpy(model(np.array([ids(text)]))) for text in TEXTS])


@pytest.mark.parametrize("cell", ["LSTM", "SimpleRNN"])
def test_keras_variables(cell, keras, tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    for layers, bidirectional, pooling, bias in itertools.product(
        (1, 2), (False, True), ("last", "mean", "max"), (True, False)
    ):
        model, logits = of_keras(keras, cell, layers, bidirectional, pooling, bias)
        classifier = Classifier.from_weights(
            {weight.path: weight for weight in model.weights}, WORDS, LABELS, pooling=pooling, **HOW
        )
        assert_same(classifier, logits)
        save_file({weight.path: np.ascontiguousarray(weight.numpy()) for weight in model.weights}, tmp_path / "weights")
        assert (
            Classifier.from_weights(tmp_path / "weights", WORDS, LABELS, pooling=pooling, **HOW).to_bytes()
            == classifier.to_bytes()
        )


def test_keras_layers_are_counted(keras):
    """More than ten layers, so that `lstm_10` comes after `lstm_9`."""
    model, logits = of_keras(keras, "LSTM", 12, False, "last", True)
    assert any(weight.path.endswith("_10/lstm_cell/kernel") for weight in model.weights)
    weights = {weight.path: weight for weight in sorted(model.weights, key=lambda weight: weight.path)}
    assert_same(Classifier.from_weights(weights, WORDS, LABELS, **HOW), logits)


def test_keras_other_forms_are_refused(keras):
    def refused(expected, model, more=()):
        with pytest.raises(VocableError, match=expected):
            Classifier.from_weights(
                {weight.path: weight for weight in model.weights} | dict(more), WORDS, LABELS, **HOW
            )

    model, _ = of_keras(keras, "LSTM", 1, False, "last", True)
    refused(r"not a GRU's, found \[5, 15\]", of_keras(keras, "GRU", 1, False, "last", False)[0])
    refused(
        r"/kernel` of shape \[5, 3\], found \[5, 4\]", of_keras(keras, "LSTM", 1, False, "last", True, outputs=4)[0]
    )
    refused("one linear layer, found `.*dense.*` and `.*kernel`", model, {"z/kernel": np.ones((5, 3))})
    refused("an additional tensor `z/gamma`", model, {"z/gamma": np.ones(3)})


def test_the_lines_of_the_documentation(torch, keras, fixtures, tmp_path, monkeypatch):
    """The second and third blocks of docs/reference/models.md that are marked as Python."""
    document = (fixtures.parent / "docs" / "reference" / "models.md").read_text()
    _, of_torch, of_keras_ = (block.split("```")[0] for block in document.split("```python\n")[1:])
    monkeypatch.chdir(tmp_path)
    model = torch.Model(layers=2, outputs=2)
    names = {"model": model, "words": WORDS}
    exec(of_torch, names)
    assert_same(names["classifier"], model.logits())
    assert (
        Classifier.from_weights("weights.safetensors", "words.txt", ["neg", "pos"], **HOW).to_bytes()
        == names["classifier"].to_bytes()
    )
    model, logits = of_keras(keras, "LSTM", 1, True, "last", True, outputs=2)
    exec(of_keras_, {"model": model})
    assert_same(Classifier.from_weights("weights.safetensors", WORDS, ["neg", "pos"], **HOW), logits)
