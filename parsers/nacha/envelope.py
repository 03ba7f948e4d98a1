"""The envelopes of a NACHA file as a table: which record may follow which, with counts, hashes and totals checked.

                    1             5               6, 7: entries and their addenda
    OUTSIDE      ---->   FILE   ---->   BATCH
                   9 (fill)      8

The file is the interchange, a batch the set. Behind the file control (9) stand records of nines that fill the last
block of ten. A batch header in an open batch, or a file header in an open file, means that control records are missing.

Spec: Nacha Operating Rules, appendix three, "ACH record format specifications".
"""

import re
from collections.abc import Generator

from msgspec.structs import replace

from parsers.events import InterchangeOpened, SetOpened
from parsers.findings import Finding, Location, Severity
from parsers.nacha.entries import Entries
from parsers.nacha.records import COLUMNS, RECORDS_A_BLOCK, Records94, in_columns, layout_of
from parsers.nacha.totals import Control, Totals
from parsers.nesting import Level, Nesting, number
from parsers.reading import START_CHARACTERS, Reading
from parsers.runs import runs, take_raw
from parsers.segments import Item, Items, Raw, Run
from parsers.source import BLANKS
from parsers.text import within

_HEADER = re.compile(r"1\d\d[\d ][\d ]{9}[^\r\n]{10}[^\r\n]{11}094101")
_LEAST = {"1": 40, "9": 55}
"""Columns that no sender may trim: what stands behind them may be blank. All other records end with digits."""

_SERVICE_CLASSES = {"200", "220", "225", "280"}
_CONTENT = frozenset("67")
_TYPES = frozenset("156789")


def starts(text: str) -> bool:
    """A file header with record size, blocking factor and format code begins this text."""
    return _HEADER.match(text) is not None


def read(reading: Reading) -> Items:
    """Read one file, whose header stands next, up to its fill; to the next header; or to the end of all."""
    return _File(reading).read()


def _fits(record: str) -> bool:
    return len(record.rstrip(BLANKS)) <= COLUMNS and len(record) >= _LEAST.get(record[0], COLUMNS)


def _is_fill(record: str) -> bool:
    return record.startswith("9999999999") and not record.strip("9 \t")


