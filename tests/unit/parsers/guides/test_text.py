"""What a guide or overlay file may not say, and that its author is told where and what to write instead."""

import random
import re
from pathlib import Path

import pytest

from parsers.guides import files, shelf
from parsers.guides.overlay import lay_over, read_overlay
from parsers.guides.tables import Tables
from parsers.guides.text import GuideError, read_guide
from parsers.judging import check
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
    ('versions = ["004010"]', 'versions = "004010"', "versions"),
    ('standard = "x12"', 'standard = "x13"', "x13"),
    ('standard = "x12"', 'standard = "x12"\ndictionary = "none"', "none"),
    ('notes = ["C0405"]', 'notes = ["C0499"]', "C0499"),
    ('kind = "gln"', 'kind = "glm"', "kind"),
    ('at = "N104"', "at = []", "at"),
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


RULES = [
    ('[[balance]]\nloop = "XX"\ntotal = "CTT01"\nterms = ["+count(PO1)"]', "balance of CTT01: .*`XX`"),
    ('[[balance]]\nloop = ""\ntotal = "CTT"\nterms = ["+count(PO1)"]', "balance of CTT: `CTT` is no element"),
    ('[[balance]]\nloop = ""\ntotal = "CTT01"\nterms = ["count(PO1)"]', r"`count\(PO1\)` is no term"),
    ('[[check]]\nkind = "gln"\nat = "N1-4"', "check of N1-4: `N1-4` is no element"),
    ('[[check]]\nkind = "gln"\nat = "N104"\nwhere = { N1 = ["UL"] }', "check of N104: `N1` is no element"),
    (
        '[[situation]]\nname = "a"\nloop = "N1"\nwhen = { N101 = [] }\nrequire = ["N1"]\nmessage = "m"\nhint = "h"',
        "situation of a: `N1`",
    ),
]


@pytest.mark.parametrize(("rule", "told"), RULES)
def test_a_rule_that_speaks_of_nothing_says_so(rule: str, told: str) -> None:
    overlay = read_overlay(f'id = "a"\nextends = "b"\n{rule}\nsource = "A"\n', "a.toml")
    with pytest.raises(GuideError, match=f"^a.toml: .*{told}"):
        check(lay_over(read_guide(GUIDE, "small.toml"), overlay), "a.toml")


@pytest.mark.parametrize("seed", range(100))
def test_a_damaged_guide_is_read_or_told_of(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  Dice, not keys.
    text = GUIDE
    for _ in range(dice.randint(1, 3)):
        words = list(re.finditer(r"[\w@:/.*+|-]+|\"[^\"\n]*\"|\[[^\]\n]*\]", text))
        found, other = dice.choice(words), dice.choice(words)
        instead = dice.choice(["", other[0], "[]", "-1", "99999999999", '""', "[[1]]", "(", "R x0", "count("])
        text = text[: found.start()] + instead + text[found.end() :]
    try:
        guide = read_guide(text, "small.toml")
        check(guide, "a.toml")
    except GuideError:
        return
    judged(file_of(*CLEAN), text, guide=guide.id)


def test_a_format_that_is_none_is_told_of() -> None:
    text = files.texts("swift-mt")["mt940.toml"]
    with pytest.raises(GuideError, match="swift-mt/940: 20 cannot be made into a pattern"):
        check(read_guide(text.replace('"16x"', '"[16x"', 1), "mt940.toml"), "mt940.toml")


def test_a_dictionary_gives_what_a_guide_leaves_out() -> None:
    text = 'id="a"\nstandard="hl7"\ndictionary="v2"\nset="ADT^A20"\nversions=["2.*"]\ntitle="a"\n'
    order = '[structure]\norder="""\nMSH R 1\nNPU R 1\n"""\n'
    leaning = read_guide(text + order, "a.toml")
    own = read_guide(text + order + '[segments.NPU]\nelements = ["R"]\n', "a.toml")
    alone = read_guide((text + order).replace('dictionary="v2"\n', ""), "a.toml")
    defined = [
        [(spec.tag, len(spec.elements)) for child in guide.root.children for spec in child.specs]  # type: ignore[union-attr]  # There are no loops.
        for guide in (leaning, own, alone)
    ]
    assert defined == [[("MSH", 25), ("NPU", 2)], [("MSH", 25), ("NPU", 1)], [("MSH", 0), ("NPU", 0)]]
    assert "B" in leaning.sources
    assert leaning.hash != alone.hash


def test_a_change_it_does_not_know_is_refused() -> None:
    with pytest.raises(GuideError, match=r"a.toml: change\[0\]: .*lenght"):
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
