"""TA1, 997 and 999: what X12 answers to an interchange, its groups and its sets.

One interchange goes back: TA1 first where there is one, then for each group of the other side a group of ours (FA) with
one 997 or 999. Whatever was the sender's is written so that it holds none of our separators.

Spec: X12.5 (TA1), X12.20 (997), X12 005010X231A1 (999).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from parsers.acknowledgment import Answer, Numbers, Verdict, Wish, overall, rejects, unsupported
from parsers.findings import Finding
from parsers.judged import JudgedGroup, JudgedInterchange, JudgedSet
from parsers.segments import Value
from parsers.x12.writer import USUAL, Writer

Kind = Literal["997", "999"]
Segment = tuple[str, Sequence[Value]]

IMPLEMENTATION = "005010X231A1"
"""Of every 999 that we write. Adopted with the HIPAA guides of 005010."""

_HIPAA = re.compile(r"00[5-9]\d{3}X\d{3}")
_VERSION = re.compile(r"\d{6}[A-Z0-9]{0,6}")
_ELEMENT = re.compile(r"(\d\d)(?:-(\d{1,2}))?")
_LOOP = re.compile(r"[A-Z0-9]{1,6}")
_TAG = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_FUNCTIONAL_ACKNOWLEDGMENT = "FA"
_QUOTED_MAX = 99
_CODES_MAX = 5
"""AK502 to AK506, AK905 to AK909."""

NOTES = {
    "iea02-control-mismatch": "001",
    "iea01-count-mismatch": "021",
    "iea-missing": "023",
    "segment-cut-off": "023",
    "terminator-missing": "004",
    "isa-width": "022",
    "envelope-element-too-long ISA06": "006",
    "envelope-element-too-long ISA08": "008",
    "envelope-element-too-long ISA13": "018",
}
"""TA105, by finding, with the element where that matters. Other errors are 022."""

STRUCTURE, DUPLICATE = "022", "025"

GROUP_CODES = {
    "ge-missing": "3",
    "ge02-control-mismatch": "4",
    "ge01-count-mismatch": "5",
    "envelope-element-too-long GS06": "6",
    "gs06-duplicate": "19",
}
"""AK905."""

SET_CODES = {
    "se-missing": "2",
    "segment-cut-off": "2",
    "se02-control-mismatch": "3",
    "se01-count-mismatch": "4",
    "envelope-element-too-long ST02": "7",
    "st02-duplicate": "23",
}
"""AK502 and IK502."""

SEGMENT_CODES = {
    "segment-unknown": ("1", "1"),
    "segment-unexpected": ("2", "2"),
    "segment-not-used": ("2", "I4"),
    "segment-missing": ("3", "3"),
    "loop-missing": ("3", "3"),
    "loop-repeats": ("4", "4"),
    "segment-repeats": ("5", "5"),
}
"""AK304 and IK304."""

ELEMENT_CODES = {
    "element-missing": ("1", "1"),
    "elements-conditional": ("2", "2"),
    "element-surplus": ("3", "3"),
    "element-too-short": ("4", "4"),
    "element-too-long": ("5", "5"),
    "element-characters": ("6", "6"),
    "code-unknown": ("7", "7"),
    "format": ("7", "7"),
    "hl-number": ("7", "7"),
    "hl-parent": ("7", "7"),
    "hl-child-code": ("7", "7"),
    "date-invalid": ("8", "8"),
    "time-invalid": ("9", "9"),
    "elements-exclusive": ("10", "10"),
    "element-not-used": ("", "I10"),
    "element-repeats": ("12", "12"),
    "component-surplus": ("13", "13"),
    "balance": ("7", "I12"),
    "check-digit": ("7", "I12"),
}
"""AK403 and IK403. The 997 has no code for an element that the guide alone forbids: its segment is named without it."""

_BEFORE_005010 = {"12": "3", "13": "3"}
"""AK403 ends with 10 in older versions: too many parts are too many elements there."""

_ERRORS_IN_ELEMENTS = "8"
_RULE_OF_SEGMENTS, _RULE_OF_ELEMENTS = "I6", "I9"
_RULE = "SITUATIONAL TRIGGER"
_ELEMENTS_MAX = 99
"""AK4 behind one AK3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """What a group of ours says: a 997 or 999 without its envelope."""

    kind: Kind
    version: str
    sender: str
    receiver: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    sender: tuple[str, str]
    receiver: tuple[str, str]
    version: str
    usage: str
    received: tuple[str, str | None]
    ta1: tuple[str, str] | None
    groups: tuple[Acknowledged, ...]


