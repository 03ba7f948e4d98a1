"""Guides out of the maps that come with the pyx12 package: HIPAA's implementation guides, as XML.

The maps are read from the installed package when they are needed, and are no part of this one. Loops that only wrap
(envelopes, HEADER, DETAIL, FOOTER) are left out, since nobody calls them so in a path.
"""

import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from parsers.guides.model import UNBOUNDED, ElementSpec, Guide, Loop, Position, SegmentSpec

SOURCE = "pyx12 4.0.0 (BSD), map "


class Map(NamedTuple):
    """Attributes:
    versions: that it judges; addenda and errata of one guide differ in little that a map says.
    """

    file: str
    set: str
    version: str
    versions: tuple[str, ...]
    title: str


MAPS = (
    Map("837.5010.X222.A1.xml", "837", "005010X222A1", ("005010X222*",), "Health care claim: professional"),
    Map("837Q3.I.5010.X223.A1.xml", "837", "005010X223A2", ("005010X223*",), "Health care claim: institutional"),
    Map("835.5010.X221.A1.xml", "835", "005010X221A1", ("005010X221*",), "Health care claim payment"),
    Map("834.5010.X220.A1.xml", "834", "005010X220A1", ("005010X220*",), "Benefit enrollment"),
    Map("820.5010.X218.xml", "820", "005010X218", ("005010X218*",), "Premium payment"),
    Map("277.5010.X214.xml", "277", "005010X214", ("005010X214*",), "Claim acknowledgment"),
    Map("999.5010X231.A1.xml", "999", "005010X231A1", ("005010X231*",), "Implementation acknowledgment"),
    Map("837.4010.X098.A1.xml", "837", "004010X098A1", ("004010X098*",), "Health care claim: professional"),
    Map("837.4010.X096.A1.xml", "837", "004010X096A1", ("004010X096*",), "Health care claim: institutional"),
    Map("837.4010.X097.A1.xml", "837", "004010X097A1", ("004010X097*",), "Health care claim: dental"),
    Map("835.4010.X091.A1.xml", "835", "004010X091A1", ("004010X091*",), "Health care claim payment"),
    Map("834.4010.X095.A1.xml", "834", "004010X095A1", ("004010X095*",), "Benefit enrollment"),
    Map("820.4010.X061.A1.xml", "820", "004010X061A1", ("004010X061*",), "Premium payment"),
    Map("270.4010.X092.A1.xml", "270", "004010X092A1", ("004010X092*",), "Eligibility inquiry"),
    Map("271.4010.X092.A1.xml", "271", "004010X092A1", ("004010X092*",), "Eligibility response"),
    Map("276.4010.X093.A1.xml", "276", "004010X093A1", ("004010X093*",), "Claim status request"),
    Map("277.4010.X093.A1.xml", "277", "004010X093A1", ("004010X093*",), "Claim status response"),
)

_WRAPPERS = frozenset({"HEADER", "DETAIL", "FOOTER", "TABLE1", "TABLE2", "TABLE3"})
_DATES = ("DT", "TM")


@cache
def content(file: str) -> bytes:
    """A file of the package, read once. Raises FileNotFoundError: the package lacks it."""
    return files("pyx12").joinpath("map", file).read_bytes()


def preload() -> None:
    """Read every file that may be asked for, while files can be opened."""
    for one in ("dataele.xml", "codes.xml", *(one.file for one in MAPS)):
        content(one)


@cache
def _data_elements() -> Mapping[str, tuple[str, int, int]]:
    """Number of a data element → type, and the smallest and largest length."""
    return {
        one.attrib["ele_num"]: (one.attrib["data_type"], int(one.attrib["min_len"]), int(one.attrib["max_len"]))
        for one in ET.fromstring(content("dataele.xml"))  # noqa: S314  See the import.
    }


@cache
def _code_sets() -> Mapping[str, frozenset[str]]:
    """External code lists by their name."""
    return {
        one.findtext("id", ""): frozenset((code.text or "").strip() for code in one.iter("code"))
        for one in ET.fromstring(content("codes.xml")).iter("codeset")  # noqa: S314  See the import.
    }


def read_map(one: Map) -> Guide:
    """The guide that a map describes."""
    root = ET.fromstring(content(one.file))  # noqa: S314  See the import.
    transaction = next(loop for loop in root.iter("loop") if _text(loop, "xid") == "ST_LOOP")
    children = tuple(_numbered(_children(transaction)))
    digest = hashlib.sha256()
    for file in (one.file, "dataele.xml", "codes.xml"):
        digest.update(content(file))
    return Guide(
        id=f"x12/{one.version}",
        standard="x12",
        sets=(one.set,),
        versions=one.versions,
        title=one.title,
        root=Loop(id=one.set, order=0, usage="R", children=children),
        sources={"map": SOURCE + one.file},
        unchecked=(
            "situational rules between segments, unless an overlay says them",
            "code lists of others: diagnoses, procedures, drugs, revenue, adjustment reasons",
        ),
        hash=digest.hexdigest(),
    )


