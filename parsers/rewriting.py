"""Records written as a set that says the same. What is written is read again before anybody sends it.

made = rewritten(record, standard="x12", set_code="850", version="004010")
made.segments                       of the set without its envelope, for the standard's writer
made.content                        in their place, of a message of ISO 20022, for its writer
made.findings                       what its guide says of it
made.lost                           fields of the record that the set does not say
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from parsers.differences import Change, changes
from parsers.edifact.delimiters import Delimiters as EdifactDelimiters
from parsers.edifact.values import Values as EdifactValues
from parsers.edifact.writer import write as write_edifact
from parsers.events import RecordBatch
from parsers.findings import Finding
from parsers.guides import shelf as guides
from parsers.guides.model import Guide
from parsers.guides.terms import Judging
from parsers.hl7.delimiters import Delimiters as Hl7Delimiters
from parsers.hl7.values import Values as Hl7Values
from parsers.hl7.writer import Writer as Hl7Writer
from parsers.iso20022 import guide as iso20022_guides
from parsers.iso20022.totals import MESSAGES
from parsers.iso20022.values import is_currency
from parsers.iso20022.writer import write as write_iso20022
from parsers.maps import documents, shelf
from parsers.maps.drafts import Draft
from parsers.maps.model import Map
from parsers.maps.writing import DERIVED, Texts, write
from parsers.markup.writer import Nested
from parsers.nacha.batches import Entry, batches
from parsers.nacha.records import layout_of
from parsers.nacha.values import Values as NachaValues
from parsers.nacha.writer import Writer as NachaWriter
from parsers.reader import read
from parsers.segments import Value
from parsers.x12.delimiters import Delimiters
from parsers.x12.values import Values as X12Values
from parsers.x12.writer import Writer as X12Writer

Set = list[tuple[str, list[Value]]]
Content = Mapping[str, Nested]
Record = Mapping[str, Any]


class Rewritten(NamedTuple):
    """Attributes:
    content: of a message that is a tree, which has no segments.
    """

    segments: Set
    findings: list[Finding]
    lost: list[Change]
    content: Content | None = None


def rewritten(records: Record | Sequence[Record], *, standard: str, set_code: str, version: str) -> Rewritten:
    """A set for a record; or for several, where such sets hold several.

    Args:
        records: as JSON has them, in the newest version of their schema.
        set_code: "850", "ORDERS", "PPD". version: of the guide, as GS08 or UNH says it: "D96A"; of NACHA "".

    Returns:
        What is lost of several is said as of a list: "[2].amount".

    Raises:
        ValueError: there is no map of such a set for such records, or they do not go into one.
    """
    one = isinstance(records, Mapping)
    own: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode([records] if one else records))
    made = shelf.find(standard, set_code, version)
    if not own or made is None or standard not in _STANDARDS or any(made.schema != each["schema"] for each in own):
        raise ValueError(f"no map makes {own[0]['schema'] if own else 'nothing'} of {standard} {set_code} {version}")
    if len(own) != 1 and made.loops[""].is_record:
        raise ValueError(f"a set of {standard} {set_code} holds one record")
    written, interchange = _STANDARDS[standard](own, made, set_code, version)
    findings, back = [], list[dict[str, Any]]()
    for event in read(interchange, judge=Judging()):
        if isinstance(event, Finding):
            findings.append(event)
        elif isinstance(event, RecordBatch):
            back += map(msgspec.json.decode, event.ndjson.splitlines())
    compared = changes(own[0], back[0] if back else {}) if one else changes(_told(own), _told(back))
    lost = [change for change in compared if not change.field.endswith(DERIVED)]
    return Rewritten(written, findings, lost) if isinstance(written, list) else Rewritten([], findings, lost, written)


def _told(records: Sequence[Record]) -> list[Record]:
    return [{name: value for name, value in one.items() if name != "provenance"} for one in records]


def _drafts(record: dict[str, Any], made: Map, texts: Texts, set_code: str, version: str) -> list[Draft]:
    guide = guides.find(made.standard, set_code, version) or _nearest(made.standard, set_code, version)
    if guide is None and len(made.loops) == 1:  # It takes the same segments of all its sets.
        guide = next(filter(None, (guides.find(made.standard, one, version) for one in made.sets)), None)
    return write(record, made, texts, guide, lenient=made.standard == "hl7")


def _nearest(standard: str, set_code: str, version: str) -> Guide | None:
    """The guide of another directory, by which a message's segments stand: the last one before, or else the first."""
    known = [entry for entry in guides.entries(standard) if set_code in entry.sets and standard == "edifact"]
    before = [entry for entry in known if _age(entry.versions[0]) <= _age(version)]
    if before:
        return max(before, key=lambda entry: _age(entry.versions[0])).read()
    return min(known, key=lambda entry: _age(entry.versions[0])).read() if known else None


