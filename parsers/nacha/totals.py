"""What a batch or a file adds up to, and what its control record says that it does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

CREDITS = frozenset("1234")
"""The second digit of a transaction code whose amount is a credit: 22 pays out, 27 collects."""

ADV_CREDITS = frozenset("1357")
HASH_DIGITS = 10_000_000_000
"""Of the sum of routing numbers only the last ten digits are sent."""


@dataclass(slots=True)
class Totals:
    """Attributes:
    entries_addenda: how many records of both kinds.
    hash: the sum of the first eight digits of the entries' routing numbers, whole.
    """

    entries_addenda: int = 0
    hash: int = 0
    debit: int = 0
    credit: int = 0

    def add(self, other: "Totals") -> None:
        self.entries_addenda += other.entries_addenda
        self.hash += other.hash
        self.debit += other.debit
        self.credit += other.credit

    def add_entries(self, entries: Sequence[str], *, adv: bool) -> bool:
        """Add hash and amounts of some entries.

        Returns:
            False when one of them holds no number where one belongs; all others have been added.
        """
        start, stop = (27, 39) if adv else (29, 39)
        amounts = [entry[start:stop] for entry in entries]
        routing = [entry[3:11] for entry in entries]
        if not (_all_digits(amounts) and _all_digits(routing)):
            sound = [entry for entry in entries if is_numeric(entry, adv=adv)]
            self.add_entries(sound, adv=adv)
            return False
        self.hash += sum(map(int, routing))
        every = sum(map(int, amounts))
        credits_ = ADV_CREDITS if adv else CREDITS
        kinds = {entry[2] for entry in entries}
        if kinds <= credits_:
            credit = every
        elif kinds.isdisjoint(credits_):
            credit = 0
        else:
            credit = sum(int(amount) for entry, amount in zip(entries, amounts, strict=True) if entry[2] in credits_)
        self.credit += credit
        self.debit += every - credit
        return True


def is_numeric(entry: str, *, adv: bool) -> bool:
    """Routing number and amount are numbers."""
    start, stop = (27, 39) if adv else (29, 39)
    return _all_digits([entry[3:11]]) and _all_digits([entry[start:stop]])


def _all_digits(texts: Sequence[str]) -> bool:
    joined = "".join(texts)
    return (joined.isdigit() and joined.isascii() and all(texts)) or not texts


class Field(NamedTuple):
    """What a control record promises: a name, where it stands, and how to say what we counted."""

    name: str
    start: int
    stop: int
    said: str


_COUNTED = "there are {} entry and addenda records"
_HASH = "the routing numbers add up to another hash"
_DEBIT = "debits add up to another amount"
_CREDIT = "credits add up to another amount"


def _fields(start: int, count: int, money: int) -> tuple[Field, ...]:
    hash_at = start + count
    debit_at = hash_at + 10
    return (
        Field("entry-addenda-count", start, hash_at, _COUNTED),
        Field("entry-hash", hash_at, debit_at, _HASH),
        Field("total-debit", debit_at, debit_at + money, _DEBIT),
        Field("total-credit", debit_at + money, debit_at + 2 * money, _CREDIT),
    )


_BATCH, _ADV_BATCH = _fields(4, 6, 12), _fields(4, 6, 20)
_FILE, _ADV_FILE = _fields(13, 8, 12), _fields(13, 8, 20)


@dataclass(frozen=True, slots=True)
class Control:
    """A batch control (8) or file control (9) record."""

    record: str
    fields: tuple[Field, ...]

    @classmethod
    def batch(cls, record: str, *, adv: bool) -> Self:
        return cls(record, _ADV_BATCH if adv else _BATCH)

    @classmethod
    def file(cls, record: str, *, adv: bool) -> Self:
        return cls(record, _ADV_FILE if adv else _FILE)

    def said(self) -> Totals:
        """The totals as sent; what is no number counts as none."""
        return Totals(*(_number(self.record[field.start : field.stop]) or 0 for field in self.fields))

    def wrong(self, counted: Totals) -> Iterator[Field]:
        """The fields that do not say what we counted."""
        found = (counted.entries_addenda, counted.hash % HASH_DIGITS, counted.debit, counted.credit)
        for field, value in zip(self.fields, found, strict=True):
            if _number(self.record[field.start : field.stop]) != value:
                yield field


def _number(digits: str) -> int | None:
    return int(digits) if digits.isascii() and digits.isdigit() else None
