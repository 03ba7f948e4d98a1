"""The guides that come with us, their form, and what is said of a file that is not in it."""

import builtins
import io
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from parsers.guides.text import GuideError
from parsers.iso20022 import guide as guides
from parsers.iso20022.judge import guide_for, preload
from parsers.iso20022.values import value

FILES = sorted(one.name for one in files("parsers.iso20022").joinpath("guides").iterdir() if one.name.endswith(".toml"))


def text_of(name: str) -> str:
    return files("parsers.iso20022").joinpath("guides", name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("set_code", "version", "found"),
    [
        ("pain.001", "pain.001.001.02", False),
        *(("pain.001", f"pain.001.001.{version:02}", True) for version in range(3, 14)),
        ("pain.001", "pain.001.001.14", False),
        ("pain.001", "pain.001.003.03", False),
        ("camt.053", "camt.053.001.01", False),
        *(("camt.053", f"camt.053.001.{version:02}", True) for version in range(2, 15)),
        ("camt.053", "camt.053.001.15", False),
        ("camt.053", "pain.001.001.09", False),
        ("camt.052", "camt.052.001.08", False),
        ("", "", False),
    ],
)
def test_a_guide_is_found_by_its_version(set_code: str, version: str, found: bool) -> None:  # noqa: FBT001
    guide = guide_for(set_code, version)
    assert (guide.id if guide else None) == (f"iso20022/{version}" if found else None)


def test_no_file_is_opened_after_preload(monkeypatch: pytest.MonkeyPatch) -> None:
    preload()

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a file was opened")

    for owner, name in ((builtins, "open"), (io, "open"), (Path, "open")):
        monkeypatch.setattr(owner, name, refuse)
    guide = guide_for("pain.001", "pain.001.001.09")
    assert guide
    assert "GrpHdr" in guides.tree(guide).children["CstmrCdtTrfInitn"].children


@pytest.mark.parametrize("name", FILES)
def test_a_guide_names_its_sources_and_limits(name: str) -> None:
    for guide in guides.read_guides(text_of(name), name):
        assert guide.sources
        assert guide.unchecked
        assert guide.title
        assert re.fullmatch(r"[0-9a-f]{64}", guide.hash)


@pytest.mark.parametrize("name", FILES)
def test_everything_in_a_guide_is_used(name: str) -> None:
    text = text_of(name)
    data = tomllib.loads(text)
    lines = "\n".join(data["parts"].values())
    for code in data["codes"]:
        assert re.search(rf"@{code}\??( |$)", lines, re.MULTILINE), code
    for pattern in data["patterns"]:
        assert re.search(rf"~{pattern}( |$)", lines, re.MULTILINE), pattern
    reached: set[str] = set()
    for guide in guides.read_guides(text, name):
        here: set[str] = set()
        waiting = {"Document"}
        while waiting:
            part = waiting.pop()
            here.add(part)
            waiting |= {line.part for line in guide.parts[part] if line.part} - here
        reached |= here
    assert reached == data["parts"].keys()


@pytest.mark.parametrize("name", FILES)
def test_a_name_stands_once_in_a_part(name: str) -> None:
    for guide in guides.read_guides(text_of(name), name):
        for part, lines in guide.parts.items():
            names = [line.name for line in lines]
            assert len(names) == len(set(names)), f"{guide.id}: {part}"


@pytest.mark.parametrize("name", FILES)
def test_no_part_holds_itself(name: str) -> None:
    def walk(guide: guides.Guide, part: str, around: tuple[str, ...]) -> None:
        assert part not in around, f"{guide.id}: {part}"
        for line in guide.parts[part]:
            if line.part:
                walk(guide, line.part, (*around, part))

    for guide in guides.read_guides(text_of(name), name):
        walk(guide, "Document", ())


@pytest.mark.parametrize("name", FILES)
def test_every_guide_has_its_page(name: str) -> None:
    page = Path(__file__).parents[4] / "docs" / "guides" / f"iso20022-{name.removesuffix('.toml')}.md"
    told = page.read_text()
    data = tomllib.loads(text_of(name))
    assert all(sentence in told for sentence in data["unchecked"])
    assert all(source in told for source in data["sources"].values())
    assert f"`{data['set']}.001.{data['versions'][0]}`" in told
    assert f"`{data['set']}.001.{data['versions'][-1]}`" in told


# --- the form ---

FILE = '''
set = "made.001"
versions = ["01", "02", "03"]
title = "Made up"
rules = ["statement-balance"]

[codes]
way = ["IN", "OUT"]

[patterns]
three = '[0-9]{3}'

[parts]
Document = """
Made R 1 {made}
"""
made = """
Id R 1 text 1/35
Way S 2 @way -01
Way R * @way? 02-
Old S 1 ~three -02
| New S 1 date 02-
| Any S 1 open
"""
'''


