"""Stored records keep the schema that they were written with; here an older one becomes the one of today.

Each step is a function from one major version to the next, which changes what it is given and nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from parsers.canonical.catalogue import BY_SCHEMA

Record = dict[str, Any]


def upcast(record: Record) -> Record:
    """A record in the newest version of its schema.

    Raises:
        KeyError: its schema is none of ours, or newer than we are.
    """
    while record["schema"] not in BY_SCHEMA:
        record = STEPS[record["schema"]](record)
    return record


def _purchase_order_2(record: Record) -> Record:
    """A date has a period, which may have an end; a note has a topic beside its text."""
    for part in (record, *record.get("lines", ())):
        for dated in part.get("dates", ()):
            dated["period"] = {"start": dated.pop("moment")}
    if "notes" in record:
        record["notes"] = [{"text": text} for text in record["notes"]]
    record["schema"] = "purchase-order/2"
    return record


STEPS: Final[Mapping[str, Callable[[Record], Record]]] = {"purchase-order/1": _purchase_order_2}
"""By the schema that a step begins with."""
