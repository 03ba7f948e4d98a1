"""CONTRL: what EDIFACT answers to an interchange, its groups and its messages.

UCI speaks of the interchange, UCF of a group, UCM of a message, UCS of a segment in it, UCD of an element in that.

Spec: CONTRL D.3 (annex to ISO 9735:1988, for syntax versions 1 to 3), ISO 9735-4 (CONTRL 4.1, for version 4).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from parsers.acknowledgment import Answer, Numbers, Verdict, Wish, overall, rejects, unsupported
from parsers.edifact.delimiters import ASCII_LEVELS, CHARSETS, Delimiters
from parsers.edifact.writer import write as written
from parsers.findings import Finding
from parsers.judged import JudgedGroup, JudgedInterchange, JudgedSet, Noted
from parsers.segments import Value

Segment = tuple[str, Sequence[Value]]

REJECTED, ACKNOWLEDGED, RECEIVED = "4", "7", "8"
"""0083, what becomes of this level and of all below that are not named."""

UNSPECIFIED, DUPLICATE, GROUPS_MIXED = "18", "26", "30"
_VALUE_NOT_SUPPORTED = "14"
_MISSING = "13"

SEGMENT_CODES = {
    "segment-unknown": "15",
    "segment-unexpected": "15",
    "segment-not-used": "15",
    "segment-missing": "13",
    "loop-missing": "13",
    "segment-repeats": "35",
    "loop-repeats": "36",
    "too-many-elements": "16",
    "too-many-repeats": "35",
}
"""0085 in UCS."""

ELEMENT_CODES = {
    "element-missing": "13",
    "elements-conditional": "13",
    "element-not-used": "15",
    "elements-exclusive": "15",
    "element-surplus": "16",
    "component-surplus": "16",
    "element-too-long": "39",
    "element-too-short": "40",
    "element-characters": "21",
    "element-repeats": "35",
    "code-unknown": "12",
    "date-invalid": "12",
    "time-invalid": "12",
    "balance": "12",
    "check-digit": "12",
}
"""0085 in UCD."""

ENVELOPE_CODES = {
    "count-mismatch": "29",
    "reference-mismatch": "28",
    "reference-duplicate": "26",
    "missing": "13",
    "envelope-element-missing": "13",
    "envelope-element-too-long": "39",
    "segment-out-of-place": "33",
    "trailer-out-of-place": "15",
    "binary-length": "29",
}
"""0085 in UCI, UCF and UCM, by the end of the finding's code."""

_ENVELOPE = re.compile(r"(?:un[beghpotz]-)?(" + "|".join(map(re.escape, ENVELOPE_CODES)) + ")")
_ELEMENT = re.compile(r"[A-Z0-9]{3}-(\d{1,3})(?:\.(\d{1,3}))?")
_SERVICE = frozenset({"UNA", "UNB", "UNG", "UNH", "UNO", "UNP", "UNT", "UNE", "UNZ"})
_SEGMENTS_MAX, _ELEMENTS_MAX = 999, 99


class Fault(NamedTuple):
    """Of an envelope: code, the service segment in error, and the element in it."""

    code: str = ""
    tag: str = ""
    element: Value = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    syntax: tuple[str, str]
    sender: tuple[str, ...]
    receiver: tuple[str, ...]
    test: bool
    message: tuple[str, ...]
    segments: tuple[Segment, ...]


