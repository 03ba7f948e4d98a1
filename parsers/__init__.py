"""EDI readers as a pure library: bytes in, events out; no server, disk or partner.

    for event in parsers.read(chunks): ...          canonical records, findings, verdicts (`parsers.events`)
    for item in parsers.segments(chunks): ...       every byte, as segments where they stand (`parsers.segments`)
    for record in parsers.read_records(path): ...   canonical records alone, as objects (`parsers.canonical`)
    for source in parsers.trace(chunks, set=1): ... the segment that each field of a record comes from

The first two raise for no bytes whatever: what is wrong in the data is a Finding. Memory stays bounded by the limits,
never by the size of the file, provided that chunks arrive in pieces (1 MiB is right).
"""

from parsers.events import Event, Finished, Identified
from parsers.findings import Finding, Location
from parsers.identify import identify
from parsers.limits import Limits
from parsers.reader import read, segments
from parsers.segments import Item, Raw, Segments
from parsers.tracing import Source, trace
from parsers.typed import read_records

__all__ = [
    "Event",
    "Finding",
    "Finished",
    "Identified",
    "Item",
    "Limits",
    "Location",
    "Raw",
    "Segments",
    "Source",
    "identify",
    "read",
    "read_records",
    "segments",
    "trace",
]
