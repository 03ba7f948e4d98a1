"""What a partner's system may do otherwise without meaning something else: the records of a file stay the same.

Each golden file is sent again with other delimiters, other line endings, in another encoding, in envelopes that come
twice, or with segments in another order that the standard leaves to the sender.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch

FOLDER = Path(__file__).parent / "samples" / "records"

Sent = Callable[[str], str | bytes | None]
"""The file as another sender would send it; None where that one could not."""


def records(content: bytes) -> list[dict[str, Any]]:
    """Of a file, without what they say of the file itself."""
    batches = [event for event in parsers.read([content]) if isinstance(event, RecordBatch)]
    found = [msgspec.json.decode(line) for batch in batches for line in batch.ndjson.splitlines()]
    for record in found:
        del record["provenance"]
    return found


def in_any_order(value: Any) -> Any:
    """The same with its lists sorted."""
    if isinstance(value, dict):
        return {name: in_any_order(one) for name, one in value.items()}
    if isinstance(value, list):
        return sorted(map(in_any_order, value), key=msgspec.json.encode)
    return value


def others(text: str, separators: str, candidates: str) -> dict[str, str]:
    """For each separator another one, which the file does not have."""
    free = (one for one in candidates if one not in text)
    return dict(zip(separators, free, strict=False))


# --- X12 ---


def x12_one_line(text: str) -> str:
    return re.sub(re.escape(text[105]) + r"[\r\n]+", text[105], text)


def x12_other_delimiters(text: str) -> tuple[str, dict[str, str]]:
    text = x12_one_line(text)
    repetition = "" if text[82].isalnum() else text[82]
    new = others(text, text[3] + text[104] + text[105] + repetition, "|>\x1d\x1c\x1f\x1e")
    return text.translate(str.maketrans(new)), new


def x12_lines_are_segments(text: str) -> str:
    return x12_one_line(text).replace(text[105], "\n")


def x12_padded(text: str) -> str:
    """Blanks behind every element, but for those of envelopes."""
    element, terminator = text[3], text[105]
    made: list[str] = []
    for segment in x12_one_line(text).split(terminator):
        tag, separator, rest = segment.partition(element)
        padded = element.join(f"{one}  " for one in rest.split(element))
        is_envelope = tag in {"ISA", "GS", "ST", "SE", "GE", "IEA"}
        made.append(segment if is_envelope or not rest else f"{tag}{separator}{padded}")
    return terminator.join(made)


X12_REORDERED = ("REF", "DTP", "DTM", "AMT", "QTY")


def x12_reordered(text: str) -> str:
    return reordered(x12_one_line(text), text[105], text[3], X12_REORDERED)


def reordered(text: str, terminator: str, element: str, tags: tuple[str, ...]) -> str:
    """Neighbours that say by their first element what they are stand the other way round."""
    made: list[str] = []
    for tag, group in groupby(text.split(terminator), key=lambda segment: segment.split(element)[0]):
        segments = list(group)
        kinds = {re.split(r"[+:]", segment.split(element)[1])[0] for segment in segments if tag in tags}
        made += segments[::-1] if len(kinds) == len(segments) else segments
    return terminator.join(made)


# --- EDIFACT ---


def edifact_one_line(text: str) -> str:
    return re.sub(r"(?<!\?)'[\r\n]+", "'", text)


def edifact_other_delimiters(text: str) -> tuple[str, dict[str, str]]:
    text = edifact_one_line(re.sub(r"\AUNA:\+\.\? '\s*", "", text))
    new = others(text, ":+?'", "*%&;<>=!")
    body = re.sub(r"\?(.)|([+:'])", lambda found: found[1] or new[found[2]], text, flags=re.DOTALL)
    return f"UNA{new[':']}{new['+']}.{new['?']} {new[chr(39)]}{body}", new


def edifact_with_advice(text: str) -> str | None:
    return None if text.startswith("UNA") else f"UNA:+.? '\r\n{text}"


def edifact_reordered(text: str) -> str:
    return reordered(edifact_one_line(text), "'", "+", ("QTY", "PIA", "MEA"))


# --- HL7 ---


def hl7_lines(ending: str) -> Sent:
    return lambda text: re.sub(r"[\r\n]+", ending, text)


def hl7_other_delimiters(text: str) -> tuple[str, dict[str, str]]:
    new = others(text, "|^~\\&", "#!@%;*$?")
    literal = {"F": "|", "S": "^", "T": "&", "R": "~"}
    pattern = r"\\([FSTR])\\|([|^~\\&])"
    return re.sub(pattern, lambda found: literal[found[1]] if found[1] else new[found[2]], text), new


def hl7_framed(text: str) -> str | None:
    messages = [f"MSH{one}" for one in re.split(r"(?m)^MSH|(?<=[\r\n])MSH", text)[1:]]
    if not text.startswith("MSH"):
        return None
    return "".join(f"\x0b{one.rstrip()}\r\x1c\r" for one in messages)


# --- lines and documents ---


def lines_end_with(ending: str) -> Sent:
    return lambda text: ending.join(text.splitlines()) + ending


def nacha_without_lines(text: str) -> str:
    return "".join(line.ljust(94) for line in text.splitlines())


def xml_without_blanks(text: str) -> str:
    return re.sub(r">\s+<", "><", text)


def xml_with_comments(text: str) -> str:
    return re.sub(r">\s*\n\s*<(?=[A-Za-z])", "><!-- nothing\nto say --><?nor here?>\n<", text)


def xml_prefixed(text: str) -> str | None:
    """With a prefix at each element, which the namespace of the document has got."""
    if not re.match(r"\s*(<\?.*?\?>\s*)?<\w+ xmlns=", text):
        return None
    tags = r"(<!\[CDATA\[.*?\]\]>)|<(/?)(?=[A-Za-z])(?![\w.]+:)"
    made = re.sub(tags, lambda found: found[1] or f"<{found[2]}doc:", text, flags=re.DOTALL)
    return made.replace(" xmlns=", " xmlns:doc=")


def xml_in_utf_16(text: str) -> bytes:
    return re.sub(r"encoding=(['\"])[\w-]+\1", 'encoding="UTF-16"', text, count=1).encode("utf-16")


SENT: Mapping[str, Mapping[str, Sent]] = {
    "x12": {
        "in one line": x12_one_line,
        "CR LF behind each segment": lambda text: x12_one_line(text).replace(text[105], f"{text[105]}\r\n"),
        "a line a segment": x12_lines_are_segments,
        "blanks behind elements": x12_padded,
    },
    "edifact": {
        "in one line": edifact_one_line,
        "CR LF behind each segment": lambda text: re.sub(r"(?<!\?)'", "'\r\n", edifact_one_line(text)),
        "UNA with what stands without it": edifact_with_advice,
    },
    "hl7": {
        "LF": hl7_lines("\n"),
        "CR LF": hl7_lines("\r\n"),
        "in frames": hl7_framed,
    },
    "nacha": {"LF": lines_end_with("\n"), "CR LF": lines_end_with("\r\n"), "no line endings": nacha_without_lines},
    "bai2": {"LF": lines_end_with("\n"), "CR LF": lines_end_with("\r\n")},
    "swift-mt": {"LF": lines_end_with("\n"), "CR LF": lines_end_with("\r\n")},
    "iso20022": {
        "no blanks between elements": xml_without_blanks,
        "comments between elements": xml_with_comments,
        "CR LF": lines_end_with("\r\n"),
        "a prefix": xml_prefixed,
        "UTF-16": xml_in_utf_16,
    },
}

DELIMITED: Mapping[str, Callable[[str], tuple[str, dict[str, str]]]] = {
    "x12": x12_other_delimiters,
    "edifact": edifact_other_delimiters,
    "hl7": hl7_other_delimiters,
}

REORDERED: Mapping[str, Callable[[str], str]] = {"x12": x12_reordered, "edifact": edifact_reordered}


def golden(standards: Iterable[str]) -> list[Path]:
    return [
        path
        for standard in sorted(standards)
        for path in sorted((FOLDER / standard).iterdir())
        if not path.name.endswith(".records.json")
    ]


def name_of(path: object) -> str:
    return f"{path.parent.name}/{path.stem}" if isinstance(path, Path) else str(path)


def sent_by(path: Path, how: Callable[[str], str | bytes | None]) -> bytes | None:
    sent = how(path.read_bytes().decode())
    return sent.encode() if isinstance(sent, str) else sent


@pytest.mark.parametrize(
    ("path", "how"),
    [
        (path, name)
        for path in golden(SENT)
        for name, how in SENT[path.parent.name].items()
        if sent_by(path, how) not in {None, path.read_bytes()}
    ],
    ids=name_of,
)
def test_sent_otherwise(path: Path, how: str) -> None:
    sent = sent_by(path, SENT[path.parent.name][how])
    assert sent is not None
    assert records(sent) == records(path.read_bytes())


@pytest.mark.parametrize("path", golden(DELIMITED), ids=name_of)
def test_other_delimiters(path: Path) -> None:
    """A separator that is left in a text stands there because its sender had forgotten to escape it."""
    text = path.read_bytes().decode()
    sent, new = DELIMITED[path.parent.name](text)
    assert not set(new.values()) & set(text)
    found = msgspec.json.encode(records(sent.encode())).decode()
    for old, one in new.items():
        found = found.replace(json_text(one), json_text(old))
    assert msgspec.json.decode(found) == records(text.encode())


def json_text(text: str) -> str:
    return msgspec.json.encode(text).decode()[1:-1]


@pytest.mark.parametrize("path", golden(REORDERED), ids=name_of)
def test_in_another_order(path: Path) -> None:
    sent = REORDERED[path.parent.name](path.read_bytes().decode())
    assert in_any_order(records(sent.encode())) == in_any_order(records(path.read_bytes()))


@pytest.mark.parametrize("path", golden(SENT.keys() - {"iso20022"}), ids=name_of)
def test_envelopes_that_come_again(path: Path) -> None:
    content = path.read_bytes()
    assert records(content * 2) == records(content) * 2
