r"""The sixty hard cases of the field by number: files of our own making, and all that must be said of each.

A vector is a header, a blank line and a payload. The header has these keys; those in brackets may be left out:

    case: 2, 3: in words        the numbers that it is a variant of, and what is odd about this file
    source: X12.5, segment ISA  where it is written that this is right; "written for this case" where nowhere
    expect: one line for each thing that `parsers.segments` says, in order, what opens left out:
            is x12 00501 ascii                              what it is: standard, version, encoding
            error x12.se01-count-mismatch @262 SE*4         a finding, its byte, and what stands there in the file
            set rejected                                    the verdict of a set, group or interchange
            complete, interchanges 1, sets 1                the outcome; behind a colon its reason
            set accepted (10000 times)                      the same line again and again
    [read]      the same for `parsers.read`, where it says more than that sets without a map are unsupported
    [opened]    each interchange, group and set with what is kept of its header
    [elements]  NM103 = "Alba": all of this name in the file, in order
    [raw]       binary @180 31: what is no segment: its kind, byte, and how many bytes
    [lines]     how a payload's lines end: "\n" unless it says "end with \r", "parted by \r" (not the last), or "joined"
    [bytes]     "escaped": \xNN, \r, \n and \\ stand for bytes, and a line that ends with \ goes on in the next
    [encoding]  of the payload, "utf-8" unless it says otherwise
    [repeat]    NAME = 3 x TEXT: what NAME stands for in the payload; ### in TEXT counts: 001, 002, 003
    [wrap]      "gzip", "tar NAME", "zip NAME NAME", "locked-zip NAME": what the payload is put into, the innermost first
    [cut]       so many bytes are kept of all that
    [layout]    a layout of `LAYOUTS`
    [xfail]     why it fails today
"""

import gzip
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import msgspec
import pytest

import parsers
from parsers.events import (
    Finished,
    GroupClosed,
    GroupOpened,
    Identified,
    InterchangeClosed,
    InterchangeOpened,
    SetClosed,
    SetOpened,
)
from parsers.findings import Finding
from parsers.layout import layout_from
from parsers.segments import Element, LoopClosed, LoopOpened, Raw, Segments
from tests.fuzz import promises

ROOT = Path(__file__).parent / "vectors"

LATER = {
    10: [("guide", "which segment a separator inside of data has torn apart")],
    17: [("bench", "files of a gigabyte, a million claims")],
    20: [("receiving", "an upload that is not finished is not read")],
    22: [("guide", "the order of HL, their parents and children")],
    25: [("guide", "GS08 under another name, ISA12 against GS08"), ("door", "a test file at the production door")],
    26: [("guide", "a set or guide that nobody knows")],
    27: [("records", "claim payments, their reversals and adjustments")],
    28: [("records", "dates, times and amounts as values")],
    36: [("guide", "association assigned codes")],
    46: [("door", "MLLP: frames in packets, slow, too large, sent again, never acknowledged")],
    54: [("unwrap", "what is in archives and encrypted files")],
    56: [("receiving", "files that are still being written, or written again")],
    57: [("receiving", "the same content or name again")],
    58: [("unwrap", "MIME parts and their encodings")],
    59: [("console", "how ids with control characters are shown")],
    60: [("acknowledgment", "what is answered to what")],
}
"""What a case asks of layers above the lossless level; what that level sees of it is in the vectors."""

LAYOUTS = {
    "payroll": layout_from({
        "name": "payroll",
        "columns": "characters",
        "records": [
            {"name": "header", "when": {"start": 1, "text": "H"}, "fields": [
                {"name": "kind", "length": 1}, {"name": "day", "length": 8, "type": "date"},
            ]},
            {"name": "line", "fields": [
                {"name": "employee", "length": 5}, {"name": "name", "length": 10},
                {"name": "pay", "length": 8, "type": "money", "decimals": 2}, {"name": "note", "length": 12},
            ]},
        ],
    }),
    "packed": layout_from({
        "name": "packed",
        "line_ends": False,
        "record_length": 12,
        "charset": "cp037",
        "records": [
            {"name": "line", "fields": [
                {"name": "account", "length": 8}, {"name": "amount", "length": 4, "type": "packed", "decimals": 2},
            ]},
        ],
    }),
}  # fmt: skip


# --- from a vector to its bytes -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Vector:
    """Attributes:
    said: the lines of the header by their key.
    """

    cases: frozenset[int]
    said: dict[str, list[str]]
    body: str

    def one(self, key: str, default: str = "") -> str:
        return self.said.get(key, [default])[0]


KEYS = frozenset(re.findall(r"^    \[?(\w+)[]:]", str(__doc__), re.MULTILINE))
ONCE = KEYS - {"expect", "read", "opened", "elements", "raw", "repeat", "wrap"}
_ESCAPE = re.compile(r"\\x([0-9A-F]{2})|\\([rn\\])")
_PLAIN = {"r": "\r", "n": "\n", "\\": "\\"}


