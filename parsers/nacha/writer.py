"""NACHA files out of values: counts, hashes, totals and blocks are computed.

    writer = Writer()
    data = writer.file("01", " 061000104", "1234567890", "260302", "0915", "A", "094", "10", "1", "BANK", "COMPANY")
    data += writer.batch("220", "COMPANY", "", "1234567890", "PPD", "PAYROLL", "", "260303", "", "1", "06100010", "1")
    data += writer.entry("22", "07100050", "5", "12345", "100.50", "EMP-1", "ALBA", "", "0", "061000100000001")
    data += writer.end_batch() + writer.end_file()

Values stand in the order of the record's fields, as they are read, without the record type.

Spec: Nacha Operating Rules, appendix three.
"""

from collections.abc import Iterable, Iterator, Sequence

from parsers.layout import Layout
from parsers.nacha.records import FILL, RECORDS_A_BLOCK, layout_of
from parsers.nacha.totals import HASH_DIGITS, Totals
from parsers.segments import Item, Value
from parsers.writing import segment_values


class Writer:
    """Holds what is open, to count it.

    Args:
        line_ending: behind every record; nothing, where records follow each other.
        fill: complete the last block of ten records by records of nines.

    Raises:
        ValueError: from every method: a value does not fit into its field, is no number where one belongs, or is not
            in ASCII; nothing is open. The message names the place, never the value.
    """

    def __init__(self, *, line_ending: str = "\n", fill: bool = True) -> None:
        if line_ending.strip("\r\n"):
            raise ValueError("line_ending is a line break, or nothing")
        self._ending = line_ending.encode("ascii")
        self._fill = fill
        self._records = self._batches = 0
        self._file_open = self._adv_file = False
        self._header = ""  # Of the batch that is open.
        self._layout: Layout = layout_of("")
        self._batch = self._file = Totals()

    def file(self, *values: Value) -> bytes:
        """The file header (1)."""
        if self._file_open:
            raise ValueError("a file is open: end it first")
        written = self._record(layout_of(""), ["1", *values])
        self._file_open, self._adv_file = True, False
        self._records, self._batches, self._file = 1, 0, Totals()
        return written + self._ending

    def batch(self, *values: Value) -> bytes:
        """A batch header (5): which entries and addenda fit in it is told by its class, the SEC code."""
        if not self._file_open or self._header:
            raise ValueError("a batch header needs a file that is open, and no batch in it")
        sec = values[5 if len(values) > 5 else -1] if values else ""
        iat = len(values) > 7 and values[7] == "IAT"
        layout = layout_of("IAT" if iat else sec if isinstance(sec, str) else "")
        written = self._record(layout, ["5", *values])
        self._layout, self._header, self._batch = layout_of(written[50:53].decode()), written.decode(), Totals()
        self._records += 1
        return written + self._ending

    def entry(self, *values: Value) -> bytes:
        """An entry (6) of the batch that is open."""
        return self._content(["6", *values])

    def addenda(self, *values: Value) -> bytes:
        """An addenda record (7) of the entry before: its type first."""
        return self._content(["7", *values])

    def end_batch(self) -> bytes:
        """The batch control (8)."""
        if not self._header:
            raise ValueError("a batch control needs a batch that is open")
        header, totals, adv = self._header, self._batch, self._adv
        self._header = ""
        self._batches += 1
        self._records += 1
        self._file.add(totals)
        self._adv_file = self._adv_file or adv
        ids: list[str] = [""] if adv else [header[40:50].rstrip(" "), "", ""]
        values = ["8", header[1:4], *_promised(totals), *ids, header[79:87], header[87:94]]
        return self._record(self._layout, values) + self._ending

    def end_file(self) -> bytes:
        """The file control (9), and the records of nines behind it."""
        if not self._file_open or self._header:
            raise ValueError("a file control needs a file that is open, and no batch in it")
        self._file_open = False
        self._records += 1
        blocks = -(-self._records // RECORDS_A_BLOCK)
        values = ["9", str(self._batches), str(blocks), *_promised(self._file)]
        written = self._record(layout_of("ADV" if self._adv_file else ""), values) + self._ending
        missing = blocks * RECORDS_A_BLOCK - self._records if self._fill else 0
        return written + (FILL.encode() + self._ending) * missing

    def rewrite(self, items: Iterable[Item]) -> Iterator[bytes]:
        """What was read at the lossless level; control records and blocks are made anew."""
        for tag, values in segment_values(items):
            match tag:
                case "1":
                    yield self.file(*values[1:])
                case "5":
                    yield self.batch(*values[1:])
                case "6" | "7":
                    yield self._content(values)
                case "8":
                    yield self.end_batch()
                case "9" if self._file_open:
                    yield self.end_file()
                case _:
                    pass  # Fill, which has been written.

    @property
    def _adv(self) -> bool:
        return self._header[50:53].upper() == "ADV"

    def _content(self, values: Sequence[Value]) -> bytes:
        if not self._header:
            raise ValueError("entries and addenda need a batch that is open")
        written = self._record(self._layout, values)
        record = written.decode()
        self._batch.entries_addenda += 1
        if record[0] == "6" and not self._batch.add_entries([record], adv=self._adv):
            raise ValueError("6/rdfi and 6/amount are numbers")
        self._records += 1
        return written + self._ending

    def _record(self, layout: Layout, values: Sequence[Value]) -> bytes:
        record = layout.matching(values)
        if record is None:
            raise ValueError("there is no such record")
        written = layout.compose(record, values)
        if not written.isascii():
            raise ValueError(f"{record.tag} has a character that is not in ASCII")
        return written


def _promised(totals: Totals) -> list[str]:
    money = [f"{cents // 100}.{cents % 100:02}" for cents in (totals.debit, totals.credit)]
    return [str(totals.entries_addenda), str(totals.hash % HASH_DIGITS), *money]