def answer(interchange: JudgedInterchange, wish: Wish, *, duplicate: bool) -> Answer | None:
    """See `parsers.acknowledgment.answer`."""
    opened = interchange.opened
    if not interchange.groups and not interchange.sets:
        return None  # There is nothing in it but a TA1.
    ta1 = ("R", DUPLICATE) if duplicate else _ta1(interchange)
    groups: list[Acknowledged] = []
    sets: dict[int, Verdict] = {}
    if ta1[0] == "R":
        sets = {one.opened.index: "rejected" for one in interchange.all_sets()}
    elif wish.kind != "ta1":
        business = (one for one in interchange.groups if one.opened.functional_id != _FUNCTIONAL_ACKNOWLEDGMENT)
        groups = [_acknowledged(group, wish, sets) for group in business]
    asked = wish.kind == "ta1" or (wish.receipt and opened.acknowledgment == "1")
    sent = ta1 if asked or ta1[0] == "R" else None
    if sent is None and not groups:
        return None
    body = Body(
        sender=(_plain(opened.receiver_qualifier or "ZZ", 2), _plain(opened.receiver, 15)),
        receiver=(_plain(opened.sender_qualifier or "ZZ", 2), _plain(opened.sender, 15)),
        version=_interchange_version(opened.version, groups),
        usage=_plain(opened.usage or "P", 1),
        received=(opened.control_number or "", opened.sent_at),
        ta1=sent,
        groups=tuple(groups),
    )
    kinds = (*(("ta1",) if sent else ()), *sorted({group.kind for group in groups}))
    verdict: Verdict = "rejected" if ta1[0] == "R" else overall(sets)
    return Answer(
        standard="x12", kinds=kinds, usage=opened.usage, verdict=verdict, sets=sets, groups=len(groups),
        messages=len(groups), body=body,
    )  # fmt: skip


def write(answer: Answer, numbers: Numbers, at: datetime) -> bytes:
    """See `parsers.acknowledgment.write`."""
    body: Body = answer.body
    writer = Writer(USUAL)
    data = [
        writer.interchange(
            sender=body.sender, receiver=body.receiver, control_number=int(numbers.interchange), at=at,
            version=body.version, usage=body.usage,
        )
    ]  # fmt: skip
    if body.ta1:
        number, moment = body.received
        moment = moment or f"{at:%y%m%d%H%M}"
        digits = number if number.isascii() and number.isdigit() else ""
        data.append(writer.segment("TA1", digits.zfill(9), moment[:6], moment[6:], *body.ta1))
    for nth, (group, control_number) in enumerate(zip(body.groups, numbers.groups, strict=False), 1):
        data.append(
            writer.group(
                _FUNCTIONAL_ACKNOWLEDGMENT, sender=group.sender, receiver=group.receiver,
                control_number=control_number, at=at, version=group.version,
            )
        )  # fmt: skip
        data.append(writer.set(group.kind, f"{nth:04}", IMPLEMENTATION if group.kind == "999" else ""))
        data += [writer.segment(tag, *elements) for tag, elements in group.segments]
        data += [writer.end_set(), writer.end_group()]
    data.append(writer.end_interchange())
    return b"".join(data)


# --- the interchange ---


def _ta1(interchange: JudgedInterchange) -> tuple[str, str]:
    """TA104 and TA105: the first error, or else the first warning that has a code."""
    note = None
    for finding, _ in interchange.findings:
        code = _of(NOTES, finding)
        if finding.severity == "error":
            return "R", code or STRUCTURE
        note = note or code
    if interchange.failed or interchange.sets:
        return "R", STRUCTURE  # A set outside of any group cannot be acknowledged otherwise.
    return ("E", note) if note else ("A", "000")


def _interchange_version(received: str | None, groups: list[Acknowledged]) -> str:
    version = received if received and received.isdigit() and len(received) == 5 else "00401"
    return max(version, "00501") if any(group.kind == "999" for group in groups) else version


# --- a group ---


def _kind(group: JudgedGroup, wish: Wish) -> Kind:
    hipaa = wish.kind == "999" or (wish.kind != "997" and _HIPAA.match(group.opened.version or ""))
    return "999" if hipaa else "997"