def vector_of(path: Path) -> Vector:
    header, _, body = path.read_bytes().decode().partition("\n\n")
    said: dict[str, list[str]] = {}
    for line in header.split("\n"):
        key, colon, value = line.partition(":")
        assert colon, f"{path}: no key: {line}"
        assert key in KEYS, f"{path}: {key}"
        said.setdefault(key, []).append(value.removeprefix(" "))
    assert {"case", "source", "expect"} <= said.keys(), path
    assert all(len(said.get(key, ())) < 2 for key in ONCE), path
    numbers, _, words = said["case"][0].partition(": ")
    assert words, path
    cases = frozenset(int(number) for number in numbers.split(", "))
    return Vector(cases, said, body)


def data_of(body: str, said: dict[str, list[str]]) -> bytes:
    for line in said.get("repeat", ()):
        name, count, text = re.fullmatch(r"(\w+) = (\d+) x (.+)", line).groups()  # type: ignore[union-attr]
        body = body.replace(name, repeated(text, int(count)))
    charset = said.get("encoding", ["utf-8"])[0]
    kind = re.fullmatch(r"(end with|parted by|joined) ?(.*)", said.get("lines", [r"end with \n"])[0])
    assert kind is not None, "lines"
    ending = unescaped(kind[2], charset)
    assert not body or body.endswith("\n"), "the last line of a vector ends"
    lines = body.split("\n")[:-1]
    if "bytes" in said:
        assert said["bytes"] == ["escaped"]
        made = [
            unescaped(line[:-1], charset) if _goes_on(line) else unescaped(line, charset) + ending for line in lines
        ]
    else:
        made = [line.encode(charset) + ending for line in lines]
    if kind[1] == "parted by":
        made[-1] = made[-1].removesuffix(ending)
    data = b"".join(made)
    for wrapping in said.get("wrap", ()):
        data = wrapped(data, *wrapping.split(" "))
    return data[: int(said["cut"][0])] if "cut" in said else data


def repeated(text: str, count: int) -> str:
    if "#" not in text:
        return text * count
    return "".join(re.sub("#+", lambda found: str(n).zfill(len(found[0])), text) for n in range(1, count + 1))  # noqa: B023  called at once


def unescaped(text: str, charset: str) -> bytes:
    made, at = b"", 0
    for found in _ESCAPE.finditer(text):
        made += text[at : found.start()].encode(charset)
        made += bytes.fromhex(found[1]) if found[1] else _PLAIN[found[2]].encode(charset)
        at = found.end()
    return made + text[at:].encode(charset)


def _goes_on(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def wrapped(data: bytes, kind: str, *names: str) -> bytes:
    if kind == "gzip":
        return gzip.compress(data, mtime=0)
    made = io.BytesIO()
    if kind == "tar":
        with tarfile.open(fileobj=made, mode="w") as archive:
            info = tarfile.TarInfo(names[0])
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        return made.getvalue()
    assert kind in {"zip", "locked-zip"}, kind
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as pack:
        for name in names:
            pack.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    packed = bytearray(made.getvalue())
    if kind == "locked-zip":
        packed[6] |= 1  # General purpose bit 0: encrypted.
    return bytes(packed)


# --- what is said of it ---------------------------------------------------------------------------------------------


def transcript(items: list) -> list[str]:
    lines = list(_lines(items))
    counted = [(line, len(list(same))) for line, same in groupby(lines)]
    return [line if count == 1 else f"{line} ({count} times)" for line, count in counted]


def _lines(items: list) -> Iterator[str]:
    for item in items:
        match item:
            case Identified():
                said = filter(None, (item.standard, item.version, item.encoding))
                yield f"is {' '.join(said)}" + (f" in {item.wrapped}" if item.wrapped else "")
            case Finding():
                yield f"{item.severity} {item.code}" + ("" if item.offset is None else f" @{item.offset}")
            case SetClosed() | GroupClosed() | InterchangeClosed():
                yield f"{type(item).__name__.removesuffix('Closed').lower()} {item.verdict}"
            case LoopOpened():
                yield f"loop {item.code} opens"
            case LoopClosed():
                yield f"loop {item.code} closes" + ("" if item.trailer_seen else " without trailer")
            case Finished():
                reason = f": {item.reason}" if item.reason else ""
                yield f"{item.outcome}, interchanges {item.interchanges}, sets {item.sets}{reason}"


_ORDINALS = frozenset({"index", "offset", "interchange", "group", "standard"})
_FOR_ANSWERS = frozenset(
    {"identifier", "separators", "charset", "sent_at", "acknowledgment", "sender_route", "receiver_route"}
    | {"accept_acknowledgment", "application_acknowledgment"}
)
"""Kept of headers for acknowledgments alone, whose tests look at them."""


def opened(items: list) -> Iterator[str]:
    for item in items:
        if isinstance(item, InterchangeOpened | GroupOpened | SetOpened):
            kept = {
                key: value
                for key, value in msgspec.structs.asdict(item).items()
                if value is not None and key not in _ORDINALS and key not in _FOR_ANSWERS
            }
            level = type(item).__name__.removesuffix("Opened").lower()
            yield " ".join([level, *(f"{key}={quoted(value)}" for key, value in kept.items())])


def elements(items: list, names: set[str]) -> Iterator[str]:
    for item in items:
        if isinstance(item, Segments):
            for index in range(len(item)):
                for element in item.elements(index):
                    yield from _leaves(element, names)


def _leaves(element: Element, names: set[str]) -> Iterator[str]:
    if element.text is not None and element.name in names:
        yield f"{element.name} = {quoted(element.text)}"
    for part in [*(element.repetitions or ()), *(element.components or ())]:
        yield from _leaves(part, names)


def quoted(text: str) -> str:
    """As JSON, with all that does not print escaped."""
    made = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in made)


