"""Records written as a set that says the same. What is written is read again before anybody sends it.

made = rewritten(record, standard="x12", set_code="850", version="004010")
made.segments                       of the set without its envelope, for the standard's writer
made.findings                       what its guide says of it
made.lost                           fields of the record that the set does not say
"""

import re
from collections.abc import Callable, Iterator, Mapping
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
from parsers.maps import shelf
from parsers.maps.writing import DERIVED, Texts, write
from parsers.reader import read
from parsers.segments import Value
from parsers.x12.delimiters import Delimiters
from parsers.x12.values import Values as X12Values
from parsers.x12.writer import Writer as X12Writer

Set = list[tuple[str, list[Value]]]


class Rewritten(NamedTuple):
    segments: Set
    findings: list[Finding]
    lost: list[Change]


def rewritten(record: Mapping[str, Any], *, standard: str, set_code: str, version: str) -> Rewritten:
    """A set for a record.

    Args:
        record: as JSON has it, in the newest version of its schema.
        set_code: "850", "ORDERS". version: of the guide, as GS08 or UNH says it: "D96A".

    Raises:
        ValueError: there is no map of such a set for such records.
    """
    made = shelf.find(standard, set_code, version)
    if made is None or made.schema != record["schema"] or standard not in _STANDARDS:
        raise ValueError(f"no map makes {record['schema']} of {standard} {set_code} {version}")
    texts, interchange = _STANDARDS[standard]
    own = msgspec.json.decode(msgspec.json.encode(record))
    segments = write(
        own, made, texts, guides.find(standard, set_code, version) or _nearest(standard, set_code, version)
    )
    findings, back = [], dict[str, Any]()
    for event in read(interchange(segments, set_code, version), judge=Judging()):
        if isinstance(event, Finding):
            findings.append(event)
        elif isinstance(event, RecordBatch):
            back = msgspec.json.decode(event.ndjson.splitlines()[0])
    return Rewritten(segments, findings, [one for one in changes(own, back) if not one.field.endswith(DERIVED)])


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


# --- interchanges that nobody sees: whoever sends a set has an envelope and separators of his own ---

_AT: Final = datetime(2026, 1, 1)  # noqa: DTZ001  There are no zones in X12.

_X12: Final = Delimiters("\x1d", "\x1f", "\x1e", "\x1c")
"""What no text has in it."""

_FUNCTIONAL_IDS: Final = {
    "810": "IN", "820": "RA", "835": "HP", "850": "PO", "855": "PR", "856": "SH", "860": "PC", "997": "FA", "999": "FA",
}  # fmt: skip
"""GS01 of a set. Source: X12.22 data element 479."""


def _x12(segments: Set, set_code: str, version: str) -> Iterator[bytes]:
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


def _edifact(segments: Set, set_code: str, version: str) -> Iterator[bytes]:
    release, _, association = version.partition(":")
    message = [set_code, release[:-3] or release[:1], release[-3:] if release[3:] else release[1:], "UN"]
    header: Set = [
        ("UNB", [("UNOW", "3"), "SENDER", "RECEIVER", (f"{_AT:%y%m%d}", f"{_AT:%H%M}"), "1"]),
        ("UNH", ["1", tuple([*message, association] if association else message)]),
    ]
    return write_edifact([*header, *segments])


_STANDARDS: Final[Mapping[str, tuple[Texts, Callable[[Set, str, str], Iterator[bytes]]]]] = {
    "x12": (X12Values(_X12), _x12),
    "edifact": (EdifactValues(EdifactDelimiters()), _edifact),
}