def _version_of_997(sent: str | None) -> str:
    """The group's own. What a guide of HIPAA adds to it is no version of the 997."""
    version = sent if sent and _VERSION.fullmatch(sent) else "004010"
    return version[:6] if version[6:7] == "X" else version


def _acknowledged(group: JudgedGroup, wish: Wish, sets: dict[int, Verdict]) -> Acknowledged:
    """Args:
    sets: takes the verdicts on the sets of this group.
    """
    opened, kind = group.opened, _kind(group, wish)
    version = IMPLEMENTATION if kind == "999" else _version_of_997(opened.version)
    failed = [one for one in group.sets if rejects(one, wish)]
    whole = group.failed or (wish.all_or_nothing and bool(failed))
    accepted = 0 if whole else len(group.sets) - len(failed)
    ak1: list[Value] = [_plain(opened.functional_id, 2) or "ZZ", _plain(opened.control_number, 9) or "0"]
    if kind == "999":
        ak1.append(_plain(opened.version, 12) or "0")
    segments: list[Segment] = [("AK1", ak1)]
    doubtful = False
    for one in group.sets:
        verdict = "R" if one in failed else "A"
        said, verdict = _set(one, verdict, kind, version, unsupported(one, wish))
        doubtful = doubtful or verdict == "E"
        if verdict == "R" or not whole:  # Where the whole group is rejected, nobody reads "accepted" in it.
            segments += said
        sets[one.opened.index] = "rejected" if whole or verdict == "R" else "accepted"
    codes = _unique(_of(GROUP_CODES, finding) for finding, _ in group.findings)
    if group.closed is None or group.closed.verdict == "incomplete":
        codes = _unique([*codes, "3"])
    if whole or (failed and not accepted):
        status = "R"
    elif failed:
        status = "P"
    else:
        status = "E" if doubtful or codes else "A"
    if version < "005010":
        codes = [code for code in codes if code != "19"]
    count = group.closed.sets if group.closed else len(group.sets)
    segments.append(("AK9", [status, str(count), str(len(group.sets)), str(accepted), *codes[:_CODES_MAX]]))
    return Acknowledged(
        kind=kind,
        version=version,
        sender=_plain(opened.receiver, 15),
        receiver=_plain(opened.sender, 15),
        segments=tuple(segments),
    )


# --- a set ---


class Fault(NamedTuple):
    """Attributes:
    code: AK304 or IK304.
    element: AK401 or IK401, None for what is wrong with the segment.
    element_code: AK403 or IK403.
    rule: it says that something stands in a relation to something else.
    """

    position: int
    tag: str
    loop: str
    code: str
    element: Value | None = None
    element_code: str = ""
    quoted: str = ""
    rule: bool = False


def _set(judged: JudgedSet, verdict: str, kind: Kind, version: str, unknown: bool) -> tuple[list[Segment], str]:  # noqa: FBT001
    """Its loop AK2 to AK5 or IK5, and the verdict: "A" becomes "E" when there is something to tell."""
    told = [(one, made) for one, quoted in judged.findings if (made := _fault(one, quoted, kind, version))]
    codes = _unique(_of(SET_CODES, finding) for finding, _ in judged.findings)
    opened = judged.opened
    if not judged.whole:
        codes = _unique([*codes, "2"])
    if not opened.set:
        codes.append("6")
    if not opened.control_number:
        codes = _unique([*codes, "7"])
    if unknown:
        codes.append("I6" if kind == "999" else "1")
    if told or (verdict == "R" and not codes):
        reasons = [one for one, _ in told] if verdict == "A" else [*judged.errors()]
        codes.append("I5" if kind == "999" and _only_guide(judged, reasons) else "5")
    if verdict == "A" and (told or codes):
        verdict = "E"
    ak2: list[Value] = [_plain(opened.set, 3) or "000", _plain(opened.control_number, 9) or "0000"]
    implementation = opened.identifier[1] if len(opened.identifier) > 1 else ""
    if kind == "999" and implementation:
        ak2.append(_plain(implementation, 35))
    last = "IK5" if kind == "999" else "AK5"
    return [("AK2", ak2), *_listed([fault for _, fault in told], kind), (last, [verdict, *codes[:_CODES_MAX]])], verdict


