"""Writes small valid files of every format into fuzz/corpus, as the seed corpus.

Needs only Python and the program (run `cargo build` first).
"""

import gzip
import subprocess
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
TEXT = b"king 0.5 -1.25 3\nqueen 1e-3 2 -0.75\nroute 66 .5 8.5 7\nK\xc3\xb6nig 1 2 3\n"


def seed(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def main():
    work = CORPUS / "work"
    work.mkdir(parents=True, exist_ok=True)
    text = work / "rows.txt"
    text.write_bytes(TEXT.replace(b"route 66", b"route"))
    formats = {"vec": "word2vec", "bin": "word2vec-binary", "safetensors": "table", "ft": "fasttext", "npy": "numpy"}
    for extension, name in formats.items():
        out = work / f"rows.{extension}"
        command = ["target/debug/vocable", "convert", text, out, "--to", name]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    half = ["target/debug/vocable", "convert", text, work / "half.safetensors", "--dtype", "f16"]
    subprocess.run(half, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    def read(name):
        return (work / name).read_bytes()

    vec, binary = read("rows.vec"), read("rows.bin")
    for choice in range(4):
        first = bytes([choice])
        seed("text", f"glove{choice}", first + TEXT)
        seed("text", f"word2vec{choice}", first + vec)
        seed("word2vec", f"binary{choice}", first + binary)
        seed("word2vec", f"bare{choice}", first + binary.replace(b"\n", b"", 5))
        seed("fasttext", f"words{choice}", first + read("rows.ft"))
        seed("fasttext", f"subwords{choice}", first + (ROOT / "fixtures/fasttext.8d.bin").read_bytes())
        for name, data in [("text", TEXT), ("binary", binary), ("table", read("rows.safetensors"))]:
            seed("packed", f"{name}{choice}.gz", first + gzip.compress(data))
            archive = work / "a.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr(name, data)
            seed("packed", f"{name}{choice}.zip", first + archive.read_bytes())
    seed("table", "f32", b"\0" + read("rows.safetensors"))
    seed("table", "f16", b"\0" + read("half.safetensors"))
    seed("table", "changes", b"\1" + bytes(range(60)))
    seed("numpy", "f32", b"\0" + read("rows.npy"))
    seed("numpy", "words", b"\2a\nb\n")


if __name__ == "__main__":
    main()