Build = Callable[[int], Position | Loop]


def _numbered(builders: Iterator[tuple[tuple[int, ...], Build]]) -> Iterator[Position | Loop]:
    """Positions in their order: equal places keep one number."""
    found = sorted(builders, key=lambda pair: pair[0])
    order, last = 0, None
    for place, build in found:
        order += place != last
        last = place
        yield build(order)


def _children(loop: ET.Element) -> Iterator[tuple[tuple[int, ...], Build]]:
    for child in loop:
        if child.tag not in {"loop", "segment"}:
            continue
        place = int(_text(child, "pos"))
        if child.tag == "segment":
            yield (place,), _position(child)
        elif _text(child, "xid") in _WRAPPERS or _text(child, "type") == "wrapper":
            for inner, build in _children(child):
                yield (place, *inner), build
        else:
            yield (place,), _loop(child)


def _position(segment: ET.Element) -> Build:
    spec = SegmentSpec(
        tag=_text(segment, "xid"),
        label=_label(segment),
        notes=tuple(note.text.strip() for note in segment.findall("syntax") if note.text and _is_note(note.text)),
        elements=tuple(
            _element(one)
            for one in sorted(
                (one for one in segment if one.tag in {"element", "composite"}), key=lambda one: int(_text(one, "seq"))
            )
        ),
    )
    usage, most = _text(segment, "usage"), _most(segment, "max_use")
    return lambda order: Position(order=order, specs=(spec,), usage=usage, max=most)  # type: ignore[arg-type]  # R, S or N.


def _loop(loop: ET.Element) -> Build:
    children = tuple(_numbered(_children(loop)))
    name, usage, most, label = _text(loop, "xid"), _text(loop, "usage"), _most(loop, "repeat"), _label(loop)
    return lambda order: Loop(id=name, order=order, usage=usage, max=most, children=children, label=label)  # type: ignore[arg-type]  # R, S or N.


_PERIOD = "1251"
"""The data element whose format the element before it names: D8, RD8 …"""


def _element(one: ET.Element) -> ElementSpec:
    if _text(one, "xid") == "ST03":
        # It chose the guide: addenda and errata are names of the same.
        return ElementSpec(usage="S", type="AN", min=1, max=35)
    usage: Any = _text(one, "usage")
    repeat = _most(one, "repeat") if _text(one, "repeat") else 1
    if one.tag == "composite":
        parts = sorted(one.findall("element"), key=lambda part: int(_text(part, "seq")))
        return ElementSpec(usage=usage, repeat=repeat, label=_label(one), components=tuple(map(_element, parts)))
    number = _text(one, "data_ele")
    kind, low, high = _data_elements().get(number, ("AN", 1, UNBOUNDED))
    codes, external = _codes(one)
    return ElementSpec(
        usage=usage,
        type="period" if number == _PERIOD else kind,
        min=low,
        max=high,
        codes=codes,
        open=external,
        pattern=_text(one, "regex"),
        repeat=repeat,
        label=_label(one),
    )


_A_GUIDE = re.compile(r"00\d{4}X\d{3}\w*")


def _codes(one: ET.Element) -> tuple[frozenset[str] | None, bool]:
    listed = one.find("valid_codes")
    if listed is None:
        return None, False
    codes = frozenset((code.text or "").strip() for code in listed.findall("code"))
    codes |= {code[:10] for code in codes if _A_GUIDE.fullmatch(code)}  # Addenda are names of the same guide.
    external = listed.get("external")
    if external:
        more = _code_sets().get(external)
        return (codes | more, True) if more else (None, False)
    return codes or None, False


def _label(one: ET.Element) -> str:
    """What pyx12 calls it."""
    return re.sub(r"\b[A-Z][a-z]+\b", lambda word: word[0].lower(), _text(one, "name"))


def _text(one: ET.Element, key: str) -> str:
    return one.get(key) or one.findtext(key) or ""


def _most(one: ET.Element, key: str) -> int:
    text = _text(one, key)
    return int(text) if text.isdigit() else UNBOUNDED


def _is_note(text: str) -> bool:
    return len(text.strip()) >= 5 and text.strip()[0] in "PRECL" and text.strip()[1:].isdigit()
