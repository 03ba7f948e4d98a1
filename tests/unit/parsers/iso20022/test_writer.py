"""What is written is read back: counts and sums by themselves, values as they were, in any form."""

import pytest

import parsers
from parsers import Segments
from parsers.events import SetClosed, SetOpened
from parsers.findings import Finding
from parsers.iso20022.writer import write

TRANSACTIONS = [
    {"PmtId": {"EndToEndId": "E1"}, "Amt": {"InstdAmt": {"@Ccy": "EUR", "#text": "10.10"}}, "Cdtr": {"Nm": 'Müller & "Söhne" <€>'}},
    {"PmtId": {"EndToEndId": "E2"}, "Amt": {"EqvtAmt": {"Amt": {"@Ccy": "EUR", "#text": "0.90"}, "CcyOfTrf": "USD"}}, "Cdtr": {"Nm": "  x\r\ny "}},
]  # fmt: skip
CONTENT = {
    "CstmrCdtTrfInitn": {
        "GrpHdr": {"MsgId": "M1", "CreDtTm": "2026-03-02T09:15:00", "CtrlSum": "", "InitgPty": {"Nm": " "}},
        "PmtInf": [
            {"PmtInfId": "P1", "PmtMtd": "TRF", "BtchBookg": "true", "CtrlSum": "0", "CdtTrfTxInf": TRANSACTIONS},
            {"PmtInfId": "P2", "PmtMtd": "TRF", "CdtTrfTxInf": TRANSACTIONS[0]},
        ],
    }
}
HEADER = {"Fr": {"FIId": {"FinInstnId": {"BICFI": "AAAABEBBXXX"}}}, "BizMsgIdr": "B1", "MsgDefIdr": "pain.001.001.09"}
FORMS = [
    {},
    {"indent": ""},
    {"indent": "\t", "line_break": "\r\n"},
    {"prefix": "p"},
    {"header": HEADER},
    {"header": HEADER, "envelope": "Message", "prefix": "doc", "indent": ""},
    {"encoding": "ISO-8859-1"},
    {"encoding": "windows-1252"},
    {"encoding": "UTF-16"},
    {"encoding": "US-ASCII"},
]


def flat(value, path: str = "") -> list[tuple[str, str]]:
    """The texts of nested values by path, in order."""
    if isinstance(value, str):
        return [(path, value)] if value else []
    if isinstance(value, list):
        return [pair for one in value for pair in flat(one, path)]
    made = [(f"{path}/{key}", inner) for key, inner in value.items() if key[0] == "@"]
    return made + [
        pair
        for key, inner in value.items()
        if key[0] != "@"
        for pair in flat(inner, path if key == "#text" else f"{path}/{key}")
    ]


def read(data: bytes) -> list[tuple[str, str]]:
    return [
        (element.name.partition("/Document")[2], element.text)
        for item in parsers.segments([data])
        if isinstance(item, Segments) and item.set
        for at in range(len(item))
        for element in item.elements(at)
        if "xmlns" not in element.name
    ]


@pytest.mark.parametrize("form", FORMS)
def test_values_are_read_back_as_they_were_written(form):
    data = write("pain.001.001.09", CONTENT, **form)
    said = [event for event in parsers.read([data]) if isinstance(event, Finding)]
    totals = {"/NbOfTxs", "/CtrlSum"}
    sent = [pair for pair in flat(CONTENT) if pair[0][-8:] not in totals]
    assert ([pair for pair in read(data) if pair[0][-8:] not in totals], said) == (sent, [])


def test_counts_and_sums_are_computed_where_they_belong():
    got = read(write("pain.001.001.09", CONTENT))
    root = "/CstmrCdtTrfInitn"
    assert [pair for pair in got if pair[0].endswith(("NbOfTxs", "CtrlSum"))] == [
        (f"{root}/GrpHdr/NbOfTxs", "3"),
        (f"{root}/GrpHdr/CtrlSum", "21.10"),
        (f"{root}/PmtInf/NbOfTxs", "2"),
        (f"{root}/PmtInf/CtrlSum", "11.00"),
        (f"{root}/PmtInf/NbOfTxs", "1"),
    ]
    names = [name for name, _ in got]
    assert names.index(f"{root}/PmtInf/NbOfTxs") == names.index(f"{root}/PmtInf/BtchBookg") + 1


def test_an_interbank_total_keeps_its_currency():
    transaction = {"IntrBkSttlmAmt": {"@Ccy": "EUR", "#text": "5.5"}}
    header = {"MsgId": "M", "TtlIntrBkSttlmAmt": {"@Ccy": "EUR"}}
    data = write("pacs.008.001.08", {"FIToFICstmrCdtTrf": {"GrpHdr": header, "CdtTrfTxInf": [transaction] * 2}})
    assert b'<NbOfTxs>2</NbOfTxs>\n      <TtlIntrBkSttlmAmt Ccy="EUR">11.0</TtlIntrBkSttlmAmt>' in data
    assert not [event for event in parsers.read([data]) if isinstance(event, Finding)]


def test_a_message_that_counts_nothing_is_written_as_it_is():
    data = write("camt.053.001.08", {"BkToCstmrStmt": {"GrpHdr": {"MsgId": "S1"}}}, header=HEADER)
    events = list(parsers.read([data]))
    opened = next(event for event in events if isinstance(event, SetOpened))
    closed = next(event for event in events if isinstance(event, SetClosed))
    assert (opened.version, opened.control_number, opened.sender) == ("camt.053.001.08", "S1", "AAAABEBBXXX")
    assert closed.verdict == "accepted"


@pytest.mark.parametrize(
    ("content", "form", "place"),
    [
        ({"A": {"GrpHdr": {"CtrlSum": ""}, "PmtInf": {"CdtTrfTxInf": {"Amt": {"InstdAmt": "1,5"}}}}}, {}, "CdtTrfTxInf 1"),
        ({"A": {"GrpHdr": {"CtrlSum": ""}, "PmtInf": {"CdtTrfTxInf": {"Amt": {"InstdAmt": "1e5"}}}}}, {}, "Amt/InstdAmt"),
        ({"A": {"GrpHdr": {"MsgId": "\x07"}}}, {}, "/Document/A/GrpHdr/MsgId"),
        ({"A b": "1"}, {}, "/Document/A b"),
        ({"A": ""}, {"prefix": "1"}, "prefix"),
        ({"A": ""}, {"envelope": "<x>", "header": {}}, "envelope"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_by_its_place(content, form, place):
    with pytest.raises(ValueError, match=r"has|is") as refused:
        write("pain.001.001.09", content, **form)
    assert place in str(refused.value)
    assert "1,5" not in str(refused.value)