def _only_guide(judged: JudgedSet, reasons: list[Finding]) -> bool:
    """X12's own syntax is kept; it is the guide that is not."""
    levels = {one.level for one in reasons if not _of(SET_CODES, one)}
    levels |= judged.error_levels if judged.more else set()
    return min(levels, default=1) > 1


def _fault(finding: Finding, quoted: str | None, kind: Kind, version: str) -> Fault | None:
    """What one finding becomes; None when it has no place here.

    Errors always have one, warnings where they are of levels 1 and 2 and there is a code for them.
    """
    name = finding.code.partition(".")[2]
    known = SEGMENT_CODES.get(name) or ELEMENT_CODES.get(name)
    if finding.severity != "error" and (finding.level > 2 or known is None):
        return None
    if not finding.position or finding.position > 999_999 or _of(SET_CODES, finding):
        return None
    column = int(kind == "999")
    tag = finding.segment if finding.segment and _TAG.fullmatch(finding.segment) else "???"
    loop = _loop(finding, 6 if kind == "999" else 4)
    if name in SEGMENT_CODES:
        return Fault(finding.position, tag, loop, SEGMENT_CODES[name][column])
    rule = name.startswith("rule-") and kind == "999"
    element = _element(finding)
    if element is None:
        return Fault(finding.position, tag, loop, _RULE_OF_SEGMENTS if rule else _ERRORS_IN_ELEMENTS, rule=rule)
    code = _RULE_OF_ELEMENTS if rule else ELEMENT_CODES.get(name, ("7", "7"))[column]
    if version < "005010":
        code = _BEFORE_005010.get(code, code)
    if not code:
        return Fault(finding.position, tag, loop, _ERRORS_IN_ELEMENTS)
    return Fault(
        finding.position, tag, loop, _ERRORS_IN_ELEMENTS, element, code, _plain(quoted, _QUOTED_MAX), rule
    )  # fmt: skip


def _listed(faults: list[Fault], kind: Kind) -> Iterator[Segment]:
    """AK3 and AK4, or IK3, CTX and IK4, in the order of the set. Elements follow their segment, which is named once."""
    segment, element = ("IK3", "IK4") if kind == "999" else ("AK3", "AK4")
    places: dict[tuple[int, str, str, str], list[Fault]] = {}
    for fault in sorted(faults, key=lambda one: one.position):
        places.setdefault(fault[:4], []).append(fault)
    for (position, tag, loop, code), here in places.items():
        place = [tag, str(position), loop]
        yield segment, [*place, code]
        if any(fault.rule and fault.element is None for fault in here):
            yield "CTX", [_RULE, *place]
        told: set[tuple[Value | None, str]] = set()
        for fault in here:
            one = (fault.element, fault.element_code)
            if fault.element is None or one in told or len(told) == _ELEMENTS_MAX:
                continue
            told.add(one)
            yield element, [fault.element, "", fault.element_code, fault.quoted]
            if fault.rule:
                yield "CTX", [_RULE, *place, fault.element]


def _element(finding: Finding) -> Value | None:
    """AK401: 9 of "NM109", 1 and 2 of "SV101-2"."""
    found = _ELEMENT.fullmatch((finding.element or "").removeprefix(finding.segment or ""))
    if not found or found[1] == "00":
        return None
    position = str(int(found[1]))
    return (position, str(int(found[2]))) if found[2] else position


def _loop(finding: Finding, limit: int) -> str:
    """AK303: the innermost loop of "2000A/2010AA/NM1[2]/09"; empty where there is none, or none of a sane name."""
    parts = [part.partition("[")[0] for part in (finding.path or "").split("/")]
    if finding.segment in parts:
        parts = parts[: len(parts) - parts[::-1].index(finding.segment) - 1]
    elif finding.element and parts:
        parts = []
    loop = parts[-1] if parts else ""
    return loop if _LOOP.fullmatch(loop) and len(loop) <= limit else ""


# --- words ---


def _of(codes: dict[str, str], finding: Finding) -> str | None:
    name = finding.code.partition(".")[2]
    return codes.get(f"{name} {finding.element}") or codes.get(name)


def _unique(codes: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(code for code in codes if code))


def _plain(text: str | None, limit: int) -> str:
    """Text of the sender's that can hold none of our separators, and nothing that does not print."""
    kept = (mark if " " <= mark <= "~" and mark not in USUAL else "?" for mark in (text or "")[:limit])
    return "".join(kept).rstrip()
