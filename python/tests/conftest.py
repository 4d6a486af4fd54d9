"""Shared fixtures: the fixtures of the repository, and files derived from them."""

import doctest
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import vocable

ROOT = Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "fixtures"
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def fixtures():
    return FIXTURES


@pytest.fixture(scope="session")
def shared():
    """Real data next to the repository, if available."""
    if not (SHARED / "data").is_dir():
        pytest.skip("../shared/data does not exist")
    return SHARED / "data"


@pytest.fixture(scope="session")
def text():
    """The demo vectors, from a text file."""
    return vocable.open(FIXTURES / "demo.50d.txt")


@pytest.fixture(scope="session")
def table_path(text, tmp_path_factory):
    """The demo vectors as a table file."""
    path = tmp_path_factory.mktemp("table") / "demo.safetensors"
    text.save(path)
    return path


@pytest.fixture(scope="session")
def table(table_path):
    """The demo vectors, memory mapped."""
    return vocable.open(table_path)


@pytest.fixture(scope="session")
def plain():
    """The demo vectors, read without the library: words and an array."""
    lines = (FIXTURES / "demo.50d.txt").read_text().splitlines()
    fields = [line.split(" ") for line in lines]
    return [row[0] for row in fields], np.array([row[1:] for row in fields], np.float32)


@pytest.fixture(scope="session")
def program():
    """The program `vocable`: $VOCABLE, or the newest build in target/."""
    if named := os.environ.get("VOCABLE"):
        return named
    built = [path for profile in ("release", "debug") if (path := ROOT / "target" / profile / "vocable").exists()]
    if built:
        return max(built, key=lambda path: path.stat().st_mtime)
    assert shutil.which("cargo"), "found neither the program nor cargo to build it"
    subprocess.run(["cargo", "build", "--quiet"], cwd=ROOT, check=True)
    return ROOT / "target" / "debug" / "vocable"


@pytest.fixture
def session(text, tmp_path, monkeypatch):
    """Runs a section of docs/guide/scale.md, in a directory with the files that it uses."""
    pq, pa = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    parts = [FIXTURES / f"reviews.{part}.txt" for part in ("train", "dev", "test")]
    (tmp_path / "fixtures").symlink_to(FIXTURES)
    text.save(tmp_path / "demo.safetensors")
    how = {"hidden": 8, "epochs": 1, "tokenizer": "whitespace", "progress": False}
    vocable.train(text, *parts, embedding="frozen", out=tmp_path / "reviews.safetensors", **how)
    lines = [line.split(" ", 1)[1] for line in parts[2].read_text().splitlines()]
    pq.write_table(pa.table({"text": lines}), tmp_path / "texts.parquet")
    monkeypatch.chdir(tmp_path)

    def run(section):
        document = (ROOT / "docs" / "guide" / "scale.md").read_text()
        lines = document.split(f"\n### {section}\n")[1].split("\n### ")[0]
        # The Spark process has another working directory.
        for name in ("texts.parquet", "labelled"):
            lines = lines.replace(f'"{name}', f'"{tmp_path}/{name}')
        test = doctest.DocTestParser().get_doctest(lines, {}, section, "docs/guide/scale.md", 0)
        assert len(test.examples) > 8
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0

    return run
