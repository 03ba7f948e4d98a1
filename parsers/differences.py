"""What one derivation of records says otherwise than another: by field, without a value."""

import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

Kind = Literal["added", "gone", "changed"]


class Change(NamedTuple):
    """`field` is a path: "lines[2].charge.amount"; items of lists count from 1."""

    field: str
    kind: Kind


_ITEM = re.compile(r"\[\d+\]")


def changes(before: Any, after: Any, field: str = "") -> Iterator[Change]:
    """Field by field, what differs between two records."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(one for one in after if one not in before)]:
            if field or name not in {"provenance", "schema"}:  # That it was derived anew is no news.
                inner = f"{field}.{name}" if field else name
                if name not in after:
                    yield Change(inner, "gone")
                elif name not in before:
                    yield Change(inner, "added")
                else:
                    yield from changes(before[name], after[name], inner)
    elif isinstance(before, list) and isinstance(after, list):
        for number in range(1, max(len(before), len(after)) + 1):
            inner = f"{field}[{number}]"
            if number > len(after):
                yield Change(inner, "gone")
            elif number > len(before):
                yield Change(inner, "added")
            else:
                yield from changes(before[number - 1], after[number - 1], inner)
    elif before != after:
        yield Change(field, "changed")


def in_general(field: str) -> str:
    """A field whatever item of a list it is of: "lines[].charge.amount"."""
    return _ITEM.sub("[]", field)