class _File:
    def __init__(self, reading: Reading) -> None:
        self._source = reading.source
        self._limits = replace(reading.limits, held_bytes=max(reading.limits.held_bytes, 1000))
        self._foreign = reading.foreign
        self._nesting = Nesting("nacha", reading.counts)
        self._place, self._report = self._nesting.place, self._nesting.report
        self._cutter = Records94()
        self._totals = Totals()
        self._said = Totals()  # The sum of what batch controls say.
        self._records = 0  # The fill included.
        self._header = ""  # Of the batch.
        self._batch = Totals()
        self._entries = Entries(self._nesting)
        self._layout = layout_of("")
        self._adv = False
        self._needed = 0  # Blocks, up to the file control.
        self._control: tuple[str, Location] | None = None  # Of the file, once it has come.
        self._reported: set[str] = set()  # What is said once between two envelopes.

    def read(self) -> Items:
        source = self._source
        for token in runs(source, self._cutter, self._limits):
            if isinstance(token, Raw):
                yield from self._part(token)
                if not self._nesting.stack and token.kind == "segment" and token.last:
                    return  # The header is too long to be read.
            elif (yield from self._walk(token)):
                return
        yield from self._tail()

    # --- walking ---

    def _walk(self, run: Run) -> Generator[Item, None, bool]:
        """Envelope records one by one, the stretches between them at once.

        Returns:
            True when the file has ended, and the source stands behind it.
        """
        texts = run.texts
        done = 0
        for mark in [at for at, text in enumerate(texts) if text[:1] not in _CONTENT]:
            if mark < done:
                continue
            if self._control is not None and done < mark:
                break  # Entries behind the file control end the file, whatever stands behind them in this run.
            yield from self._content(run, done, mark)
            done = mark + 1
            kind = texts[mark][:1]
            if self._control is not None or _is_fill(texts[mark]):
                while mark < len(texts) and _is_fill(texts[mark]):
                    mark += 1  # noqa: PLW2901  as far as the fill goes
                if mark >= done:
                    yield from self._fill(run, done - 1, mark)
                    done = mark
                    continue
                yield from self._end(run.byte(done - 1))
                self._source.go_back(run.byte(done - 1))
                return True
            if kind == "1" and self._nesting.stack and starts(texts[mark]):
                yield from self._cut_off(run.byte(mark))
                self._source.go_back(run.byte(mark))
                return True
            if kind in "1589":
                yield from self._envelope(kind, run, mark)
            elif (yield from self._unknown(run, mark)):
                return True
        if self._control is not None and done < len(texts):
            yield from self._end(run.byte(done))
            self._source.go_back(run.byte(done))
            return True
        yield from self._content(run, done, len(texts))
        return False

    def _envelope(self, kind: str, run: Run, mark: int) -> Items:
        match kind:
            case "1":
                yield from self._file_header(run, mark)
            case "5":
                yield from self._batch_header(run, mark)
            case "8":
                yield from self._batch_control(run, mark)
            case _:
                yield from self._file_control(run, mark)

    def _content(self, run: Run, first: int, stop: int) -> Items:
        """Entries and their addenda."""
        if first == stop:
            return
        nesting = self._nesting
        yield from self._misfits(run, first, stop)
        if nesting.set is None:
            yield from self._stray(run.byte(first), run.texts[first][:1])
        else:
            records = run.texts[first:stop]
            if not (run.text.isascii() or run.means_characters):
                records = [in_columns(record) for record in records]
            yield from self._entries.take(run, records, first, self._batch)
        self._records += stop - first
        yield nesting.segments(run, first, stop, self._layout)

    def _stray(self, offset: int, kind: str) -> Items:
        if "stray" not in self._reported:
            self._reported.add("stray")
            yield self._report(
                "record-out-of-place",
                "A record stands where none of its type may stand.",
                "Put entries (6) and addenda (7) between a batch header (5) and its control (8).",
                self._place(offset, segment=kind if kind in _TYPES else None),
            )

    def _unknown(self, run: Run, mark: int) -> Generator[Item, None, bool]:
        """A record of no type; blank lines are none, and headers of other standards end the file."""
        text, offset = run.texts[mark], run.byte(mark)
        nesting = self._nesting
        if not text.strip(BLANKS):
            yield nesting.segments(run, mark, mark + 1, self._layout)
            nesting.stack[-1].position -= 1
            return False
        end = run.byte(len(run.texts))
        self._source.go_back(offset)
        if self._foreign(self._source.ahead(START_CHARACTERS)):
            yield from self._cut_off(offset)
            return True
        self._source.go_back(end)
        if "type" not in self._reported:
            self._reported.add("type")
            yield self._report(
                "record-type-unknown",
                "A record begins with no record type: 1, 5, 6, 7, 8 or 9.",
                "Write records of 94 characters, each with its type first.",
                self._place(offset),
            )
        self._records += 1
        yield nesting.segments(run, mark, mark + 1, self._layout)
        return False

    def _misfits(self, run: Run, first: int, stop: int) -> Items:
        """Records that are no 94 characters long, but for trailing blanks."""
        lengths = {len(text) for text in run.texts[first:stop]}
        if lengths == {COLUMNS}:
            return
        here = self._nesting.stack[-1]
        for at in range(first, stop):
            sent = run.texts[at]
            text = sent if run.means_characters else in_columns(sent)
            place = self._place(
                run.byte(at), segment=text[0] if text[0] in _TYPES else None, position=here.position + at - first + 1
            )
            if text is not sent and "characters" not in self._reported:
                self._reported.add("characters")
                yield self._report(
                    "not-ascii",
                    "A record has more than 94 bytes, and its columns were counted in characters.",
                    "Write records in ASCII.",
                    place,
                    severity="warning",
                )
            if _fits(text) or "length" in self._reported:
                continue
            self._reported.add("length")
            yield self._report(
                "record-length",
                "A record is not 94 characters long.",
                "Pad every record with blanks to 94 characters, and write no more of them.",
                place,
            )

    def _part(self, raw: Raw) -> Items:
        """A part of a line that is too long to hold, and no records one behind the other."""
        if raw.kind != "segment":
            yield raw
            return
        if "length" not in self._reported:
            self._reported.add("length")
            yield self._report(
                "record-length",
                "A line is far longer than a record.",
                "Write records of 94 characters, each on its line.",
                self._place(raw.offset),
            )
        yield self._nesting.owned(raw)  # Nobody's, where it is the header itself.

    def _tail(self) -> Items:
        """What stands behind the last line break when all ends; a last record need not end."""
        source = self._source
        text = source.held[source.at :]
        content = text.rstrip(BLANKS)
        if "length" in self._reported and not self._nesting.stack:
            if text:
                yield take_raw(source, len(text), "cut")
            return
        if content:
            if self._is_cut(content):
                at = content.rfind("\n") + 1  # There is none: records of one line.
                whole = (len(content) - at) // COLUMNS * COLUMNS
                if whole and (yield from self._take(whole)):
                    return
                yield from self._cut_record()
            elif (yield from self._take(len(content))):
                return
        if self._control is not None:
            yield from self._end(source.offset(source.at))
        elif self._nesting.stack:
            yield from self._cut_off(source.size_bytes)

    def _take(self, length: int) -> Generator[Item, None, bool]:
        source = self._source
        run = self._cutter.cut(source, source.held[source.at : source.at + length])
        source.at += length
        return (yield from self._walk(run))

    def _is_cut(self, content: str) -> bool:
        last = content[(len(content) - 1) // COLUMNS * COLUMNS :]
        if _is_fill(content) or self._control is not None:
            return False
        return len(last) < _LEAST.get(last[0], COLUMNS)

    def _cut_record(self) -> Items:
        source = self._source
        text = source.held[source.at :]
        yield self._report(
            "record-cut-off",
            "The file ends inside of a record.",
            "Send the whole file again.",
            self._place(source.offset(source.at)),
        )
        raw = take_raw(source, len(text), "cut")
        yield self._nesting.owned(raw, text[0] if text[0] in _TYPES else None) if self._nesting.stack else raw

    # --- opening ---

    def _file_header(self, run: Run, mark: int) -> Items:
        header, offset = in_columns(run.texts[mark]), run.byte(mark)
        if self._nesting.stack:  # It is no header, but its first digit.
            yield from self._stray(offset, "1")
            self._records += 1
            yield self._nesting.segments(run, mark, mark + 1, self._layout)
            return
        here = self._nesting.open(Level.INTERCHANGE, "1")
        yield InterchangeOpened(
            index=here.index,
            standard="nacha",
            version=None,
            sender=within(header[13:23].strip(), 10),
            sender_qualifier=None,
            receiver=within(header[3:13].strip(), 10),
            receiver_qualifier=None,
            control_number=within(header[33:34], 1),
            usage=None,
            offset=offset,
        )
        self._records += 1
        yield from self._misfits(run, mark, mark + 1)
        yield self._nesting.segments(run, mark, mark + 1, self._layout, control=True)
        yield from self._entries.check_digit(
            header[4:13], self._place(offset, segment="1", position=1, element="1/immediate-destination")
        )

    def _batch_header(self, run: Run, mark: int) -> Items:
        header, offset, nesting = in_columns(run.texts[mark]), run.byte(mark), self._nesting
        if nesting.set is not None:
            yield from self._batch_control_missing(offset)
        nesting.stack[-1].position += 1
        sec = header[50:53]
        self._header, self._batch, self._layout = header, Totals(), layout_of(sec)
        adv = sec.upper() == "ADV" or header[1:4] == "280"
        self._adv = self._adv or adv
        here = nesting.open(Level.SET, "5", header[87:94].strip())
        self._entries.begin(sec.upper(), adv=adv)
        self._reported.clear()
        self._records += 1
        yield SetOpened(
            interchange=nesting.index(Level.INTERCHANGE),
            group=None,
            index=here.index,
            set=within(sec.upper(), 3),
            version=None,
            control_number=within(here.control_number, 7),
            usage=None,
            offset=offset,
            sender=within(header[40:50].strip(), 10),
        )
        yield from self._misfits(run, mark, mark + 1)
        yield nesting.segments(run, mark, mark + 1, self._layout, control=True)
        at = self._place(offset, segment="5", position=1)
        if header[1:4] not in _SERVICE_CLASSES:
            yield self._report(
                "service-class",
                "5/service-class is none of 200, 220, 225 and 280.",
                "Use 200 for debits and credits, 220 for credits, 225 for debits, 280 for accounting advices.",
                replace(at, element="5/service-class"),
            )
        if sec != sec.upper():
            yield self._report(
                "lower-case",
                "5/sec, the standard entry class, is not in capitals.",
                "Write the standard entry class in capitals.",
                replace(at, element="5/sec"),
                severity="warning",
            )

    # --- closing ---

    def _batch_control(self, run: Run, mark: int) -> Items:
        record, offset, nesting = in_columns(run.texts[mark]), run.byte(mark), self._nesting
        self._records += 1
        if nesting.set is None:
            yield from self._stray(offset, "8")
            yield nesting.segments(run, mark, mark + 1, self._layout, control=True)
            return
        yield from self._entries.finish()
        yield from self._misfits(run, mark, mark + 1)
        control = Control.batch(record, adv=self._entries.adv)
        yield nesting.segments(run, mark, mark + 1, self._layout, control=True)
        at = self._place(offset, segment="8", position=nesting.stack[-1].position)
        yield from self._wrong_totals(control, self._batch, at)
        yield from self._not_repeated(record, at)
        yield from self._service_class(at)
        self._totals.add(self._batch)
        self._said.add(control.said())
        yield nesting.close(nesting.verdict(), end=run.byte(mark + 1))
        self._header = ""
        self._reported.clear()

    def _wrong_totals(self, control: Control, counted: Totals, at: Location) -> Items:
        for field in control.wrong(counted):
            element = f"{at.segment}/{field.name}"
            yield self._report(
                f"{field.name}-mismatch",
                f"{element} is not what the records say: {field.said.format(counted.entries_addenda)}.",
                f"Set {element} to what the records before it add up to.",
                replace(at, element=element),
            )

    def _not_repeated(self, record: str, at: Location) -> Items:
        """What the batch control repeats of its header."""
        header = self._header
        repeated: list[tuple[str, str, str, Severity]] = [
            ("batch-number", header[87:94], record[87:94], "error"),
            ("service-class", header[1:4], record[1:4], "error"),
            ("odfi", header[79:87], record[79:87], "error"),
        ]
        if not self._entries.adv:
            repeated.append(("company-id", header[40:50], record[44:54], "warning"))
        for name, sent, again, severity in repeated:
            if sent.strip() != again.strip():
                yield self._report(
                    f"{name}-mismatch",
                    f"8/{name} is not what the batch header says.",
                    f"Repeat 5/{name} of the batch header in 8/{name}.",
                    replace(at, element=f"8/{name}"),
                    severity=severity,
                )

    def _service_class(self, at: Location) -> Items:
        service, totals = self._header[1:4], self._batch
        for code, wrong, only in (("220", totals.debit, "credits"), ("225", totals.credit, "debits")):
            if service == code and wrong:
                yield self._report(
                    "service-class",
                    f"5/service-class says that the batch holds {only} only, and it holds others.",
                    "Use 200 for a batch that holds both.",
                    replace(at, segment="5", element="5/service-class"),
                )

    def _file_control(self, run: Run, mark: int) -> Items:
        record, offset, nesting = in_columns(run.texts[mark]), run.byte(mark), self._nesting
        if nesting.set is not None:
            yield from self._batch_control_missing(offset)
        self._records += 1
        yield from self._misfits(run, mark, mark + 1)
        yield nesting.segments(run, mark, mark + 1, layout_of("ADV" if self._adv else ""), control=True)
        at = self._place(offset, segment="9", position=nesting.stack[-1].position)
        control = Control.file(record, adv=self._adv)
        batches = nesting.stack[-1].children
        if number(record[1:7]) != batches:
            yield self._report(
                "batch-count-mismatch",
                f"9/batch-count is not the number of batches: we counted {batches}.",
                "Set 9/batch-count to the number of batches in the file.",
                replace(at, element="9/batch-count"),
            )
        agrees_with_batches = not list(control.wrong(self._said))
        if not agrees_with_batches:  # Else what is wrong has been said of a batch.
            yield from self._wrong_totals(control, self._totals, at)
        self._control = (record, at)
        self._needed = -(-self._records // RECORDS_A_BLOCK)

    def _fill(self, run: Run, first: int, stop: int) -> Items:
        if self._nesting.set is not None:
            yield from self._batch_control_missing(run.byte(first))
        if self._control is None and "control" not in self._reported:
            self._reported.add("control")
            yield self._control_missing(run.byte(first), "Close every file by a file control record (9).")
        self._records += stop - first
        yield self._nesting.segments(run, first, stop, self._layout, control=True)

    def _end(self, end: int) -> Items:
        """The file control has come, and its fill."""
        assert self._control is not None, "a file without its control is cut off"
        record, at = self._control
        blocks = -(-self._records // RECORDS_A_BLOCK)
        if number(record[7:13]) not in {self._needed, blocks}:
            yield self._report(
                "block-count-mismatch",
                f"9/block-count is not the number of blocks of ten records: we counted {blocks}.",
                "Set 9/block-count to the number of records by ten, rounded up.",
                replace(at, element="9/block-count"),
            )
        if self._records % RECORDS_A_BLOCK:
            yield self._report(
                "block-not-filled",
                "The last block has no ten records.",
                "Fill the last block with records of nines.",
                replace(at, element=None),
                severity="info",
            )
        yield self._nesting.close(self._nesting.verdict(), end=end)

    def _batch_control_missing(self, offset: int) -> Items:
        nesting = self._nesting
        yield from self._entries.finish()
        yield self._report(
            "batch-control-missing",
            "A batch ends without its batch control record (8).",
            "Close every batch by a batch control record.",
            self._place(offset, segment="8"),
        )
        self._totals.add(self._batch)
        self._said.add(self._batch)
        yield nesting.close(nesting.verdict(), end=offset)
        self._reported.clear()

    def _control_missing(self, offset: int, hint: str) -> Finding:
        return self._report(
            "file-control-missing",
            "The file ends without its file control record (9).",
            hint,
            self._place(offset, segment="9"),
        )

    def _cut_off(self, end: int) -> Items:
        """What is open ends here without its control records, if the file control has not come."""
        nesting = self._nesting
        if self._control is not None:
            yield from self._end(end)
            return
        if nesting.set is not None:
            yield nesting.close(nesting.verdict(cut=True), end=end)
        fill_seen = "control" in self._reported
        if not fill_seen:
            yield self._control_missing(end, "Send the whole file again.")
        yield nesting.close(nesting.verdict(cut=not fill_seen), end=end, trailer_seen=False)
