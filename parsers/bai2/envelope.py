"""The envelopes of a BAI2 file as a table: files hold groups, groups hold accounts, each with totals and counts.

                    01            02             03
    OUTSIDE      ---->   FILE   ---->   GROUP  ---->  ACCOUNT: 16 and 88      and back by 49, 98, 99

A header found deeper than it belongs means that trailers are missing. Every record counts, the headers, trailers and
continuations (88) among them. The control total of an account is the sum of all its amounts; that of a group and of a
file the sum of the totals one level below.

Spec: BAI, "Cash Management Balance Reporting Specifications, Version 2".
"""

import re
from collections.abc import Generator
from dataclasses import dataclass

from parsers.bai2.records import FIELDS, TAGS, Blocks, RecordLines, Records, content, named, split, whole_balances
from parsers.events import GroupOpened, InterchangeOpened, SetOpened
from parsers.findings import Finding, Location
from parsers.nesting import Level, Nesting
from parsers.reading import START_CHARACTERS, Reading
from parsers.runs import Cutter, runs, take_raw
from parsers.segments import Item, Items, Raw, Run
from parsers.source import BLANKS
from parsers.text import within

_HEADER = re.compile(r"01,[^,/\r\n]{0,35},[^,/\r\n]{0,35},\d{6},\d{0,4},")
_AMOUNT = re.compile(r"\s*[-+]?[0-9]{1,40}\s*")
_PHYSICAL_RECORDS = range(40, 10_000)
"""Lengths of physical records that somebody may have meant."""

OPENS = {"01": Level.INTERCHANGE, "02": Level.GROUP, "03": Level.SET}
CLOSES = {"49": Level.SET, "98": Level.GROUP, "99": Level.INTERCHANGE}
_HEADERS = {level: tag for tag, level in OPENS.items()}
_TRAILERS = {level: tag for tag, level in CLOSES.items()}
_CALLED = {Level.SET: "account", Level.GROUP: "group", Level.INTERCHANGE: "file"}
_CHILDREN = {Level.GROUP: "accounts", Level.INTERCHANGE: "groups"}
_CONTENT = frozenset({"16", "88"})
_FIELD_RECORDS = Records()
_TEXT_RECORDS = Records(continues_text=True)
_MOST_CONTINUED = 50_000
"""Fields of an account that are held to be added up; one balance has 20,003 at most."""

_LONGEST_KEPT = 64
"""Characters of each; a longer one is no amount."""


def starts(text: str) -> bool:
    """A file header begins with this text."""
    return _HEADER.match(text) is not None


def read(reading: Reading) -> Items:
    """Read one file, whose 01 stands next, up to its 99; to the next 01; or to the end of all."""
    return _File(reading).read()


@dataclass(slots=True)
class _Sum:
    """Attributes:
    total: of amounts, or of the totals one level below; `said` of what their trailers say.
    records: the header included.
    children: accounts of a group, groups of a file.
    unreadable: an amount is no number, which is said once.
    """

    total: int = 0
    said: int = 0
    records: int = 0
    children: int = 0
    unreadable: bool = False


