"""Arrow batches, as engines process them."""

import pickle

import numpy as np
import pytest
import vocable
from vocable import VocableError

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from vocable.batches import Coverage, Embed, Predict  # noqa: E402


@pytest.fixture(scope="module")
def lines(fixtures):
    return [line.split(" ", 1)[1] for line in (fixtures / "reviews.test.txt").read_text().splitlines()]


@pytest.fixture(scope="module")
def model(table, fixtures, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    parts = [fixtures / f"reviews.{name}.txt" for name in ("train", "dev")]
    vocable.train(
        table, *parts, embedding="frozen", out=path, progress=False, hidden=8, epochs=1, tokenizer="whitespace"
    )
    return path


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view", "dictionary", "binary"])
def test_texts_of_all_kinds(kind, model, lines):
    some = lines[:5]
    column = pa.array([some[0], None, *some[1:], ""])
    if kind == "dictionary":
        column = column.dictionary_encode()
    else:
        column = column.cast(getattr(pa, kind)())
    batch = pa.record_batch({"id": list(range(7)), "Sentence": column})
    before, predict = vocable.get_num_threads(), Predict(model, probabilities=True)
    classifier = vocable.Classifier.load(model)
    labels, probabilities = classifier.predict([*some, ""]), classifier.predict_proba([*some, ""])
    for rows in (predict(batch), predict(pa.Table.from_batches([batch])), next(predict.map_batches([batch]))):
        assert rows.schema.names == ["id", "Sentence", "label", "probability", "probability_neg", "probability_pos"]
        assert rows.column(2).to_pylist() == [labels[0], None, *labels[1:]]
        assert rows.column(5).null_count == 1 and rows.column(5).drop_null().to_pylist() == probabilities[:, 1].tolist()
    assert vocable.get_num_threads() == before and predict(batch.slice(0, 0)).num_rows == 0


@pytest.mark.parametrize("how", [{}, {"weighting": "frequency"}, {"weighting": "frequency", "a": 0.1, "counts": True}])
def test_vectors_of_texts_are_means_of_words(how, table_path, plain, lines, tmp_path):
    words, rows = plain
    if how.get("counts"):
        how = how | {"counts": tmp_path / "counts.txt"}
        how["counts"].write_text("the 30\nfilm 10\n")
        share = {"the": 0.75, "film": 0.25}
    else:
        ranks = np.arange(1, len(words) + 1)
        share = dict(zip(words, 1 / (ranks * np.sum(1 / ranks))))
    a = how.get("a", 1e-3)
    weight = (lambda word: a / (a + share.get(word, 0))) if how else lambda word: 1
    known = {word: row.astype(np.float64) for word, row in zip(words, rows)}
    embed = pickle.loads(pickle.dumps(Embed(table_path, tokenizer="whitespace", prefix="its_", **how)))
    texts = ["", "zzyzx", None, *lines[:50]]
    found = embed(pa.table({"text": texts}))["its_vector"].combine_chunks()
    assert found.type.list_size == 50 and found.null_count == 1 and not found.values.null_count
    for text, vector in zip(texts, found.to_pylist()):
        if text is not None:
            all = [weight(word) * known[word] for word in text.split() if word in known]
            assert np.allclose(vector, np.mean(all, axis=0) if all else 0, atol=1e-6)
    each = list(embed.map_batches(pa.table({"text": texts}).to_batches(max_chunksize=20)))
    assert [batch.num_rows for batch in each] == [20, 20, 13] and pa.types.is_list(
        each[0].schema.field("its_vector").type
    )
    assert pa.Table.from_batches(each)["its_vector"].to_pylist() == found.to_pylist()


def test_coverage_is_summed_up(table, table_path, lines):
    cover = Coverage(table, tokenizer="whitespace", k=1000)
    batches = pa.table({"text": [*lines, None, ""]}).to_batches(max_chunksize=30)
    answer = table.coverage([*lines, ""], tokenizer="whitespace", k=1000)
    assert cover.total(map(cover, batches)) == cover.total(cover.map_batches(batches)) == answer
    assert pickle.loads(pickle.dumps(cover)).total([cover(batches[0])])["texts"] == 30
    assert cover.total([])["texts"] == 0 and cover.total([])["median_length"] == 0


def test_a_model_in_another_ones_place_is_opened(model, lines, table, fixtures, tmp_path):
    path, batch = tmp_path / "model.safetensors", pa.table({"text": lines})
    path.write_bytes(model.read_bytes())
    predict = Predict(path)
    first = predict(batch)
    vocable.train(
        table, fixtures / "reviews.train.txt", embedding="random", hidden=8, epochs=1, out=path, progress=False
    )
    assert predict(batch) != first and predict(batch)["label"].to_pylist() == vocable.Classifier.load(path).predict(
        lines
    )


def test_threads():
    try:
        vocable.set_num_threads(3)
        assert vocable.get_num_threads() == 3
    finally:
        vocable.set_num_threads(None)


def test_refusals(model, table_path):
    batch = pa.table({"text": ["a dull film"], "label": ["mine"]})
    with pytest.raises(VocableError, match="already a column `label`"):
        Predict(model)(batch)
    with pytest.raises(VocableError, match="a column `words`, found the columns text, label"):
        Predict(model, text_column="words")(batch)
    with pytest.raises(VocableError, match="expected strings in the column `text`, found the type int64"):
        Predict(model)(pa.table({"text": [1]}))
    with pytest.raises(FileNotFoundError):
        Predict("nowhere.safetensors")(batch.select(["text"]))
    with pytest.raises(VocableError, match="save them to a file"):
        Predict(model, vectors=vocable.Vectors.demo())
    with pytest.raises(VocableError, match="at least 1"):
        vocable.set_num_threads(0)
    with pytest.raises(VocableError, match="found `median`"):
        Embed(table_path, weighting="median")(batch.select(["text"]))
    with pytest.raises(VocableError, match="counts"):
        Embed(table_path, counts=table_path)(batch.select(["text"]))
    with pytest.raises(VocableError, match="a of the frequency weighting"):
        Embed(table_path, weighting="frequency", a=0)(batch.select(["text"]))
