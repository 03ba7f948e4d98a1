"""How many transactions a message says it has, and what it says that they come to.

Spec: ISO 20022 message definition reports. NumberOfTransactions (NbOfTxs) counts "individual transactions contained
in the message"; ControlSum (CtrlSum) is the "total of all individual amounts included in the message, irrespective
of currencies"; both may stand again in each PmtInf, for what is in it. TotalInterbankSettlementAmount
(TtlIntrBkSttlmAmt) is the sum of the interbank settlement amounts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import NamedTuple

from parsers.markup.syntax import BLANKS, local, qualified, resolved
from parsers.nesting import number
from parsers.segments import Run

EXACT = Context(prec=80)
"""Sums of as many amounts of 18 digits as a file may hold."""

_DECIMAL = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,17})?|\.\d{1,17})", re.ASCII)
_INITIAL_CHARACTERS = 6
_CDATA = "<![CDATA["
_ASIDE = ("<!--", "<?")
"""Comments and instructions, which may stand before a text."""


class Counted(NamedTuple):
    """What is counted and summed in a message, below its root.

    Attributes:
        amounts: paths below a transaction for each sum: CtrlSum may be any of them, since the standard does not say
            which amount it means.
        batch: the element that holds transactions, where they do not stand below the root.
    """

    transaction: str
    amounts: tuple[tuple[str, ...], ...]
    batch: str | None = None


_SETTLED = (("IntrBkSttlmAmt",), ("InstdAmt",))
MESSAGES = {
    "pain.001": Counted("CdtTrfTxInf", (("Amt/InstdAmt", "Amt/EqvtAmt/Amt"),), "PmtInf"),
    "pain.008": Counted("DrctDbtTxInf", (("InstdAmt",),), "PmtInf"),
    "pacs.003": Counted("DrctDbtTxInf", _SETTLED),
    "pacs.008": Counted("CdtTrfTxInf", _SETTLED),
    "pacs.009": Counted("CdtTrfTxInf", (("IntrBkSttlmAmt",),)),
}
_SAID = ("NbOfTxs", "CtrlSum", "TtlIntrBkSttlmAmt")


class Mismatch(NamedTuple):
    """Attributes:
    element: what is wrong: "GrpHdr/NbOfTxs".
    counted: our count of transactions; None when it is about an amount.
    offset: the byte of its tag.
    """

    element: str
    counted: int | None
    offset: int


class _Awaited(NamedTuple):
    """Attributes:
    tokens: in how many the text comes.
    said: it is this one's; else an amount for the sum of this index.
    """

    tokens: int
    sum: int = 0
    said: str = ""


@dataclass
class _Level:
    """The message, or one PmtInf of it.

    Attributes:
        said: text and place of each of `_SAID`.
    """

    header: str
    sums: list[Decimal]
    transactions: int = 0
    said: dict[str, tuple[str, int]] = field(default_factory=dict)

    def mismatches(self) -> Iterator[Mismatch]:
        for name, (text, offset) in self.said.items():
            element = f"{self.header}/{name}"
            if name == "NbOfTxs":
                if number(text) != self.transactions:
                    yield Mismatch(element, self.transactions, offset)
                continue
            amount = decimal(text)
            sums = self.sums if name == "CtrlSum" else self.sums[:1]
            if amount is None or amount not in sums:
                yield Mismatch(element, None, offset)


def decimal(text: str) -> Decimal | None:
    """An amount as the standard writes them: 18 digits, no exponent."""
    return Decimal(text) if _DECIMAL.fullmatch(text) else None


class Totals:
    """Counts and sums what passes of one message."""

    def __init__(self, counted: Counted, prefix: str, depth: int) -> None:
        """Args:
        prefix: that the message's elements have, "" for none.
        depth: how many elements are open in its root.
        """
        self._depth = depth
        self._batch_name = counted.batch
        self._transaction = (counted.transaction, 2 if counted.batch else 1)
        self._amounts = dict(_marks(counted, self._transaction[1]))
        names = [*_SAID, counted.transaction, *(name for name, _ in self._amounts), counted.batch or "GrpHdr"]
        prefix = prefix and f"{prefix}:"
        self._end = 1 + len(prefix) + _INITIAL_CHARACTERS
        self._initials = frozenset(f"{prefix}{name}"[: self._end - 1] for name in names)
        self._nothing = [Decimal(0)] * len(counted.amounts)
        self._message = _Level("GrpHdr", self._nothing.copy())
        self._batch: _Level | None = None
        self._awaited: _Awaited | None = None

    def take(self, run: Run, depths: list[int], first: int, stop: int) -> Iterator[Mismatch]:
        """Pass over some tokens of the message."""
        texts, initials, end = run.texts, self._initials, self._end
        self._await(texts, first, stop)
        for at in [at for at, text in enumerate(texts[first:stop], first) if text[1:end] in initials]:
            name, depth = local(qualified(texts[at])), depths[at] + 1 - self._depth
            amount = self._amounts.get((name, depth))
            if (name, depth) == self._transaction:
                for level in self._levels():
                    level.transactions += 1
            elif name == self._batch_name and depth == 1:
                if self._batch:
                    yield from self._batch.mismatches()
                self._batch = _Level(name, self._nothing.copy())
            elif amount is not None:
                self._awaited = amount
                self._await(texts, at + 1, stop)
            elif name in _SAID and depth == 2:
                said = self._levels()[-1].said
                said[name] = ("", run.byte(at))
                self._awaited = _Awaited(1, said=name)
                self._await(texts, at + 1, stop)

    def finish(self) -> Iterator[Mismatch]:
        """The message has ended."""
        for level in reversed(self._levels()):
            yield from level.mismatches()

    def _levels(self) -> list[_Level]:
        return [self._message, self._batch] if self._batch else [self._message]

    def _await(self, texts: list[str], first: int, stop: int) -> None:
        """Look for the text that is awaited, which may come in the next run."""
        awaited = self._awaited
        if awaited is None:
            return
        left = awaited.tokens
        for at in range(first, stop):
            text = texts[at]
            if text.startswith(_ASIDE):
                continue
            if text[0] != "<" or text.startswith(_CDATA):
                self._hold(awaited, text)
                self._awaited = None
                return
            left -= 1
            if not left:
                self._awaited = None
                return
        self._awaited = awaited._replace(tokens=left)

    def _hold(self, awaited: _Awaited, text: str) -> None:
        text = (text[len(_CDATA) : -3] if text[0] == "<" else resolved(text)).strip(BLANKS)
        if awaited.said:
            said = self._levels()[-1].said
            said[awaited.said] = (text, said[awaited.said][1])
            return
        amount = decimal(text)
        if amount is not None:
            for level in self._levels():
                level.sums[awaited.sum] = EXACT.add(level.sums[awaited.sum], amount)


def _marks(counted: Counted, depth: int) -> Iterator[tuple[tuple[str, int], _Awaited]]:
    """The tags that amounts follow, by name and depth: the text itself, or that of the first element within."""
    for nth, paths in enumerate(counted.amounts):
        for path in paths:
            *above, name = path.split("/")
            if name == "Amt":  # Many elements are called so; the one above it tells.
                yield (above[-1], depth + len(above)), _Awaited(2, sum=nth)
            else:
                yield (name, depth + len(above) + 1), _Awaited(1, sum=nth)
