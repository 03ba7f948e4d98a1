"""How values stand in the texts and attributes of XML, which are asked for by their path: "Dbtr/Nm", "Amt@Ccy".

What a walk hands over is a dict: of each path the first text, of "Ustrd[]" all of them, of "Othr[]" a dict for each;
and "Dbtr/" where that element was sent, as far as it is asked for.

Spec: XML Schema Part 2: Datatypes, sections 3.2 and 3.3.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from parsers.maps.values import Spot, Unreadable, plain_decimal
from parsers.markup.syntax import BLANKS

ALL: Final = "[]"
"""Behind the path of what is sent several times."""

SENT: Final = "/"
"""Behind the path of an element that was sent."""

_ZONE = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))?"
_MOMENT = re.compile(
    rf"(\d{{4}}-\d\d-\d\d)(T(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{{1,9}})?|24:00:00(?:\.0{{1,9}})?))?{_ZONE}",
    re.ASCII,
)
_NOT_A_MOMENT = (
    "not-a-date",
    "is neither a date nor a date with its time.",
    "Send 2026-03-02, or 2026-03-02T09:15:00+01:00.",
)

Texts = Mapping[str, Any]


class Values:
    """The same for every document: texts are decoded, and references in them resolved, before they come here.

    Attributes:
        gathered: paths of elements of which each has a dict of its own.
        wholes: paths of elements that make objects.
    """

    deleted = ""
    fill = 0
    separator: str | None = None
    goes_on: Callable[[str], bool] | None = None
    unpadded: Callable[[list[str]], list[str]] | None = None

    def __init__(self) -> None:
        self.gathered: frozenset[str] = frozenset()
        self.wholes: frozenset[str] = frozenset()
        self.functions: Mapping[str, Any] = {"each": each}

    def split(self, segment: str) -> Texts:
        raise NotImplementedError(f"{len(segment)} characters: a tree is walked, not split")

    def spot(self, reference: str, group: str | None = None) -> Spot:  # noqa: ARG002  `over` tells what repeats.
        text, path = f"e.get({reference!r}, '')", reference.partition("@")[0]
        if reference in self.wholes:  # What it needs says that its text does not tell all of it.
            return Spot(text, {"whole": "None"}, f"{reference + SENT!r} in e")
        around = path.rpartition("/")[0]
        return Spot(text, guard=f"{around + SENT!r} in e" if around else "")

    def whole(self, reference: str) -> str:
        return f"e.get({reference!r}, '')"

    def groups(self, reference: str, step: int) -> str:
        raise NotImplementedError(f"{reference}/{step}: elements repeat by themselves")

    def repetitions(self, reference: str) -> str:
        if "+" in reference:
            return "(e,)"
        around = sorted(path for path in self.gathered if reference.startswith(f"{path}/"))
        first, *_ = path = (*around, reference)
        return f"(each(e, {', '.join(map(repr, path))}) if {first + ALL!r} in e else ())"

    def decimal(self, text: str) -> str:
        return plain_decimal(text.strip(BLANKS).removeprefix("+"))

    def day(self, text: str, form: str) -> str:
        return self.moment(text, "", form)

    def moment(self, text: str, more: str, form: str) -> str:  # noqa: ARG002  They have one way to be written.
        found = _MOMENT.fullmatch(text)
        if found is None:
            raise Unreadable(*_NOT_A_MOMENT)
        try:
            date.fromisoformat(found[1])
        except ValueError:
            raise Unreadable(*_NOT_A_MOMENT) from None
        return text if found[2] else found[1]  # ISO 8601 has no zone of a day.

    def period(self, text: str, more: str, form: str) -> tuple[str, str | None]:
        """Args:
        more: its end.
        """
        return self.moment(text, "", form), self.moment(more, "", form) if more else None


def each(texts: Texts, path: str, *inner: str) -> Iterator[Texts]:
    """The texts with those of each element of a path in turn in their place; of each in those, if there are `inner`."""
    for one in texts.get(path + ALL, ()):
        made = {**texts, path: one} if isinstance(one, str) else {**texts, **one}
        if inner:
            yield from each(made, *inner)
        else:
            yield made
