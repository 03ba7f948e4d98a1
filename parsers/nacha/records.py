"""The records of a NACHA file as layouts, one for each standard entry class (SEC) that has its own.

Spec: Nacha Operating Rules, appendix three, "ACH record format specifications".
"""

from functools import cache

from parsers.layout import Field, FieldType, Layout, Mark, Record
from parsers.runs import FIRST_CHARACTERS, Lines
from parsers.segments import Run
from parsers.source import Source

COLUMNS = 94
RECORDS_A_BLOCK = 10
FILL = "9" * COLUMNS

TYPES: dict[str, FieldType] = {"a": "an", "n": "n", "d": "date", "$": "money"}


def _record(marks: str, fields: str) -> Record:
    """A record whose first characters are `marks`, with fields one behind the other: "amount:10$ name:22a"."""
    made, column = [], 1
    for field in fields.split():
        name, width = field.split(":")
        kind = TYPES[width[-1]]
        numeric = kind in {"n", "money"}
        made.append(Field(name, column, int(width[:-1]), kind, 2 * (kind == "money"), numeric, "0" if numeric else " "))
        column += int(width[:-1])
    told = [Mark(field.start, marks[field.start - 1 : field.end]) for field in made if field.start <= len(marks)]
    return Record(marks[0], tuple(told), tuple(made))


FILE_HEADER = _record(
    "1",
    "record-type:1n priority-code:2n immediate-destination:10a immediate-origin:10a file-creation-date:6d"
    " file-creation-time:4a file-id-modifier:1a record-size:3n blocking-factor:2n format-code:1n"
    " immediate-destination-name:23a immediate-origin-name:23a reference-code:8a",
)
_BATCH_END = " effective-entry-date:6d settlement-date:3a originator-status-code:1a odfi:8n batch-number:7n"
BATCH_HEADER = _record(
    "5",
    "record-type:1n service-class:3n company-name:16a company-discretionary-data:20a company-id:10a sec:3a"
    " entry-description:10a descriptive-date:6a" + _BATCH_END,
)
IAT_BATCH_HEADER = _record(
    "5",
    "record-type:1n service-class:3n iat-indicator:16a foreign-exchange-indicator:2a"
    " foreign-exchange-reference-indicator:1a foreign-exchange-reference:15a destination-country:2a originator-id:10a"
    " sec:3a entry-description:10a originating-currency:3a destination-currency:3a" + _BATCH_END,
)
BATCH_CONTROL = _record(
    "8",
    "record-type:1n service-class:3n entry-addenda-count:6n entry-hash:10n total-debit:12$ total-credit:12$"
    " company-id:10a message-authentication-code:19a reserved:6a odfi:8n batch-number:7n",
)
ADV_BATCH_CONTROL = _record(
    "8",
    "record-type:1n service-class:3n entry-addenda-count:6n entry-hash:10n total-debit:20$ total-credit:20$"
    " operator-data:19a odfi:8n batch-number:7n",
)
_FILE_CONTROL = "record-type:1n batch-count:6n block-count:6n entry-addenda-count:8n entry-hash:10n"
FILE_CONTROL = _record("9", _FILE_CONTROL + " total-debit:12$ total-credit:12$ reserved:39a")
ADV_FILE_CONTROL = _record("9", _FILE_CONTROL + " total-debit:20$ total-credit:20$ reserved:23a")
_FILL = _record("9" * 20, "fill:94a")._replace(marks=(Mark(1, "9" * 20),))

