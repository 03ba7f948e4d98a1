"""Real files of many senders, where they are at hand: `MFT_CORPUS` names the folder, with its MANIFEST.tsv."""

import csv
import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("MFT_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
MANIFEST = ROOT / "MANIFEST.tsv"
needed = pytest.mark.skipif(not MANIFEST.exists(), reason="no corpus: set MFT_CORPUS to a folder with MANIFEST.tsv")

ROWS = (
    [row for row in csv.DictReader(MANIFEST.read_text().splitlines(), delimiter="\t") if row["role"] == "data"]
    if MANIFEST.exists()
    else []
)
"""A row for each input: path, format, set, label, expected, bytes, sha256, envelope."""


def data_of(row: dict[str, str]) -> bytes:
    return (ROOT / row["path"]).read_bytes()