def _age(version: str) -> str:
    """Of directories of the UN, whose years have two digits: D96A is before D01B."""
    found = re.match(r"D(\d\d)", version)
    return f"{'19' if found[1] > '70' else '20'}{version[1:]}" if found else version


# --- each standard: a set, and in an interchange that nobody sees; whoever sends one has an envelope of his own ---

_AT: Final = datetime(2026, 1, 1)  # noqa: DTZ001  There are no zones in X12.

_X12: Final = Delimiters("\x1d", "\x1f", "\x1e", "\x1c")
"""What no text has in it."""

_FUNCTIONAL_IDS: Final = {
    "810": "IN", "820": "RA", "835": "HP", "850": "PO", "855": "PR", "856": "SH", "860": "PC", "997": "FA", "999": "FA",
}  # fmt: skip
"""GS01 of a set. Source: X12.22 data element 479."""


def _x12(records: list[dict[str, Any]], made: Map, set_code: str, version: str) -> tuple[Set, Iterable[bytes]]:
    texts = X12Values(_X12)
    drafts = _drafts(records[0], made, texts, set_code, version)
    segments = [(draft.tag, texts.elements(draft.cells)) for draft in drafts]
    return segments, _x12_interchange(segments, set_code, version)


def _x12_interchange(segments: Set, set_code: str, version: str) -> Iterator[bytes]:
    writer = X12Writer(_X12)
    isa = "00501" if version >= "00501" else "00401"
    parties = ("ZZ", "SENDER"), ("ZZ", "RECEIVER")
    yield writer.interchange(sender=parties[0], receiver=parties[1], control_number=1, at=_AT, version=isa)
    functional_id = _FUNCTIONAL_IDS.get(set_code, "ZZ")
    yield writer.group(functional_id, sender="S", receiver="R", control_number=1, at=_AT, version=version)
    yield writer.set(set_code, "0001", version if set_code == "999" else "")
    for tag, elements in segments:
        yield writer.segment(tag, *elements)
    yield writer.end_set() + writer.end_group() + writer.end_interchange()


def _edifact(records: list[dict[str, Any]], made: Map, set_code: str, version: str) -> tuple[Set, Iterable[bytes]]:
    texts = EdifactValues(EdifactDelimiters())
    drafts = _drafts(records[0], made, texts, set_code, version)
    segments = [(draft.tag, texts.elements(draft.cells)) for draft in drafts]
    release, _, association = version.partition(":")
    message = [set_code, release[:-3] or release[:1], release[-3:] if release[3:] else release[1:], "UN"]
    header: Set = [
        ("UNB", [("UNOW", "3"), "SENDER", "RECEIVER", (f"{_AT:%y%m%d}", f"{_AT:%H%M}"), "1"]),
        ("UNH", ["1", tuple([*message, association] if association else message)]),
    ]
    return segments, write_edifact([*header, *segments])


def _nacha(records: list[dict[str, Any]], made: Map, set_code: str, version: str) -> tuple[Set, Iterable[bytes]]:
    texts = NachaValues(layout_of(set_code))
    written = [
        [(one.tag, texts.named(one.tag, one.cells)) for one in _drafts(record, made, texts, set_code, version)]
        for record in records
    ]
    segments = list(batches([Entry(set_code, one) for one in written]))
    file = dict(next((names for tag, names in written[0] if tag == "1"), {})) if written else {}
    return segments, _nacha_file(segments, file)


