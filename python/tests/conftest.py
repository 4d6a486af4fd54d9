"""What the tests share: fixtures of the project, and files made from them."""

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
    """Real data beside the repository, where it lies there."""
    if not (SHARED / "data").is_dir():
        pytest.skip("../shared/data is not there")
    return SHARED / "data"


@pytest.fixture(scope="session")
def text():
    """The demo vectors as text."""
    return vocable.open(FIXTURES / "demo.50d.txt")


@pytest.fixture(scope="session")
def table_path(text, tmp_path_factory):
    """The demo vectors as a table file."""
    path = tmp_path_factory.mktemp("table") / "demo.safetensors"
    text.save(path)
    return path


@pytest.fixture(scope="session")
def table(table_path):
    """The demo vectors, mapped."""
    return vocable.open(table_path)


@pytest.fixture(scope="session")
def plain():
    """The demo vectors as the file has them, read without the library: words, and an array."""
    lines = (FIXTURES / "demo.50d.txt").read_text().splitlines()
    fields = [line.split(" ") for line in lines]
    return [row[0] for row in fields], np.array([row[1:] for row in fields], np.float32)


@pytest.fixture(scope="session")
def program():
    """The program `vocable`: the one that VOCABLE names, or the newest that was built here."""
    if named := os.environ.get("VOCABLE"):
        return named
    built = [path for profile in ("release", "debug") if (path := ROOT / "target" / profile / "vocable").exists()]
    if built:
        return max(built, key=lambda path: path.stat().st_mtime)
    assert shutil.which("cargo"), "neither the program nor cargo, which builds it, is there"
    subprocess.run(["cargo", "build", "--quiet"], cwd=ROOT, check=True)
    return ROOT / "target" / "debug" / "vocable"
