"""What can be checked of an account statement by adding up: its balances, and the pages it goes over.

Spec: SWIFT Standards MT, Category 9, MT940 and MT950: fields 60a, 61, 62a; 28C for the pages.
"""

import re
from collections.abc import Iterator
from decimal import Context, Decimal
from typing import NamedTuple

from parsers.segments import Run

REQUIRED = {
    "940": ("20", "25", "28C", "60F", "62F"),
    "941": ("20", "25", "28", "62F"),
    "942": ("20", "25", "28C", "34F"),
    "950": ("20", "25", "28C", "60F", "62F"),
}
"""Mandatory fields by type of message; the letter is as good as any other of the field's."""

BALANCED = frozenset({"940", "950"})
"""Types whose balances are apart by their entries."""

_ENTRY = re.compile(r":61:\d{6}(?:\d{4})?(R?[CD])[A-Z]?(\d[\d,]*)[A-Z]")
_BALANCE = re.compile(r":6[02][FM]:([CD])\d{6}([A-Z]{3})?(\d[\d,]*)\s*\Z")
EXACT = Context(prec=100)
"""Sums of amounts as long as `_amount` takes them."""

_NUMBER = re.compile(r":28C?:\s*(\d{1,18})(?:/(\d{1,18}))?")
_MOVES = {"C": 1, "D": -1, "RC": -1, "RD": 1}
"""A reversal takes back what it reverses."""


class Spot(NamedTuple):
    """Where a field stands: its byte, and its position in the message."""

    offset: int
    position: int | None


class Problem(NamedTuple):
    """`spot` is None when the field is missing that the problem is with."""

    code: str
    message: str
    hint: str
    tag: str
    spot: Spot | None = None


class Balance(NamedTuple):
    """Attributes:
    interim: of a page, not of the statement (60M, 62M).
    amount: less than nothing for a debit; None when it cannot be read.
    """

    interim: bool
    tag: str
    currency: str | None
    amount: Decimal | None
    spot: Spot


class Statement:
    """One message; feed it all fields in order.

    Attributes:
        closing: the last 62a.
    """

    def __init__(self, message_type: str) -> None:
        self.type = message_type
        self.opening: Balance | None = None
        self.closing: Balance | None = None
        self.account = ""
        self.number: str | None = None
        self.page: int | None = None
        self._page_spot: Spot | None = None
        self._tags: set[str] = set()
        self._moved = Decimal(0)
        self._readable = True

    def feed(self, run: Run, position: int) -> None:
        """Args: position: of the first field in the message."""
        for index, field in enumerate(run.texts):
            tag = field[1:3]
            if tag == "61":
                self._add(field)
            elif tag != "86":
                self._tags.add(tag)
                if tag in {"25", "28", "60", "62"}:
                    self._take(tag, field, Spot(run.byte(index), position + index))

    def pass_over(self) -> None:
        """A field was too long to be held."""
        self._readable = False

    def _add(self, field: str) -> None:
        moved = amount_moved(field)
        if moved is None:
            self._readable = False
        else:
            self._moved = EXACT.add(self._moved, moved)

    def _take(self, tag: str, field: str, spot: Spot) -> None:
        if tag == "60":
            self.opening = self.opening or _balance(field, spot)
        elif tag == "62":
            self.closing = _balance(field, spot)
        elif tag == "25":
            self.account = self.account or field
        elif self.number is None:
            found = _NUMBER.match(field)
            self.number, self._page_spot = found[1] if found else "", spot
            self.page = int(found[2]) if found and found[2] else None

    def problems(self, before: "Statement | None") -> Iterator[Problem]:
        """All that is wrong, when its last field has come.

        Args:
            before: the statement before it in the file.
        """
        for tag in REQUIRED.get(self.type, ()):
            if tag[:2] not in self._tags:
                yield Problem(
                    "field-missing",
                    f"The message has no field {tag}, which an MT{self.type} must have.",
                    f"Send field {tag} in every MT{self.type}.",
                    tag,
                )
        opening, closing = self.opening, self.closing
        if self.type in BALANCED and opening and closing:
            yield from self._balance(opening, closing)
        if before and opening and before.closing and before.closing.interim and before.account == self.account:
            yield from self._following(before, before.closing, opening)

    def _balance(self, opening: Balance, closing: Balance) -> Iterator[Problem]:
        if opening.currency and closing.currency and opening.currency != closing.currency:
            yield Problem(
                "currency-mismatch",
                "The closing balance is in another currency than the opening balance.",
                "Send one statement for each currency.",
                closing.tag,
                closing.spot,
            )
        elif (
            self._readable
            and opening.amount is not None
            and closing.amount is not None
            and EXACT.add(opening.amount, self._moved) != closing.amount
        ):
            yield Problem(
                "closing-balance",
                "The closing balance is not the opening balance and all entries (field 61) added up.",
                "Check for entries that are missing or doubled, and for marks (C, D, RC, RD) that are wrong.",
                closing.tag,
                closing.spot,
            )

    def _following(self, before: "Statement", closing: Balance, opening: Balance) -> Iterator[Problem]:
        if not opening.interim:
            yield Problem(
                "page-missing",
                "The page before ends with an interim balance (62M), but this one does not begin with one (60M).",
                "Send all pages of a statement, one behind the other.",
                opening.tag,
                opening.spot,
            )
            return
        if None not in {opening.amount, closing.amount} and opening.amount != closing.amount:
            yield Problem(
                "page-balance",
                "The balance at the beginning of this page is not the one at the end of the page before.",
                "Send all pages of a statement, one behind the other.",
                opening.tag,
                opening.spot,
            )
        if self.number == before.number and None not in {self.page, before.page} and self.page != before.page + 1:  # type: ignore[operator]  # Neither is None.
            yield Problem(
                "page-number",
                "The number of the page (field 28C, behind the slash) does not follow that of the page before.",
                "Count the pages of a statement from 1.",
                "28C",
                self._page_spot,
            )


def _balance(field: str, spot: Spot) -> Balance:
    tag = field[1:4]
    found = _BALANCE.match(field)
    amount = _amount(found[3]) if found else None
    if found and amount is not None and found[1] == "D":
        amount = amount.copy_negate()  # Unlike "-", it never rounds.
    return Balance(interim=tag.endswith("M"), tag=tag, currency=found[2] if found else None, amount=amount, spot=spot)


def amount_moved(field: str) -> Decimal | None:
    """What an entry, with its tag, adds to the balance; None when that cannot be read."""
    entry = _ENTRY.match(field)
    amount = _amount(entry[2]) if entry else None
    return EXACT.multiply(amount, _MOVES[entry[1]]) if entry and amount is not None else None


def signed_balance(field: str) -> tuple[str, Decimal] | None:
    """Currency and amount of a balance, with its tag; None when they cannot be read."""
    balance = _balance(field, Spot(0, None))
    return None if balance.currency is None or balance.amount is None else (balance.currency, balance.amount)


def _amount(text: str) -> Decimal | None:
    """An amount as SWIFT writes it: its comma may be the last character, and some senders leave it out."""
    whole, _, decimals = text.partition(",")
    if len(text) > 40 or "," in decimals:
        return None
    return Decimal(f"{whole}.{decimals or 0}")
