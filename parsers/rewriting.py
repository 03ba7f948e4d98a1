"""Records written as a set that says the same: X12 for now. What is written is read again before anybody sends it.

made = rewritten(record, sets=["850"], version="004010")
made.segments                       of the set without its envelope, for the standard's writer
made.findings                       what its guide says of it
made.lost                           fields of the record that the set does not say
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from parsers.differences import Change, changes
from parsers.events import RecordBatch
from parsers.findings import Finding
from parsers.guides import shelf as guides
from parsers.guides.terms import Judging
from parsers.maps import shelf
from parsers.maps.writing import write
from parsers.reader import read
from parsers.segments import Value
from parsers.x12.delimiters import Delimiters
from parsers.x12.values import Values
from parsers.x12.writer import Writer

_TRIED_WITH: Final = Delimiters("\x1d", "\x1f", "\x1e", "\x1c")
"""What no text has in it; whoever sends it chooses separators."""

_TRIED_AT: Final = datetime(2026, 1, 1)  # noqa: DTZ001  Of an envelope that nobody sees.


class Rewritten(NamedTuple):
    segments: list[tuple[str, list[Value]]]
    findings: list[Finding]
    lost: list[Change]


def rewritten(record: Mapping[str, Any], *, set_code: str, version: str) -> Rewritten:
    """An X12 set for a record.

    Args:
        record: as JSON has it, in the newest version of its schema.
        set_code: "850". version: of the guide, as GS08 says it.

    Raises:
        ValueError: there is no map of such a set for such records, or the record has what no element can hold.
    """
    made = shelf.find("x12", set_code, version)
    if made is None or made.schema != record["schema"]:
        raise ValueError(f"no map makes {record['schema']} of an X12 {set_code} {version}")
    segments = write(record, made, Values(_TRIED_WITH), guides.find("x12", set_code, version))
    findings, back = [], dict[str, Any]()
    for event in read([b"".join(_interchange(segments, set_code, version))], judge=Judging()):
        if isinstance(event, Finding):
            findings.append(event)
        elif isinstance(event, RecordBatch):
            back = msgspec.json.decode(event.ndjson.splitlines()[0])
    return Rewritten(segments, findings, list(changes(dict(record), back)))


def _interchange(segments: list[tuple[str, list[Value]]], set_code: str, version: str) -> Iterator[bytes]:
    writer = Writer(_TRIED_WITH)
    parties = ("ZZ", "SENDER"), ("ZZ", "RECEIVER")
    isa = "00501" if version >= "00501" else "00401"
    yield writer.interchange(sender=parties[0], receiver=parties[1], control_number=1, at=_TRIED_AT, version=isa)
    functional_id = _FUNCTIONAL_IDS.get(set_code, "ZZ")
    yield writer.group(functional_id, sender="S", receiver="R", control_number=1, at=_TRIED_AT, version=version)
    yield writer.set(set_code, "0001", version if set_code == "999" else "")
    for tag, elements in segments:
        yield writer.segment(tag, *elements)
    yield writer.end_set() + writer.end_group() + writer.end_interchange()


_FUNCTIONAL_IDS: Final = {
    "810": "IN", "820": "RA", "835": "HP", "850": "PO", "855": "PR", "860": "PC", "997": "FA", "999": "FA",
}  # fmt: skip
"""GS01 of a set. Source: X12.22 data element 479."""