def _nacha_file(segments: Set, names: Mapping[str, str]) -> Iterator[bytes]:
    writer = NachaWriter()
    day, time = names.get("file-creation-date", f"{_AT:%y%m%d}"), names.get("file-creation-time", "")
    yield writer.file("01", " 000000000", "0000000000", day, time, "A", "094", "10", "1", "DESTINATION", "ORIGIN")
    is_open = False
    for tag, values in segments:
        if tag == "5":
            yield writer.end_batch() if is_open else b""
            is_open = True
            yield writer.batch(*values)
        else:
            yield writer.entry(*values) if tag == "6" else writer.addenda(*values)
    yield (writer.end_batch() if is_open else b"") + writer.end_file()


def _hl7(records: list[dict[str, Any]], made: Map, set_code: str, version: str) -> tuple[Set, Iterable[bytes]]:
    """A message with its header, to which whoever sends it gives an id where the records tell none."""
    texts = Hl7Values(Hl7Delimiters())
    drafts: list[Draft] = []
    for record in records:
        own = _drafts(record, made, texts, set_code, version)
        shared, others = ([(one.tag, one.cells) for one in each if one.is_shared] for each in (own, drafts))
        if drafts and shared != others:
            raise ValueError("records of one message say the same of what is around them")
        drafts += [one for one in own if not (drafts and one.is_shared)]
        for one in record.get("extensions") or ():
            drafts.append(Draft(one["segment"], texts.as_sent(one["fields"])))
            drafts[-1].is_shared = False
    if not drafts or drafts[0].tag != "MSH":
        drafts.insert(0, Draft("MSH"))
    kind, _, event = set_code.partition("^")
    told = {"MSH-9": kind, "MSH-9.2": event, "MSH-12": version}
    header = {texts.cell("MSH-11"): "P"} | drafts[0].cells
    for one in drafts:
        if one.tag == "EVN":  # The event that the sender knows it by may be another one.
            one.cells[texts.cell("EVN-1")] = header.get(texts.cell("MSH-9.2"), event)
    header |= {texts.cell(name): text for name, text in told.items() if text}
    segments = [(one.tag, texts.elements(one.cells)) for one in drafts[1:]]
    there = {texts.cell("MSH-10"): "1"} | header
    judged = [("MSH", texts.elements(there)), *segments]
    return [("MSH", texts.elements(header)), *segments], _hl7_message(judged)


def _hl7_message(segments: Set) -> Iterator[bytes]:
    writer = Hl7Writer()
    for tag, fields in segments:
        yield writer.message(*fields[2:]) if tag == "MSH" else writer.segment(tag, *fields)


def _iso20022(records: list[dict[str, Any]], made: Map, set_code: str, version: str) -> tuple[Content, Iterable[bytes]]:
    guide = iso20022_guides.guide_for(set_code, version)
    if guide is None or set_code not in MESSAGES:
        raise ValueError(f"messages {version} are not written back")
    ((name, place),) = iso20022_guides.tree(guide).children.items()
    body = dict(documents.write(records, made, place, _fits))
    batch = MESSAGES[set_code].batch or ""
    batches = body.get(batch, [])
    body |= {batch: [_summed(one) for one in ([batches] if isinstance(batches, Mapping) else batches)]}
    content = {name: {key: _summed(one) if key == "GrpHdr" else one for key, one in body.items()}}
    return content, [write_iso20022(version, content)]


_OF_PERSONS: Final = frozenset({"ARNU", "CCPT", "DRLC", "NIDN", "SOSE"})
"""Numbers that companies do not have. Source: ISO 20022 external code set ExternalPersonIdentification."""


def _fits(path: str, place: documents.Place, text: str) -> bool:
    assert isinstance(place, iso20022_guides.Element)
    value = place.line.value
    if value is None or (text in _OF_PERSONS and "/OrgId/" in path):
        return False
    if "@" in path:
        return value.currency and is_currency(text)
    fault = value.check(text)
    return fault is None or fault.code == "check-digit"  # The number is as it was sent.


def _summed(header: Nested) -> Nested:
    """Of a count and a sum its writer knows what they come to."""
    return {**header, "CtrlSum": ""} if isinstance(header, Mapping) else header


Written = tuple[Set | Content, Iterable[bytes]]

_STANDARDS: Final[Mapping[str, Callable[[list[dict[str, Any]], Map, str, str], Written]]] = {
    "x12": _x12,
    "edifact": _edifact,
    "nacha": _nacha,
    "hl7": _hl7,
    "iso20022": _iso20022,
}
