"""Lists from elsewhere: rows with their lines, and errors that name file, line and what is meant."""

from pathlib import Path

import pytest

from mft.cli.lists import TOLD_MAX, read_list, refuse
from mft.errors import Malformed, Missing


def rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    return [(line, dict(row)) for line, row in read_list(path, required=("name",), optional=("edi_ids",))]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"name,edi_ids\nA,ZZ:A\n", 2),
        (b"\xef\xbb\xbfname,edi_ids\r\nA,ZZ:A\r\n", 2),
        (b"# Exported.\n\nEDI IDs\tName\nZZ:A\tA\n", 4),
        (b'edi-ids,name\n" ZZ:A ",A\n,\n', 2),
    ],
)
def test_rows_know_their_line(tmp_path: Path, content: bytes, line: int) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    assert rows(path) == [(line, {"name": "A", "edi_ids": "ZZ:A"})]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty; expected a first line with the columns name, edi_ids"),
        (b"name,edi_id\n", "1: there is no column `edi_id`; did you mean `edi_ids`?"),
        (b"name,name\n", "1: column `name` stands there twice"),
        (b"edi_ids\n", "1: column `name` is missing"),
        (b"name\nA,B\n", "2: 2 cells for 1 columns"),
        (b"name\nA\nS\xfcd\n", "3: not UTF-8"),
        (b'name\n"A"B\n', "2: not CSV"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(Malformed) as told:
        rows(path)
    assert str(told.value).startswith(f"{path}:")
    assert words in str(told.value)


def test_there_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        rows(tmp_path / "none.csv")


def test_no_more_is_told_than_somebody_reads() -> None:
    with pytest.raises(Malformed) as told:
        refuse(Path("list.csv"), [(line, "wrong") for line in range(TOLD_MAX + 5, 0, -1)])
    first, *_, rest, last = str(told.value).splitlines()
    assert len(str(told.value).splitlines()) == TOLD_MAX + 2
    assert (first, rest, last) == ("list.csv:1: wrong", "5 more are wrong", "nothing was imported")
