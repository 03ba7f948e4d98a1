"""What a guide or overlay file may not say, and that its author is told where and what to write instead."""

import re
from pathlib import Path

import pytest

from parsers.guides import shelf
from parsers.guides.overlay import lay_over, read_overlay
from parsers.guides.tables import Tables
from parsers.guides.text import GuideError, read_guide
from parsers.x12.delimiters import Delimiters
from parsers.x12.dialect import dialect
from tests.unit.parsers.guides.sample import CLEAN, GUIDE, changed, file_of, judged, places

WRONG = [
    ("title = ", "titel = ", "titel"),
    ('versions = ["004010"]', "", "versions"),
    ("BEG  R 1", "BEG  X 1", "line 2"),
    ("  N1 R 1", "   N1 R 1", "two blanks"),
    ("@purpose", "@porpose", "porpose"),
    ('"S AN 1/5", "S DT', '"AN 1/5", "S DT', "element 3"),
    ('"S AN 1/5", "S DT', '"S AN 5/1", "S DT', "smallest"),
    ('notes = ["C0405"]', 'notes = ["X0405"]', "X0405"),
    ('kind = "gln"', 'kind = "gln"\nlevle = 3', "levle"),
    ("[codes]", "[codes", "TOML"),
]


@pytest.mark.parametrize(("right", "wrong", "told"), WRONG)
def test_a_guide_that_cannot_be_read_says_where(right: str, wrong: str, told: str) -> None:
    assert right in GUIDE
    with pytest.raises(GuideError, match="small.toml.*" + told):
        read_guide(GUIDE.replace(right, wrong, 1), "small.toml")


OVERLAY = """
id = "acme"
extends = "x12/004010/850-small"
version = "3"
[[change]]
at = "BEG/02"
length = "5/5"
[[change]]
at = "BEG/01"
add_codes = ["07"]
[[change]]
at = "N1/N1/02"
use = "R"
[[change]]
at = "REF=CO"
use = "R"
[[change]]
at = "PO1"
max = 1
"""


def overlaid(data: bytes) -> list[tuple[str, str, int | None, str | None]]:
    return places(judged(data, OVERLAY, guide="acme")[0])


def test_an_overlay_tightens_and_loosens() -> None:
    assert overlaid(changed(2, "BEG*07*PO123")) == [
        ("segment-missing", "REF", 4, None),
        ("loop-repeats", "PO1", 6, None),
    ]
    assert ("element-too-short", "BEG/02", 2, "BEG02") in overlaid(changed(2, "BEG*00*PO1"))
    assert ("element-missing", "N1/N1/02", 4, "N102") in overlaid(changed(4, "N1*SE"))


def test_its_id_and_hash_stand_on_the_set() -> None:
    _, (closed,), _ = judged(file_of(*CLEAN), OVERLAY, guide="acme")
    _, (plain,), _ = judged(file_of(*CLEAN))
    assert closed.guide == "x12/004010/850-small+acme@3"
    assert closed.guide_hash != plain.guide_hash


@pytest.mark.parametrize(
    ("at", "told"),
    [("BEG/09", "6 elements"), ("XYZ", "no such place"), ("N1/BEG", "no such place"), ("PO1/PO1/05-7", "2 components")],
)
def test_an_overlay_that_does_not_fit_says_where(at: str, told: str) -> None:
    overlay = f'id = "a"\nextends = "x12/004010/850-small"\n[[change]]\nat = "{at}"\nuse = "R"\n'
    with pytest.raises(GuideError, match=f"a.toml: change at `{at}`.*{told}"):
        lay_over(read_guide(GUIDE, "small.toml"), read_overlay(overlay, "a.toml"))


def test_a_change_it_does_not_know_is_refused() -> None:
    with pytest.raises(GuideError, match=r"a.toml: change 1: .*lenght"):
        read_overlay('id = "a"\nextends = "b"\n[[change]]\nat = "BEG"\nlenght = "1/2"\n', "a.toml")


def test_the_examples_of_the_page_work() -> None:
    page = (Path(__file__).parents[4] / "docs" / "guides.md").read_text()
    overlay, agreement, guide = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    base = shelf.by_id("x12/005010X222A1")
    assert base is not None
    laid = lay_over(base, read_overlay(overlay, "page"))
    Tables(laid, dialect(Delimiters("*", ":", "~", "^")))
    assert laid.id == "x12/005010X222A1+acme-837p@3"
    assert 'guide = "acme-837p"' in agreement
    own = read_guide(guide, "page")
    Tables(own, dialect(Delimiters("*", ":", "~", "^")))
    assert own.sets == ("850",)