def read(text: str = FILE) -> dict[str, guides.Guide]:
    return {guide.version: guide for guide in guides.read_guides(text, "made.toml")}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("01", [("Id", 0, True, 1), ("Way", 1, False, 2), ("Old", 2, False, 1), ("Any", 2, False, 1)]),
        ("02", [("Id", 0, True, 1), ("Way", 1, True, guides.UNBOUNDED), ("Old", 2, False, 1), ("New", 2, False, 1), ("Any", 2, False, 1)]),
        ("03", [("Id", 0, True, 1), ("Way", 1, True, guides.UNBOUNDED), ("New", 2, False, 1), ("Any", 2, False, 1)]),
    ],
)  # fmt: skip
def test_lines_are_for_their_versions(version: str, expected: list[tuple[str, int, bool, int]]) -> None:
    lines = read()[f"made.001.001.{version}"].parts["made"]
    assert [line[:4] for line in lines] == expected


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "Made up"', "title =", "made.toml: not TOML"),
        ('title = "Made up"', "", "title: is missing"),
        ('title = "Made up"', 'title = "x"\ncolour = "red"', "colour: is no key"),
        ("{made}", "{other}", "parts.Document, Made: there is no part `other`"),
        ("Document =", "Documents =", "parts.Document: is missing"),
        ("Id R 1 text 1/35", "Id X 1 text 1/35", "parts.made, line 1: expected"),
        ("Id R 1 text 1/35", "Id R one text 1/35", "parts.made, line 1: expected"),
        ("Id R 1 text 1/35", "Id R 1 text", "`text` is no type"),
        ("Id R 1 text 1/35", "Id R 1 date 1/35", "`date 1/35` is no type"),
        ("@way?", "@way? x", "behind a code list stands nothing"),
        ("@way?", "@ways", "the code list `ways` is not among"),
        ("~three", "~four", "`four` is not among"),
        ("[0-9]{3}", "[0-9", "parts.made, line 4:"),
    ],
)
def test_a_file_that_cannot_be_understood_says_where(old: str, new: str, message: str) -> None:
    assert old in FILE
    with pytest.raises(GuideError, match=re.escape(message)):
        read(FILE.replace(old, new, 1))


def test_another_text_has_another_hash() -> None:
    assert read()["made.001.001.01"].hash != read(FILE + "\n")["made.001.001.01"].hash


# --- types ---


@pytest.mark.parametrize(
    ("what", "right", "wrong"),
    [
        ("text 1/3", ["a", "abc", "äöü", " "], ["", "abcd"]),
        ("code 1/4", ["A", "ABCD"], ["", "ABCDE"]),
        ("digits 1/3", ["1", "001"], ["", "1234", "1.0", "-1", "٣"]),
        ("number 5/2", ["1", "-1.5", "+1.5", "0001.50", ".5", "5.", "123.45", "12345"], ["", ".", "1.234", "1234.56", "123456", "1e3", "1,5", "٣"]),
        ("number 5/2 from 0", ["0", "-0", "-0.00", "5"], ["-0.01"]),
        ("number 5/0 from 1", ["1", "12"], ["0", "-1", "1.5"]),
        ("amount 18/5", ["0", "1.00000", "1.000000"], ["-1", "1.000001"]),
        ("date", ["2026-03-02", "2024-02-29", "2026-03-02Z", "2026-03-02+14:00"], ["", "2026-02-29", "2026-3-2", "20260302", "0000-01-01", "2026-03-02T00:00:00", "2026-03-02+15:00"]),
        ("datetime", ["2026-03-02T09:15:00", "2026-03-02T23:59:59.5Z", "2026-03-02T24:00:00", "2026-03-02T09:15:00-05:00"], ["2026-03-02", "2026-03-02T09:15", "2026-03-02T24:00:01", "2026-03-02T09:60:00", "2026-03-02 09:15:00", "2026-03-02T09:15:00+0100"]),
        ("year", ["2026", "2026Z"], ["26", "2026-03"]),
        ("boolean", ["true", "false", "0", "1"], ["", "TRUE", "yes", "2"]),
        ("currency", ["EUR", "XXX"], ["eur", "EURO", "E1R"]),
        ("iban", ["GB82WEST12345698765432"], ["GB82 WEST", "82GB", "", "gb82west12345698765432"]),
        ("@way", ["IN", "OUT"], ["", "in", " IN", "OFF"]),
        ("@way? 1/3", ["IN", "OUT"], ["", "OFF", "LONG"]),
        ("~three", ["123"], ["12", "1234", "123\n"]),
    ],
)  # fmt: skip
def test_types(what: str, right: list[str], wrong: list[str]) -> None:
    check = value(what, {"way": ("IN", "OUT")}, {"three": "[0-9]{3}"}).check
    assert [text for text in right if check(text)] == []
    assert [text for text in wrong if not check(text)] == []


def test_findings_about_texts_hold_no_value() -> None:
    for what in ("text 1/3", "number 5/2", "date", "boolean", "iban", "@way", "~three"):
        fault = value(what, {"way": ("IN",)}, {"three": "[0-9]{3}"}).check("Secret")
        assert fault
        assert "Secret" not in "".join(fault)
