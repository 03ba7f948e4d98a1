"""Whether a statement adds up: its closing balance, and what its summary says of its entries.

Only what can be said with certainty is said: of statements that are not cut into pages, with entries, in one currency.

Spec: ISO 20022 message definition report of BankToCustomerStatement: balance types opening (OPBD), previous closing
(PRCD) and closing booked (CLBD); booked entries (BOOK); CreditDebitIndicator tells the sign, reversals included.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from parsers.iso20022.totals import EXACT, decimal
from parsers.nesting import number

_ROOT = "BkToCstmrStmt/Stmt"
_PAGE, _LAST = f"{_ROOT}/StmtPgntn/PgNb", f"{_ROOT}/StmtPgntn/LastPgInd"
_BALANCE, _ENTRY, _SUMMARY = f"{_ROOT}/Bal", f"{_ROOT}/Ntry", f"{_ROOT}/TxsSummry"
_SAID = {
    f"{_SUMMARY}/TtlNtries/NbOfNtries": "",
    f"{_SUMMARY}/TtlCdtNtries/NbOfNtries": "CRDT",
    f"{_SUMMARY}/TtlCdtNtries/Sum": "CRDT",
    f"{_SUMMARY}/TtlDbtNtries/NbOfNtries": "DBIT",
    f"{_SUMMARY}/TtlDbtNtries/Sum": "DBIT",
}
_FIELDS = {
    f"{_BALANCE}/Tp/CdOrPrtry/Cd": "code",
    f"{_BALANCE}/Tp/SubTp/Cd": "part",
    f"{_BALANCE}/Tp/SubTp/Prtry": "part",
    f"{_BALANCE}/CdtLine/Incl": "credit",
    f"{_BALANCE}/Amt": "amount",
    f"{_BALANCE}/CdtDbtInd": "sign",
    f"{_BALANCE}/Dt/Dt": "date",
    f"{_BALANCE}/Dt/DtTm": "date",
    f"{_ENTRY}/Amt": "amount",
    f"{_ENTRY}/CdtDbtInd": "sign",
    f"{_ENTRY}/ValDt/Dt": "date",
    f"{_ENTRY}/ValDt/DtTm": "date",
    f"{_ENTRY}/Sts": "status",
    f"{_ENTRY}/Sts/Cd": "status",
}
HOOKS = frozenset({_ROOT, _BALANCE, _ENTRY, _PAGE, _LAST, *_SAID, *_FIELDS})
"""Paths of what is of interest here."""

SPOTTED = frozenset({f"{_BALANCE}/Amt", *_SAID})
"""Those of which it matters where they stand."""

_TRUE = {"true", "1"}
_DATE = len("2026-03-02")


class Spot(NamedTuple):
    """Where something stands in the message."""

    path: str
    position: int
    offset: int


class Wrong(NamedTuple):
    name: str
    spot: Spot
    message: str
    hint: str


@dataclass(slots=True)
class _Posted:
    """A balance or an entry."""

    amount: Decimal | None = None
    currency: str = ""
    sign: str = ""
    code: str = ""
    status: str = ""
    part: str = ""
    credit: str = ""
    date: str = ""
    spot: Spot | None = None

    @property
    def signed(self) -> Decimal | None:
        if self.amount is None or self.sign not in {"CRDT", "DBIT"}:
            return None
        return self.amount if self.sign == "CRDT" else -self.amount


@dataclass(slots=True)
class _Statement:
    """Attributes:
    balances: those of a code that counts, as long as there is one of it; None for one that stands twice.
    booked: all entries that are. later: of those, the ones whose value date is behind the closing balance's date, which
        some banks leave out of it.
    certain: nothing has come that we cannot add.
    """

    balances: dict[str, _Posted | None] = field(default_factory=dict)
    said: dict[str, tuple[str, Spot]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: {"CRDT": 0, "DBIT": 0})
    sums: dict[str, Decimal] = field(default_factory=lambda: {"CRDT": Decimal(0), "DBIT": Decimal(0)})
    booked: Decimal = Decimal(0)
    later: Decimal = Decimal(0)
    currencies: set[str] = field(default_factory=set)
    all_booked: bool = True
    certain: bool = True

    def add(self, entry: _Posted) -> None:
        signed = entry.signed
        if signed is None or entry.amount is None or not entry.status:
            self.certain = False
            return
        self.counts[entry.sign] += 1
        self.sums[entry.sign] = EXACT.add(self.sums[entry.sign], entry.amount)
        if entry.status != "BOOK":
            self.all_booked = False
        else:
            self.booked = EXACT.add(self.booked, signed)
            closing = self.balances.get("CLBD")
            if closing is not None and entry.date[:_DATE] > closing.date[:_DATE]:
                self.later = EXACT.add(self.later, signed)
            if len(self.currencies) < 2:  # Two are already one too many.
                self.currencies.add(entry.currency)

    def wrong(self) -> Iterator[Wrong]:
        if not self.certain or not sum(self.counts.values()):
            return
        if self.all_booked:
            yield from self._summary()
        opening = self.balances.get("OPBD") if "OPBD" in self.balances else self.balances.get("PRCD")
        closing = self.balances.get("CLBD")
        if opening is None or closing is None or closing.spot is None:
            return
        before, after = opening.signed, closing.signed
        if before is None or after is None or not self.currencies <= {opening.currency} <= {closing.currency}:
            return
        if {opening.credit, closing.credit} & _TRUE:
            return
        booked = EXACT.add(before, self.booked)
        if after not in {booked, EXACT.subtract(booked, self.later)}:
            yield Wrong(
                "Amt", closing.spot,
                "The closing balance (CLBD) is not the opening balance with the booked entries.",
                "Look for an entry that is missing or sent twice, and for a sign (CdtDbtInd).",
            )  # fmt: skip

    def _summary(self) -> Iterator[Wrong]:
        for path, (text, spot) in self.said.items():
            *_, group, name = path.split("/")
            sign = _SAID[path]
            if name == "NbOfNtries":
                counted = self.counts[sign] if sign else sum(self.counts.values())
                if number(text) != counted:
                    yield Wrong(
                        name, spot, f"{name} in {group} is not how many entries there are: we counted {counted}.",
                        f"Set {name} to the number of entries.",
                    )  # fmt: skip
            elif decimal(text) != self.sums[sign]:
                yield Wrong(
                    name, spot, f"{name} in {group} is not the sum of the entries.",
                    f"Set {name} to the sum of the entries' amounts.",
                )  # fmt: skip


class Statements:
    """Follows the statements of a message, one at a time."""

    def __init__(self) -> None:
        self._statement = _Statement()
        self._posted = _Posted()

    def open(self, path: str) -> None:
        if path == _ROOT:
            self._statement = _Statement()
        elif path in {_BALANCE, _ENTRY}:
            self._posted = _Posted()

    def take(self, path: str, text: str, currency: str, spot: Spot | None) -> None:
        """A text, "" for one that is not right."""
        if path in _SAID:
            if spot is not None and text:
                self._statement.said[path] = text, spot
        elif path == _PAGE:
            self._statement.certain &= number(text) == 1
        elif path == _LAST:
            self._statement.certain &= text in _TRUE
        elif _FIELDS[path] == "amount":
            self._posted.amount, self._posted.currency, self._posted.spot = decimal(text), currency, spot
        else:
            setattr(self._posted, _FIELDS[path], text)

    def close(self, path: str) -> Iterator[Wrong]:
        statement, posted = self._statement, self._posted
        if path == _ROOT:
            yield from statement.wrong()
        elif path == _ENTRY:
            statement.add(posted)
        elif path == _BALANCE and posted.code in {"OPBD", "PRCD", "CLBD"} and not posted.part:
            statement.balances[posted.code] = None if posted.code in statement.balances else posted
