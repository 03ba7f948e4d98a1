"""Balances: a total, and the amounts that it is the sum of."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from parsers.guides.dialect import Dialect
from parsers.guides.model import Balance
from parsers.guides.references import Broken, Hook, Reference, Scene, Spot, conditions, reference

if TYPE_CHECKING:
    from parsers.guides.tables import Place, Turn

Amount = int | Decimal
"""In hundredths: most amounts are whole numbers then, which are added up much faster."""

_TERM = re.compile(r"(?P<sign>[+-])(?:count\((?P<count>[^)]*)\)|(?P<first>[^*]+?)(?:\*(?P<second>.+))?)")
_AMOUNT = re.compile(r"[+-]?(?:\d{1,40}(?:[.,]\d{0,40})?|[.,]\d{1,40})", re.ASCII)
"""Decimal itself would take exponents and "NaN", which nobody can add up."""
_PLAIN_MAX = 40


def amount_of(text: str) -> Amount | None:
    """What is sent as an amount, in hundredths; None when it is no number."""
    if text[-3:-2] == "." and len(text) < _PLAIN_MAX:
        digits = text[:-3] + text[-2:]
        if digits.isdecimal() and digits.isascii():
            return int(digits)
    if _AMOUNT.fullmatch(text) is None:
        return None
    return Decimal(text.replace(",", ".")) * 100


class _Term(NamedTuple):
    text: str
    sign: int
    factors: tuple[Reference, ...]
    counts: bool

    @property
    def first(self) -> Reference:
        return self.factors[0]


def _term(text: str, dialect: Dialect) -> _Term:
    found = _TERM.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is no term: write +SV102, -CAS03, +count(LIN) or +IT102*IT104")
    sign = -1 if found["sign"] == "-" else 1
    if found["count"] is not None:
        *loops, tag = found["count"].split("/")
        return _Term(text, sign, (Reference(text, tuple(loops), tag, lambda _: "", ()),), counts=True)
    factors = [reference(found["first"], dialect)]
    if found["second"]:
        factors.append(reference(found["second"], dialect))
    return _Term(text, sign, tuple(factors), counts=False)


class Sum:
    """What some terms come to in one segment. Rules that have them in common share it."""

    def __init__(self, terms: Sequence[_Term], separator: str) -> None:
        alone = [term for term in terms if len(term.factors) == 1 and not (term.counts or term.first.where)]
        # Nearly all terms are no more than an element, and most of those are not sent.
        self._alone = sorted(((term.first.at, term.sign, term.first.value) for term in alone), key=itemgetter(0))
        self._others = [term for term in terms if term not in alone]
        self._separator = separator
        self._text = ""
        self._amount: Amount | None = None

    def of(self, text: str) -> Amount | None:
        """None when something that is sent is no number; what is not sent is nothing."""
        if text is not self._text:
            self._text, self._amount = text, self._added(text)
        return self._amount

    def _added(self, text: str) -> Amount | None:
        added: Amount = 0
        last = text.count(self._separator)
        for at, sign, value in self._alone:
            if at > last:
                break
            if sent := value(text):
                amount = amount_of(sent)
                if amount is None:
                    return None
                added = added - amount if sign < 0 else added + amount
        for _, sign, factors, counts in self._others:
            first = factors[0]
            sent = "1" if counts else first.value(text)
            if not sent or (first.where and not first.holds(text)):
                continue
            amount = amount_of(sent)
            for factor in factors[1:]:
                other = amount_of(factor.value(text) or "0")
                amount = Decimal(amount) * other / 100 if amount is not None and other is not None else None
            if amount is None:
                return None
            added = added - amount if sign < 0 else added + amount
        return added


Sums = dict[tuple[str, ...], Sum]
"""By the terms, as the guide writes them."""


class Tally:
    """What a balance keeps for one turn of its loop."""

    __slots__ = ("spot", "sum", "total", "unsure")

    def __init__(self) -> None:
        self.sum: Amount = 0
        self.total: Amount | None = None
        self.spot: Spot | None = None
        self.unsure = False  # Some number was none: that has been said elsewhere.


class Balanced:
    """A total and its parts.

    Args:
        number: of the rule among all of the guide.
        sums: shared by all balances of the guide.
    """

    frame = Tally

    def __init__(self, number: int, rule: Balance, dialect: Dialect, sums: Sums) -> None:
        self.number = number
        self._rule = rule
        self._sums = sums
        self._separator = dialect.separator
        self._total = reference(rule.total, dialect)._replace(where=conditions(rule.where, dialect))
        self._terms = [_term(text, dialect) for text in rule.terms]
        self._scale = Decimal(10) ** -rule.implied

    def hooks(self, place: "Place", tag: str, turn: "Turn") -> Iterator[Hook]:
        terms = tuple(term for term in self._terms if term.first.tag == tag and term.first.may_be(place, turn))
        if self._total.tag == tag and self._total.may_be(place, turn):
            yield self._taking_total()
        if terms:
            yield self._adding(self._sums.setdefault(tuple(term.text for term in terms), Sum(terms, self._separator)))

    def _taking_total(self) -> Hook:
        number, total, scale = self.number, self._total, self._scale
        whole = not self._rule.implied

        def take(text: str, scene: Scene) -> None:
            tally = scene.frames[number]
            if tally is None or tally.total is not None or (total.where and not total.holds(text)):
                return
            sent = total.value(text)
            if sent:
                amount = amount_of(sent)
                if amount is None:
                    tally.unsure = True
                else:
                    tally.total = amount if whole else amount * scale
                    tally.spot = scene.spot()

        return take

    def _adding(self, sum_of: Sum) -> Hook:
        number, of = self.number, sum_of.of

        def add(text: str, scene: Scene) -> None:
            tally = scene.frames[number]
            if tally is not None:
                amount = of(text)
                if amount is None:
                    tally.unsure = True
                else:
                    tally.sum += amount

        return add

    def end(self, tally: Tally) -> Sequence[Broken]:
        """What is to be said when the turn ends."""
        if tally.total == tally.sum or tally.total is None or tally.spot is None or tally.unsure:
            return ()
        rule = self._rule
        parts = ", ".join(term.lstrip("+") for term in rule.terms)
        return (
            Broken(
                "balance",
                rule.level,
                tally.spot,
                rule.total.rpartition("/")[2] if not rule.total[:1].isdigit() else rule.total,
                f"{rule.total} is not the total of what it sums up ({parts}).",
                rule.hint or "Make the total and its parts agree.",
            ),
        )
