"""How values are taken out of a standard's segments and read; each brings its own as `parsers.<standard>.values`."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from parsers.canonical.values import decimal
from parsers.segments import Value

Parts = Any
"""A segment, split as its standard splits it, and filled up with empty elements so that each can be asked for."""


Cell = tuple[int, ...]
"""A place in a segment: in most standards an element and a component of it, from 1, which is 0 where it has none."""


class Unreadable(ValueError):
    """A value makes no sense. The message goes on behind the element's name: "is not a date."."""

    def __init__(self, code: str, says: str, hint: str) -> None:
        super().__init__(says)
        self.code = code
        self.says = says
        self.hint = hint


class Spot(NamedTuple):
    """Where an element stands, as Python that takes it out of the segment `e`.

    Attributes:
        text: the expression; "" is what it gives where there is nothing.
        needs: what must have been made before, by name: {"e5": "parts(e[5])"}.
        guard: a quicker expression, that is false where there is nothing; "" for none.
        meant: where a text of letters and digits, or another that `is_plain`, stands for itself: what any text `v` of
            the guard, or of `k`, means.
        of_group: it is taken out of the text `k`, which is one of the repetitions of its group, or all of the element.
    """

    text: str
    needs: Mapping[str, str] = {}
    guard: str = ""
    meant: str = ""
    of_group: bool = False


class Values(Protocol):
    """For the separators of one interchange.

    Attributes:
        deleted: the text by which a sender takes back what it sent before, "" where there is none.
        functions: what the expressions of spots call.
        fill: how many empty elements stand behind the last one that was sent.
        separator: the character at which `split` cuts, when that and `fill` is all that it does; else None.
        goes_on: whether a segment goes on with the one before it, None where none does. Those that do are split with
            it as one text, a line each.
        unpadded: segments without the blanks that fill up their elements; None where blanks are data.
    """

    deleted: str
    functions: Mapping[str, Any]
    fill: int
    separator: str | None
    goes_on: Callable[[str], bool] | None
    unpadded: Callable[[list[str]], list[str]] | None

    def split(self, segment: str) -> Parts:
        """Its tag is at 0."""

    def spot(self, reference: str, group: str | None = None) -> Spot:
        """Where an element stands.

        Args:
            group: the first element of a group that repeats; in the group that `k` elements precede, this one is meant.
                Or the element of which `k` is a text: what belongs to it is taken from there (`Spot.of_group`).
        """

    def whole(self, reference: str) -> str:
        """An expression for all of an element, as sent."""

    def groups(self, reference: str, step: int) -> str:
        """An expression for every `k` of the groups that begin with `reference` and have `step` elements."""

    def repetitions(self, reference: str) -> str:
        """An expression for the texts of a field's repetitions, where spots are taken out of such (`Spot.of_group`).

        Elsewhere for segments, in which each repetition stands in the field's place in turn.
        """

    def decimal(self, text: str) -> str: ...

    def day(self, text: str, form: str) -> str:
        """ISO 8601.

        Args:
            form: the code that says how it is written, "" where none does.

        Raises:
            Unreadable: it is no day; likewise of all others.
        """

    def moment(self, text: str, more: str, form: str) -> str:
        """Args:
        more: its time of day, where that stands in an element of its own.
        """

    def period(self, text: str, more: str, form: str) -> tuple[str, str | None]: ...


def plain_decimal(text: str) -> str:
    """A number with a point.

    Raises:
        Unreadable: it is none.
    """
    value = decimal(text)
    if value is None:
        raise Unreadable("not-a-number", "is not a number.", "Send digits with at most one point.")
    return value


def with_places(value: str, places: int) -> str:
    """A number whose last digits are decimals that no point tells: ("12345", 2) → "123.45"."""
    if not places or "." in value:
        return value
    sign, digits = ("-", value[1:]) if value.startswith("-") else ("", value)
    digits = digits.rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def without_point(value: str, places: int) -> str | None:
    """The inverse: ("123.45", 2) → "12345". None for a number that has more decimals."""
    if not places:
        return value
    sign, digits = ("-", value[1:]) if value.startswith("-") else ("", value)
    whole, _, fraction = digits.partition(".")
    if len(fraction) > places:
        return None
    return sign + ((whole + fraction.ljust(places, "0")).lstrip("0") or "0")


def negated(value: str) -> str:
    """A number with the other sign; nothing of nothing."""
    if value.startswith("-"):
        return value[1:]
    return f"-{value}" if value.strip("0.") else value


def elements_of(cells: Mapping[Cell, str]) -> list[Value]:
    """The elements of a segment, of which some are composites."""
    made: list[Value] = []
    for number in range(1, max((element for element, _ in cells), default=0) + 1):
        parts = {component: text for (element, component), text in cells.items() if element == number}
        last = max(parts, default=0)
        composite = tuple(parts.get(nth, "") for nth in range(1, last + 1))
        made.append(composite if last > 1 else parts.get(last, ""))
    return made