_ENTRY = "record-type:1n transaction-code:2n rdfi:8n check-digit:1n account:17a amount:10$"
_ENTRY_END = " discretionary-data:2a addenda-indicator:1n trace-number:15n"
ENTRY = _record("6", f"{_ENTRY} identification-number:15a individual-name:22a{_ENTRY_END}")
_CORPORATE = _record(
    "6",
    f"{_ENTRY} identification-number:15a addenda-count:4n receiving-company-name:16a reserved:2a{_ENTRY_END}",
)
_NAME_FIRST = _record("6", f"{_ENTRY} individual-name:15a identification-number:22a{_ENTRY_END}")
_CHECK = _record("6", f"{_ENTRY} check-serial-number:15a individual-name:22a{_ENTRY_END}")
_TRUNCATED = _record(
    "6", f"{_ENTRY} check-serial-number:15a process-control-field:6a item-research-number:16a{_ENTRY_END}"
)
_ENTRIES = {
    "ADV": _record(
        "6",
        "record-type:1n transaction-code:2n rdfi:8n check-digit:1n account:15a amount:12$ advice-routing-number:9n"
        " file-identification:5a operator-data:1a individual-name:22a discretionary-data:2a addenda-indicator:1n"
        " operator-routing-number:8n julian-date:3n sequence-number:4n",
    ),
    "ARC": _CHECK,
    "ATX": _CORPORATE,
    "BOC": _CHECK,
    "CIE": _NAME_FIRST,
    "CTX": _CORPORATE,
    "ENR": _CORPORATE,
    "IAT": _record(
        "6",
        "record-type:1n transaction-code:2n rdfi:8n check-digit:1n addenda-count:4n reserved:13a amount:10$"
        " account:35a reserved-2:2a gateway-ofac-indicator:1a secondary-ofac-indicator:1a addenda-indicator:1n"
        " trace-number:15n",
    ),
    "MTE": _NAME_FIRST,
    "POP": _record(
        "6",
        f"{_ENTRY} check-serial-number:9a terminal-city:4a terminal-state:2a individual-name:22a{_ENTRY_END}",
    ),
    "RCK": _CHECK,
    "SHR": _record(
        "6",
        f"{_ENTRY} card-expiration-date:4n document-reference:11a individual-card-account:22a{_ENTRY_END}",
    ),
    "TRC": _TRUNCATED,
    "TRX": _CORPORATE,
    "XCK": _TRUNCATED,
}

ADDENDA_COUNTED = frozenset({"ATX", "CTX", "ENR", "IAT", "TRX"})
"""Classes whose entries say how many addenda they have."""

_TEXT = " payment-related-information:80a addenda-sequence:4n entry-sequence:7n"
_TYPE = "record-type:1n addenda-type:2n"
_ORIGINAL = "original-trace-number:15n"
_RETURN_DETAILS = "return-trace-number:15n return-settlement-date:3a dishonored-reason:2a"
_REFUSED = tuple(
    _record(
        f"798C{code}",
        f"{_TYPE} refused-change-code:3a {_ORIGINAL} reserved:6a original-rdfi:8n corrected-data:29a change-code:3a"
        " trace-sequence-number:7a reserved-2:5a trace-number:15n",
    )
    for code in range(61, 70)
)
_DISHONORED = tuple(
    _record(
        f"799R{code}",
        f"{_TYPE} return-reason:3a {_ORIGINAL} reserved:6a original-rdfi:8n reserved-2:3a {_RETURN_DETAILS}"
        " addenda-information:21a trace-number:15n",
    )
    for code in (61, 62, 67, 68, 69, 70)
)
_CONTESTED = tuple(
    _record(
        f"799R{code}",
        f"{_TYPE} return-reason:3a {_ORIGINAL} original-return-date:6a original-rdfi:8n original-settlement-date:3a"
        " return-trace-number:15n return-settlement-date:3a original-reason:2a dishonored-trace-number:15a"
        " dishonored-settlement-date:3a dishonored-reason:2a reserved:1a trace-number:15n",
    )
    for code in range(71, 78)
)
_TERMINAL = _record(
    "702",
    f"{_TYPE} reference-information-1:7a reference-information-2:3a terminal-id:6a transaction-serial-number:6a"
    " transaction-date:4a authorization-code:6a terminal-location:27a terminal-city:15a terminal-state:2a"
    " trace-number:15n",
)
_NOTICE = f"{_TYPE} change-code:3a {_ORIGINAL} reserved:6a original-rdfi:8n"
_RETURN = f"{_TYPE} return-reason:3a {_ORIGINAL} date-of-death:6a original-rdfi:8n"
_OTHER = _record("7", f"{_TYPE} information:91a")
_ADDENDA = (
    *_REFUSED,
    *_DISHONORED,
    *_CONTESTED,
    _TERMINAL,
    _record("705", _TYPE + _TEXT),
    _record("798", f"{_NOTICE} corrected-data:29a reserved-2:15a trace-number:15n"),
    _record("799", f"{_RETURN} addenda-information:44a trace-number:15n"),
    _OTHER,
)
_BANK = "name:35a id-qualifier:2a id:34a branch-country:3a"
_IAT_ADDENDA = (
    *_REFUSED,
    *_DISHONORED,
    *_CONTESTED,
    _record(
        "710",
        f"{_TYPE} transaction-type:3a foreign-payment-amount:18n foreign-trace-number:22a receiver-name:35a"
        " reserved:6a entry-sequence:7n",
    ),
    _record("711", f"{_TYPE} originator-name:35a originator-street:35a reserved:14a entry-sequence:7n"),
    _record(
        "712",
        f"{_TYPE} originator-city-and-state:35a originator-country-and-postal-code:35a reserved:14a entry-sequence:7n",
    ),
    _record("713", f"{_TYPE} {_BANK} reserved:10a entry-sequence:7n"),
    _record("714", f"{_TYPE} {_BANK} reserved:10a entry-sequence:7n"),
    _record("715", f"{_TYPE} receiver-id:15a receiver-street:35a reserved:34a entry-sequence:7n"),
    _record(
        "716",
        f"{_TYPE} receiver-city-and-state:35a receiver-country-and-postal-code:35a reserved:14a entry-sequence:7n",
    ),
    _record("717", _TYPE + _TEXT),
    _record("718", f"{_TYPE} {_BANK} reserved:6a addenda-sequence:4n entry-sequence:7n"),
    _record("798", f"{_NOTICE} corrected-data:35a reserved-2:9a trace-number:15n"),
    _record("799", f"{_RETURN} original-forward-payment-amount:10$ addenda-information:34a trace-number:15n"),
    _OTHER,
)

