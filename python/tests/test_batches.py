"""Work on batches of Arrow, as engines have it done."""

import pytest

import vocable
from vocable import VocableError

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from vocable.batches import Predict  # noqa: E402


@pytest.fixture(scope="module")
def lines(fixtures):
    return [line.split(" ", 1)[1] for line in (fixtures / "reviews.test.txt").read_text().splitlines()]


@pytest.fixture(scope="module")
def model(table, fixtures, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    parts = [fixtures / f"reviews.{name}.txt" for name in ("train", "dev")]
    vocable.train(table, *parts, embedding="frozen", out=path, progress=False, hidden=8, epochs=1, tokenizer="whitespace")
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
    for rows in (predict(batch), predict(pa.Table.from_batches([batch])), next(predict.each([batch]))):
        assert rows.schema.names == ["id", "Sentence", "label", "probability", "probability_neg", "probability_pos"]
        assert rows.column(2).to_pylist() == [labels[0], None, *labels[1:]]
        assert rows.column(5).null_count == 1 and rows.column(5).drop_null().to_pylist() == probabilities[:, 1].tolist()
    assert vocable.get_num_threads() == before and predict(batch.slice(0, 0)).num_rows == 0


def test_refusals(model):
    batch = pa.table({"text": ["a dull film"], "label": ["mine"]})
    with pytest.raises(VocableError, match="no column `label`, since one is to be added"):
        Predict(model)(batch)
    with pytest.raises(VocableError, match="a column `words`, found the columns text, label"):
        Predict(model, text_column="words")(batch)
    with pytest.raises(VocableError, match="expected strings in the column `text`, found the type int64"):
        Predict(model)(pa.table({"text": [1]}))
    with pytest.raises(FileNotFoundError):
        Predict("nowhere.safetensors")(batch.select(["text"]))
    with pytest.raises(VocableError, match="save them first"):
        Predict(model, vectors=vocable.Vectors.demo())
    with pytest.raises(VocableError, match="a number from 1"):
        vocable.set_num_threads(0)