def answer(interchange: JudgedInterchange, wish: Wish, *, duplicate: bool) -> Answer | None:
    """See `parsers.acknowledgment.answer`."""
    opened = interchange.opened
    answered = [one for one in interchange.all_sets() if one.opened.set != "CONTRL"]
    asked = opened.acknowledgment if opened.acknowledgment in {"1", "2"} else None
    receipt = asked == "2" and wish.kind != "contrl"
    if not answered or (not asked and wish.kind != "contrl") or (receipt and not wish.receipt):
        return None
    fault = Fault(DUPLICATE) if duplicate else _interchange_fault(interchange)
    sets: dict[int, Verdict] = {}
    segments: list[Segment] = []
    if fault is not None:
        sets = {one.opened.index: "rejected" for one in answered}
    elif receipt:
        sets = {one.opened.index: "accepted" for one in answered}
    else:
        whole = wish.all_or_nothing and any(rejects(one, wish) for one in answered)
        fault = Fault(UNSPECIFIED) if whole else None
        for group in interchange.groups:
            segments += _group(group, wish, sets, whole=whole)
        for one in interchange.sets:
            segments += _message(one, wish, sets, whole=whole)
    syntax, _, version = (opened.version or "UNOA").partition(":")
    action = REJECTED if fault else RECEIVED if receipt else ACKNOWLEDGED
    subject = (_party(opened.sender, opened.sender_qualifier, opened.sender_route),
               _party(opened.receiver, opened.receiver_qualifier, opened.receiver_route))  # fmt: skip
    uci = ("UCI", _filled([opened.control_number or "", *subject, action, *(fault or Fault())]))
    body = Body(
        syntax=(syntax, version or "3"),
        sender=subject[1],
        receiver=subject[0],
        test=opened.usage == "T",
        message=("CONTRL", "4", "1", "UN") if version == "4" else ("CONTRL", "D", "3", "UN"),
        segments=(uci, *segments),
    )
    return Answer(
        standard="edifact", kinds=("contrl",), usage=opened.usage, verdict="rejected" if fault else overall(sets),
        sets=sets, groups=0, messages=1, body=body,
    )  # fmt: skip


def write(answer: Answer, numbers: Numbers, at: datetime) -> bytes:
    """See `parsers.acknowledgment.write`. The syntax and the character set are those of what it answers."""
    body: Body = answer.body
    date = f"{at:%Y%m%d}" if body.syntax[1] == "4" else f"{at:%y%m%d}"
    unb: list[Value] = [body.syntax, body.sender, body.receiver, (date, f"{at:%H%M}"), str(numbers.interchange)]
    if body.test:
        unb += ["", "", "", "", "", "1"]
    segments: list[Segment] = [("UNB", unb), ("UNH", ["1", body.message]), *body.segments]
    plain = [(tag, tuple(_plain(value, body.syntax[0]) for value in elements)) for tag, elements in segments]
    repetition = "*" if body.syntax[1] == "4" else None
    return b"".join(written(plain, Delimiters(repetition=repetition)))


# --- envelopes ---


def _interchange_fault(interchange: JudgedInterchange) -> Fault | None:
    if interchange.failed:
        return _fault(interchange.findings)
    if interchange.groups and interchange.sets:
        return Fault(GROUPS_MIXED)  # CONTRL names messages in groups, or messages without.
    return None


def _group(group: JudgedGroup, wish: Wish, sets: dict[int, Verdict], *, whole: bool) -> Iterator[Segment]:
    """UCF and what stands below it.

    Args:
        whole: the interchange is rejected as one: of its messages there are only those that are the cause.
    """
    opened = group.opened
    parties = (_party(opened.sender, opened.sender_qualifier), _party(opened.receiver, opened.receiver_qualifier))
    fault = _fault(group.findings) if group.failed else Fault(UNSPECIFIED) if whole else None
    action = REJECTED if fault else ACKNOWLEDGED
    yield "UCF", _filled([opened.control_number or "", *parties, action, *(fault or Fault())])
    for one in group.sets:
        yield from _message(one, wish, sets, whole=fault is not None)