SEQUENCED_ADDENDA = frozenset({"05", "17", "18"})
"""Addenda with a sequence number of their own within their entry."""


@cache
def _layout(sec: str) -> Layout:
    iat, adv = sec == "IAT", sec == "ADV"
    return Layout(
        "nacha",
        (
            _ENTRIES.get(sec, ENTRY),
            *(_IAT_ADDENDA if iat else _ADDENDA),
            IAT_BATCH_HEADER if iat else BATCH_HEADER,
            ADV_BATCH_CONTROL if adv else BATCH_CONTROL,
            FILE_HEADER,
            _FILL,
            ADV_FILE_CONTROL if adv else FILE_CONTROL,
        ),
        length=COLUMNS,
    )


def layout_of(sec: str) -> Layout:
    """How the records of a batch of this class are made."""
    sec = sec.upper()
    return _layout(sec if sec in _ENTRIES else "")


def in_columns(record: str) -> str:
    """A record with a character for each column: one with too many bytes was counted in characters of UTF-8."""
    if len(record) <= COLUMNS or record.isascii():
        return record
    try:
        return record.encode("latin-1").decode()
    except UnicodeError:
        return record


# --- where records end ---

_LEAST_REST = 40
"""So many characters behind the 94th are another record; fewer are a record that is too long. No record is shorter."""


class Records94:
    """Records end with a line break, or after 94 characters where another one begins at once; a file may mix both."""

    def __init__(self) -> None:
        self._lines = Lines("\r\n")
        self.blanks = self._lines.blanks
        self._reach = FIRST_CHARACTERS

    def end(self, text: str, start: int) -> int:
        return self._lines.end(text, start)

    def last_end(self, text: str, start: int) -> int:
        found, stop = 0, start
        while not found and stop < len(text):
            stop = min(start + self._reach, len(text))
            self._reach *= 2
            line = max(text.rfind("\n", start, stop), text.rfind("\r", start, stop)) + 1
            base = max(line, start)
            ends = (base + at * COLUMNS for at in range((stop - base - _LEAST_REST) // COLUMNS, 0, -1))
            found = next((end for end in ends if text[end] in "156789"), line)
        return found

    def cut(self, source: Source, text: str) -> Run:
        """As `Cutter.cut`; what stands behind the last line break is a record, too."""
        ended = text if text[-1:] in {"\r", "\n"} else f"{text}\n"
        lines = self._lines.cut(source, ended)
        if ended is text and max(map(len, lines.texts), default=0) <= COLUMNS:
            return lines
        texts, starts = [], []
        for line, start in zip(lines.texts, lines.starts, strict=False):
            begin = 0
            for at in range(COLUMNS, len(line) - _LEAST_REST + 1, COLUMNS):
                if line[at] in "156789":
                    texts.append(line[begin:at])
                    starts.append(start + begin)
                    begin = at
            texts.append(line[begin:])
            starts.append(start + begin)
        return Run(source, text, texts, width=0, starts=[*starts, len(text)])