class _File:
    def __init__(self, reading: Reading) -> None:
        self._source = reading.source
        self._limits = reading.limits
        self._foreign = reading.foreign
        self._nesting = Nesting("bai2", reading.counts)
        self._report = self._nesting.report
        self._sums = {level: _Sum() for level in Level}
        self._continued: list[str] = []  # The fields of the 03 that an 88 may continue.
        self._account_at = 0  # Where the 03 stands.
        self._in_transactions = False
        self._reported: set[str] = set()  # What is said once.

    def read(self) -> Items:
        source = self._source
        cutter = self._cutter()
        for token in runs(source, cutter, self._limits):
            if isinstance(token, Raw):
                yield from self._part(token)
                if not self._nesting.stack and token.kind == "segment" and token.last:
                    return  # The header is too long to be read.
            elif (yield from self._walk(token)):
                return
        yield from self._tail(cutter)

    def _cutter(self) -> Cutter:
        head = self._source.ahead(START_CHARACTERS)
        if "\n" in head or "\r" in head:
            return RecordLines()
        fields = split(head)
        length = int(fields[6]) if len(fields) > 6 and re.fullmatch("[0-9]{1,4}", fields[6]) else 0
        if length in _PHYSICAL_RECORDS and head[length : length + 3] in {f"{tag}," for tag in TAGS}:
            return Blocks(length)
        return Blocks() if len(head) == START_CHARACTERS else RecordLines()

    # --- walking ---

    def _walk(self, run: Run) -> Generator[Item, None, bool]:
        """Envelope records one by one, the stretches between them at once.

        Returns:
            True when the file has ended, and the source stands behind it.
        """
        texts = run.texts
        done = 0
        for mark in [at for at, text in enumerate(texts) if text[:2] not in _CONTENT]:
            tag = texts[mark][:2]
            if tag not in TAGS or texts[mark][2:3] not in {",", "/", ""}:
                yield from self._content(run, done, mark)
                done = mark + 1
                if (yield from self._no_record(run, mark)):
                    return True
                continue
            yield from self._content(run, done, mark)
            done = mark + 1
            if tag == "01" and self._nesting.stack:
                yield from self._close_through(Level.INTERCHANGE, run.byte(mark), cut=True)
                self._source.go_back(run.byte(mark))
                return True
            yield from self._slash(run, mark)
            if tag in OPENS:
                yield from self._header(OPENS[tag], run, mark)
            else:
                yield from self._trailer(CLOSES[tag], run, mark)
                if not self._nesting.stack:
                    self._source.go_back(run.byte(done))
                    return True
        yield from self._content(run, done, len(texts))
        return False

    def _content(self, run: Run, first: int, stop: int) -> Items:
        """Transactions and continuations."""
        if first == stop:
            return
        nesting, texts = self._nesting, run.texts
        self._count(stop - first)
        if nesting.set is None:
            stray = next((at for at in range(first, stop) if texts[at][:2] == "16"), None)
            if stray is not None:
                yield from self._stray(run, first, stray)
        if not self._in_transactions:
            begin = first
            while begin < stop and texts[begin][:2] == "88":
                if nesting.set is not None:
                    self._continued += [field[:_LONGEST_KEPT] for field in content(texts[begin])[3:].split(",")]
                    if len(self._continued) > _MOST_CONTINUED:
                        yield from self._balances(whole_balances(self._continued))
                begin += 1
            if begin > first:
                yield nesting.segments(run, first, begin, _FIELD_RECORDS)
            if begin == stop:
                return
            first, self._in_transactions = begin, nesting.set is not None
        yield from self._amounts(run, first, stop)
        yield nesting.segments(run, first, stop, _TEXT_RECORDS if self._in_transactions else _FIELD_RECORDS)

    def _amounts(self, run: Run, first: int, stop: int) -> Items:
        amounts = [text.split(",", 3)[2:3] for text in run.texts[first:stop] if text[:2] == "16"]
        sums = self._sums[Level.SET]
        try:
            sums.total += sum(_amount(one[0].split("/", 1)[0] if one else "") for one in amounts)
        except ValueError:
            at = next(
                at
                for at in range(first, stop)
                if run.texts[at][:2] == "16" and not _is_amount([*split(run.texts[at]), "", ""][2])
            )
            sums.total += sum(
                _amount(one[0].split("/", 1)[0]) for one in amounts if one and _is_amount(one[0].split("/", 1)[0])
            )
            if not sums.unreadable:
                sums.unreadable = True
                yield self._not_numeric("16", self._place(run, first, at))

    def _not_numeric(self, tag: str, at: Location) -> Finding:
        return self._report(
            "not-numeric",
            f"{tag}/amount is no number; it was left out of the totals.",
            "Write amounts as digits without a decimal point, a sign before them where they are negative.",
            at,
        )

    def _no_record(self, run: Run, mark: int) -> Generator[Item, None, bool]:
        """A line without a record code: text that was broken, a blank line, or something else altogether."""
        text, offset, nesting = run.texts[mark], run.byte(mark), self._nesting
        if text.strip(BLANKS):
            end = run.byte(len(run.texts))
            self._source.go_back(offset)
            if self._foreign(self._source.ahead(START_CHARACTERS)):
                yield from self._close_through(Level.INTERCHANGE, offset, cut=True)
                return True
            self._source.go_back(end)
            if "line" not in self._reported:
                self._reported.add("line")
                yield self._report(
                    "line-not-a-record",
                    "A line begins with no record code; such lines were taken for text that goes on.",
                    "Continue a record by a record 88.",
                    self._place(run, mark, mark),
                    severity="warning",
                )
        yield nesting.segments(run, mark, mark + 1, _TEXT_RECORDS)
        return False

    def _slash(self, run: Run, mark: int) -> Items:
        if "/" not in run.texts[mark] and "slash" not in self._reported:
            self._reported.add("slash")
            yield self._report(
                "slash-missing",
                "A record does not end with a slash.",
                "End every record but text with a slash.",
                self._place(run, mark, mark, run.texts[mark][:2]),
                severity="warning",
            )

    def _stray(self, run: Run, first: int, at: int) -> Items:
        if "stray" not in self._reported:
            self._reported.add("stray")
            yield self._report(
                "record-out-of-place",
                "A transaction stands outside of any account.",
                "Put transactions (16) between an account (03) and its trailer (49).",
                self._place(run, first, at),
            )

    def _part(self, raw: Raw) -> Items:
        """A part of a line that is too long to hold."""
        if raw.kind != "segment":
            yield raw
            return
        if "long" not in self._reported:
            self._reported.add("long")
            yield self._report(
                "record-too-long",
                "A line is far longer than a record; it was not read.",
                "End every record with a slash and a line break.",
                self._nesting.place(raw.offset),
            )
        yield self._nesting.owned(raw)  # Nobody's, where it is the header itself.

    def _tail(self, cutter: Cutter) -> Items:
        """What stands behind the last line break when all ends; a last record need not end, but with its slash."""
        source = self._source
        text = source.held[source.at :]
        content_ = text.rstrip(BLANKS)
        if "long" in self._reported and not self._nesting.stack:
            if text:
                yield take_raw(source, len(text), "cut")
            return
        if content_:
            run = cutter.cut(source, content_)
            last = run.texts[-1]
            if "/" not in last and not self._is_whole_trailer(last):
                stop = run.starts[len(run.texts) - 1]
                begin = source.at
                if stop:
                    run = cutter.cut(source, content_[:stop])
                    source.at += stop
                    if (yield from self._walk(run)):
                        return
                assert source.at == begin + stop, "nothing more is asked for at the end"
                yield self._report(
                    "record-cut-off",
                    "The file ends inside of a record.",
                    "Send the whole file again.",
                    self._nesting.place(source.offset(source.at)),
                )
                raw = take_raw(source, len(source.held) - source.at, "cut")
                yield self._nesting.owned(raw, last[:2] if last[:2] in TAGS else None) if self._nesting.stack else raw
            else:
                source.at += len(content_)
                if (yield from self._walk(run)):
                    return
        yield from self._close_through(Level.INTERCHANGE, source.size_bytes, cut=True)

    def _is_whole_trailer(self, record: str) -> bool:
        """A last record without a slash is whole, if it says how many records there are."""
        level = CLOSES.get(record[:2])
        if level is None or record.count(",") != len(FIELDS[record[:2]]):
            return False
        return record.rsplit(",", 1)[1].strip().lstrip("0") == str(self._sums[level].records + 1)

    # --- opening ---

    def _header(self, level: Level, run: Run, mark: int) -> Items:
        offset, nesting = run.byte(mark), self._nesting
        yield from self._close_through(level, offset, cut=False)
        if nesting.stack:
            nesting.stack[-1].position += 1
        fields = [field.strip() for field in split(run.texts[mark])]
        fields += [""] * (10 - len(fields))
        here = nesting.open(level, _HEADERS[level])
        self._sums[level] = _Sum()
        if level is not Level.INTERCHANGE:
            self._sums[Level(level - 1)].children += 1
        self._count(1)
        self._in_transactions = False
        match level:
            case Level.INTERCHANGE:
                yield InterchangeOpened(
                    index=here.index,
                    standard="bai2",
                    version=within(fields[8], 2),
                    sender=within(fields[1], 35),
                    sender_qualifier=None,
                    receiver=within(fields[2], 35),
                    receiver_qualifier=None,
                    control_number=within(fields[5], 35),
                    usage=None,
                    offset=offset,
                )
            case Level.GROUP:
                yield GroupOpened(
                    interchange=nesting.index(Level.INTERCHANGE),
                    index=here.index,
                    functional_id=within(fields[3], 2),
                    sender=within(fields[2], 35),
                    receiver=within(fields[1], 35),
                    control_number=None,
                    version=None,
                    offset=offset,
                )
            case Level.SET:
                self._continued = [field[:_LONGEST_KEPT] for field in split(run.texts[mark])]
                self._account_at = offset
                group = nesting.of(Level.GROUP)
                yield SetOpened(
                    interchange=nesting.index(Level.INTERCHANGE),
                    group=group.index if group else None,
                    index=here.index,
                    set="account",
                    version=None,
                    control_number=None,
                    usage=None,
                    offset=offset,
                )
        yield nesting.segments(run, mark, mark + 1, _FIELD_RECORDS, control=level is not Level.SET)
        if level is Level.SET and nesting.of(Level.GROUP) is None:
            yield self._report(
                "account-outside-group",
                "An account stands in no group.",
                "Put a group header (02) before the first account and its trailer (98) behind the last.",
                nesting.place(offset, segment="03", position=1),
            )

    # --- closing ---

    def _trailer(self, level: Level, run: Run, mark: int) -> Items:
        tag, offset, nesting = _TRAILERS[level], run.byte(mark), self._nesting
        if nesting.of(level) is None:
            self._count(1)
            yield self._report(
                "trailer-out-of-place",
                f"{tag} closes nothing: no {_CALLED[level]} is open.",
                f"Remove the {tag} record, or send the {_HEADERS[level]} that belongs to it.",
                self._place(run, mark, mark, tag),
            )
            yield nesting.segments(run, mark, mark + 1, _FIELD_RECORDS, control=True)
            return
        while nesting.stack[-1].level is not level:
            yield from self._close(offset, cut=False, trailer_seen=False)
        self._count(1)
        fields = [field.strip() for field in split(run.texts[mark])]
        fields += [""] * (5 - len(fields))
        if level is Level.SET:
            yield from self._balances()
        yield nesting.segments(run, mark, mark + 1, _FIELD_RECORDS, control=True)
        at = nesting.place(offset, segment=tag, position=nesting.stack[-1].position)
        yield from self._wrong_total(level, fields[1], at)
        if level is not Level.SET:
            children = self._sums[level].children
            yield from self._wrong_count(f"{tag}/{FIELDS[tag][1]}", fields[2], children, _CHILDREN[level], at)
        records = self._sums[level].records
        yield from self._wrong_count(
            f"{tag}/record-count", fields[2 if level is Level.SET else 3], records, "records", at
        )
        yield from self._close(run.byte(mark + 1), cut=False, trailer_seen=True, said=fields[1])

    def _balances(self, stop: int | None = None) -> Items:
        """Add up the amounts of the account record and its continuations.

        Args:
            stop: of the fields that are added up so far, when more may come.
        """
        fields = self._continued[:stop]
        self._continued = [] if stop is None else fields[: len(FIELDS["03"]) + 1] + self._continued[stop:]
        for name, value in named(fields or ["03"]):
            if name != "03/amount":
                continue
            if _is_amount(value):
                self._sums[Level.SET].total += _amount(value)
            elif "balance" not in self._reported:
                self._reported.add("balance")
                yield self._not_numeric("03", self._nesting.place(self._account_at, segment="03", position=1))

    def _wrong_total(self, level: Level, said: str, at: Location) -> Items:
        sums = self._sums[level]
        number = _amount(said) if _is_amount(said) and said else None
        # Where a trailer below is wrong, it has been said there; what agrees with it is right.
        if number is None or number not in {sums.total, sums.said if level is not Level.SET else sums.total}:
            tag = _TRAILERS[level]
            below = "amounts of the account" if level is Level.SET else f"totals of its {_CHILDREN[level]}"
            yield self._report(
                "control-total-mismatch",
                f"{tag}/control-total is not the sum of the {below}.",
                f"Set {tag}/control-total to the sum of the {below}, signs included.",
                at,
                element=f"{tag}/control-total",
            )

    def _wrong_count(self, element: str, said: str, counted: int, what: str, at: Location) -> Items:
        if not (said.isascii() and said.isdigit() and len(said) <= 18 and int(said) == counted):
            yield self._report(
                f"{element.partition('/')[2]}-mismatch",
                f"{element} is not the number of {what}: we counted {counted}.",
                f"Set {element} to the number of {what}, headers, continuations and trailers included."
                if what == "records"
                else f"Set {element} to the number of {what}.",
                at,
                element=element,
            )

    def _close_through(self, level: Level, offset: int, *, cut: bool) -> Items:
        while self._nesting.stack and self._nesting.stack[-1].level >= level:
            yield from self._close(offset, cut=cut, trailer_seen=False)

    def _close(self, end: int, *, cut: bool, trailer_seen: bool, said: str = "") -> Items:
        nesting = self._nesting
        level = nesting.stack[-1].level
        if level is Level.SET and not trailer_seen:
            yield from self._balances()
        if not trailer_seen and (not cut or len(nesting.stack) == 1):  # Of a cut, the outermost trailer tells all.
            tag = _TRAILERS[level]
            yield self._report(
                f"{_CALLED[level]}-trailer-missing",
                f"The {_CALLED[level]} ends at byte {end} without its trailer {tag}.",
                "Send the whole file again." if cut else f"Close every {_HEADERS[level]} by its {tag}.",
                nesting.place(end, segment=tag),
            )
        if level is not Level.INTERCHANGE:
            above = self._sums[nesting.stack[-2].level]
            total = self._sums[level].total
            above.total += total
            above.said += _amount(said) if said and _is_amount(said) else total
        yield nesting.close(nesting.verdict(cut=cut), end=end, trailer_seen=trailer_seen)
        self._reported &= {"slash", "line", "long"}
        self._in_transactions = False

    # --- findings ---

    def _count(self, records: int) -> None:
        for one in self._nesting.stack:
            self._sums[one.level].records += records

    def _place(self, run: Run, first: int, at: int, segment: str | None = None) -> Location:
        here = self._nesting.here
        position = here.position + at - first + 1 if here else None
        tag = segment or run.texts[at][:2]
        return self._nesting.place(run.byte(at), segment=tag if tag in TAGS else None, position=position)


def _is_amount(text: str) -> bool:
    return not text.strip() or _AMOUNT.fullmatch(text) is not None


def _amount(text: str) -> int:
    """An amount in the smallest unit of its currency; none is nothing.

    Raises:
        ValueError: it is no number.
    """
    if text.isdigit() and text.isascii() and len(text) <= 40:
        return int(text)
    if not _is_amount(text):
        raise ValueError("no amount")
    return int(text.strip() or 0)  # Unlike `int`, `strip` knows every blank.
