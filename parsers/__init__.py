"""EDI readers as a pure library: bytes in, events out; no server, disk or partner.

    for event in parsers.read(chunks): ...

`read` is the single stream a worker consumes; its events are in `parsers.events`. It raises for no bytes whatever:
what is wrong in the data is a Finding. Memory stays bounded by the largest segment and record allowed, never by the
size of the file, provided that chunks arrive in pieces (1 MiB is right).
"""

from parsers.events import Event, Finished, Identified
from parsers.findings import Finding, Location
from parsers.identify import identify
from parsers.reader import read

__all__ = ["Event", "Finding", "Finished", "Identified", "Location", "identify", "read"]