def _message(judged: JudgedSet, wish: Wish, sets: dict[int, Verdict], *, whole: bool) -> Iterator[Segment]:
    """UCM and the places of its errors; what is acknowledged has none."""
    opened = judged.opened
    if opened.set == "CONTRL":
        return
    rejected = rejects(judged, wish)
    sets[opened.index] = "rejected" if rejected or whole else "accepted"
    if whole and not rejected:
        return
    fault = Fault()
    places: list[Segment] = []
    if rejected:
        envelope = [(one, quoted) for one, quoted in judged.findings if one.severity == "error" and _is_envelope(one)]
        if unsupported(judged, wish):
            fault = Fault(_VALUE_NOT_SUPPORTED, "UNH", ("3", "1"))  # S009 is third, the tag being first.
        elif envelope:
            fault = _fault(envelope)
        places = list(_places(judged))
        if not fault.code and not places:
            fault = Fault(UNSPECIFIED if judged.whole else _MISSING, "" if judged.whole else "UNT")
    action = REJECTED if rejected else ACKNOWLEDGED
    reference = opened.control_number or ""
    if opened.set == "UNO":  # A package has its reference at the end.
        yield "UCM", _filled(["", "", action, *fault, reference])
    else:
        yield "UCM", _filled([reference, opened.identifier[:5] or (opened.set or "",), action, *fault])
    yield from places


def _is_envelope(finding: Finding) -> bool:
    return _ENVELOPE.fullmatch(finding.code.partition(".")[2]) is not None


def _fault(findings: list[Noted]) -> Fault:
    """The first error, of which there can be told one only."""
    for finding, _ in findings:
        if finding.severity == "error":
            found = _ENVELOPE.fullmatch(finding.code.partition(".")[2])
            tag = finding.segment if finding.segment in _SERVICE else ""
            code = ENVELOPE_CODES[found[1]] if found else UNSPECIFIED
            return Fault(code, tag or "", _element(finding) if tag else "")
    return Fault(UNSPECIFIED)


# --- segments and elements ---


def _places(judged: JudgedSet) -> Iterator[Segment]:
    """UCS and UCD, in the order of the message."""
    segments: dict[tuple[int, str], list[tuple[Value, str]]] = {}
    for finding in sorted(judged.errors(), key=lambda one: one.position or 0):
        name = finding.code.partition(".")[2]
        if not finding.position or _is_envelope(finding):
            continue
        element = _element(finding) if name not in SEGMENT_CODES else ""
        # What is missing is placed behind the last segment before it.
        position = finding.position - 1 if SEGMENT_CODES.get(name) == _MISSING else finding.position
        code = "" if element else SEGMENT_CODES.get(name, UNSPECIFIED)
        here = segments.setdefault((max(position, 1), code), [])
        said = (element, ELEMENT_CODES.get(name, UNSPECIFIED))
        if element and said not in here:
            here.append(said)
    for (position, code), elements in list(segments.items())[:_SEGMENTS_MAX]:
        yield "UCS", _filled([str(position), code])
        for element, wrong in elements[:_ELEMENTS_MAX]:
            yield "UCD", [wrong, element]


def _element(finding: Finding) -> Value:
    """S011 of "DTM-1.2": the tag is counted, so that element 1 stands at 2."""
    found = _ELEMENT.fullmatch(finding.element or "")
    if not found:
        return ""
    position = str(int(found[1]) + 1)
    return (position, found[2]) if found[2] else position


# --- words ---


def _party(name: str | None, qualifier: str | None, route: str | None = None) -> tuple[str, ...]:
    return tuple(str(part) for part in _filled([name or "", qualifier or "", route or ""])) or ("",)


def _filled(elements: list[Value]) -> list[Value]:
    while elements and not elements[-1]:
        elements.pop()
    return elements


def _plain(value: Value, syntax: str) -> Value:
    """Text that the interchange's character set has, and nothing that does not print."""
    if isinstance(value, tuple):
        return tuple(_plain(part, syntax) for part in value)
    codec = CHARSETS.get(syntax, "ascii" if syntax in ASCII_LEVELS else "utf-8")
    kept = "".join(mark if mark.isprintable() else "?" for mark in str(value))
    return kept.encode(codec, "replace").decode(codec)
