"""Spark with two local workers: the same results as the program, even when a worker is killed."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import vocable

pyspark = pytest.importorskip("pyspark", reason="Spark is not installed")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
if not shutil.which("java"):
    pytest.skip("Spark needs Java", allow_module_level=True)

from pyspark.sql import SparkSession  # noqa: E402
from vocable.batches import Coverage, Embed, Predict  # noqa: E402

LABELLED = "number long, text string, label string, probability float, probability_neg float, probability_pos float"


@pytest.fixture(scope="module")
def spark():
    # Failed tasks are retried, as on a cluster.
    builder = (
        SparkSession.builder.master("local[2,4]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "512m")
    )
    builder = builder.config("spark.driver.host", "127.0.0.1").config(
        "spark.sql.execution.arrow.maxRecordsPerBatch", "100"
    )
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def model(table, fixtures, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    parts = [fixtures / f"reviews.{name}.txt" for name in ("train", "dev")]
    vocable.train(
        table, *parts, embedding="frozen", out=path, progress=False, hidden=8, epochs=1, tokenizer="whitespace"
    )
    return path


@pytest.fixture(scope="module")
def file(fixtures, tmp_path_factory):
    """Texts in a Parquet file."""
    lines = [
        line.split(" ", 1)[1]
        for name in ("dev", "test")
        for line in (fixtures / f"reviews.{name}.txt").read_text().splitlines()
    ]
    lines = [*lines, "", None] * 3
    path = tmp_path_factory.mktemp("texts") / "texts.parquet"
    pq.write_table(pa.table({"number": range(len(lines)), "text": lines}), path)
    return path


@pytest.fixture(scope="module")
def labelled(program, model, file, tmp_path_factory):
    """The results of the program."""
    out = tmp_path_factory.mktemp("labels") / "labels.parquet"
    subprocess.run(
        [program, "predict", model, "--in", file, "--out", out, "--probabilities"], capture_output=True, check=True
    )
    return pq.read_table(out)


def test_labels_are_the_programs(spark, model, file, labelled):
    rows = spark.read.parquet(str(file)).repartition(6)
    ours = (
        rows.mapInArrow(Predict(model, probabilities=True, threads=1).map_batches, LABELLED).toArrow().sort_by("number")
    )
    assert ours.column_names == labelled.column_names
    assert all(ours[name].to_pylist() == labelled[name].to_pylist() for name in labelled.column_names)


def test_a_killed_worker_loses_nothing(spark, model, file, labelled, tmp_path):
    predict, killed = Predict(model, probabilities=True, threads=1), tmp_path / "killed"

    def fatal(batches):
        """Ends its process in the middle of the data, once."""
        for batch in predict.map_batches(batches):
            if 200 in batch["number"].to_pylist() and not killed.exists():
                killed.touch()
                os._exit(1)
            yield batch

    rows = spark.read.parquet(str(file)).repartition(6)
    ours = rows.mapInArrow(fatal, LABELLED).toArrow().sort_by("number")
    assert killed.exists() and all(
        ours[name].to_pylist() == labelled[name].to_pylist() for name in labelled.column_names
    )


def test_vectors_of_texts_are_the_programs(spark, table_path, file, program, tmp_path):
    out = tmp_path / "vectors.parquet"
    argv = [program, "embed", "--vectors", table_path, "--in", file, "--out", out, "--weighting", "frequency"]
    subprocess.run(argv, capture_output=True, check=True)
    its = pq.read_table(out)
    embed = Embed(table_path, weighting="frequency", threads=1)
    ours = (
        spark.read.parquet(str(file))
        .mapInArrow(embed.map_batches, "number long, text string, vector array<float>")
        .toArrow()
        .sort_by("number")
    )
    assert ours["vector"].null_count == its["vector"].null_count == 3
    flat = [np.array(rows["vector"].drop_null().to_pylist(), np.float32) for rows in (ours, its)]
    assert np.array_equal(*flat)


def test_coverage_is_the_programs(spark, table_path, file, program):
    argv = [program, "coverage", file, "--vectors", table_path, "-k", "50", "--json"]
    its = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    cover = Coverage(table_path, k=50, threads=1)
    parts = spark.read.parquet(str(file)).mapInArrow(
        cover.map_batches, "words array<string>, counts array<long>, lengths array<long>, texts array<long>"
    )
    assert cover.total([parts.toArrow()], file=str(file)) == its


def test_the_session_is_as_it_is_shown(spark, session):
    session("Spark")