def raw(items: list) -> Iterator[str]:
    parts = [(item.kind, item.offset, item.end) for item in items if isinstance(item, Raw)]
    whole: list[tuple[str, int, int]] = []
    for kind, offset, end in parts:
        if whole and whole[-1][0] == kind and whole[-1][2] == offset:
            whole[-1] = (kind, whole[-1][1], end)
        else:
            whole.append((kind, offset, end))
    for kind, offset, end in whole:
        yield f"{kind} @{offset} {end - offset}"


_FINDING = re.compile(r"(?P<said>(?:error|warning|info) \S+ @(?P<offset>\d+))(?: (?P<text>.+))?")


def without_quotations(lines: list[str], vector: Vector, data: bytes) -> list[str]:
    """Lines that must be said, without what stands in the file there, which does."""
    made = []
    for line in lines:
        found = _FINDING.fullmatch(line)
        if found and found["text"]:
            charset = vector.one("encoding", "utf-8")
            there = unescaped(found["text"], charset) if "bytes" in vector.said else found["text"].encode(charset)
            assert data.startswith(there, int(found["offset"])), f"{line}: it does not stand there"
        made.append(found["said"] if found else line)
    return made


# --- the tests ------------------------------------------------------------------------------------------------------

PATHS = sorted(ROOT.glob("*/*.vector"))
VECTORS = {f"{path.parent.name}/{path.stem}": vector_of(path) for path in PATHS}


def _param(name: str, vector: Vector):
    reason = vector.one("xfail")
    return pytest.param(vector, id=name, marks=[pytest.mark.xfail(reason=reason, strict=True)] if reason else [])


@pytest.mark.parametrize("vector", [_param(*one) for one in VECTORS.items()])
def test_what_is_said_of_a_hard_case(vector):
    said = vector.said
    data = data_of(vector.body, said)
    layout = LAYOUTS[vector.one("layout")] if "layout" in said else None
    items = list(parsers.segments([data], layout=layout))
    expected = without_quotations(said["expect"], vector, data)
    assert transcript(items) == expected
    for key, there in (("opened", opened(items)), ("raw", raw(items))):
        if key in said:
            assert list(there) == said[key]
    if "elements" in said:
        names = {line.partition(" = ")[0] for line in said["elements"]}
        assert list(elements(items, names)) == said["elements"]
    assert b"".join(item.data for item in items if isinstance(item, Segments | Raw)) == data
    if layout is None:
        promises.hold(data, max(61, len(data) // 64))
        read = transcript(list(parsers.read([data])))
        if "read" in said:
            assert read == without_quotations(said["read"], vector, data)
        elif items[0].standard != "csv":  # Only the lossless level reads shapes.
            assert as_of_segments(read) == as_of_segments(expected)


def as_of_segments(lines: list[str]) -> list[str]:
    """What `read` says besides: of its records, and that there are none; what it leaves out: loops."""
    of_records = re.compile(
        r"\w+ [\w-]+\.(?:no-records|segment-passed-over|record-too-long|not-a-(?:number|date|moment)) "
    )
    lines = [line for line in lines if not line.startswith("loop ") and not of_records.match(line)]
    lines = [line.replace("set unsupported", "set accepted") for line in lines]
    if lines[-1].startswith("complete"):
        lines[-1] = lines[-1].partition(":")[0]
    return lines


def test_every_case_has_its_place():
    shown = set().union(*(vector.cases for vector in VECTORS.values()))
    assert shown == set(range(1, 61))
    assert LATER.keys() <= shown, "what a layer above must do has a file here, too"


def test_a_file_name_begins_with_the_number_of_its_first_case():
    for name, vector in VECTORS.items():
        assert int(name.partition("/")[2][:2]) in vector.cases, name


def test_the_docstring_names_all_keys():
    assert {"case", "expect", "read", "lines", "xfail"} <= KEYS
