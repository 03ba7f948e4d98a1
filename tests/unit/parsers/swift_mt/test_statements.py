"""Statements, reports and confirmations: fields, and the part of the record that they make."""

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch
from parsers.findings import Finding


def read(data: bytes) -> tuple[list[dict], list[str]]:
    events = list(parsers.read([data]))
    lines = [line for event in events if isinstance(event, RecordBatch) for line in event.ndjson.splitlines()]
    return [msgspec.json.decode(line) for line in lines], [event.code for event in events if isinstance(event, Finding)]


def statement(fields: str, *, closing: str = "C260302EUR1,") -> bytes:
    return f":20:S-1\n:25:123\n:28C:7/2\n:60F:C260301EUR1,\n{fields}:62F:{closing}\n-\n".encode()


def message(kind: str, text: str, user: str = "") -> bytes:
    header = f"{{1:F01ACMEDEFFAXXX0000000001}}{{2:O{kind}0915260302BANKGB2LXXXX00000000012603020916N}}"
    return f"{header}{user}{{4:\r\n{text}-}}\r\n".encode()


def entry(line: str, details: str = "") -> dict:
    fields = f":61:{line}\n" + (f":86:{details}\n" if details else "")
    (record,), _ = read(statement(fields))
    (made,) = record["entries"]
    return made


ENTRIES = [
    ("all of it", "2603020303D48,50NTRFREF-1//BANK-1\nMORE", {"amount": {"amount": "-48.50", "currency": "EUR"}, "value_date": "2026-03-02", "booked_on": "2026-03-03", "code": "NTRF", "customer_reference": "REF-1", "bank_reference": "BANK-1", "text": ["MORE"]}),
    ("as little as there may be", "260302C1,NTRF", {"amount": {"amount": "1", "currency": "EUR"}, "value_date": "2026-03-02", "code": "NTRF"}),
    ("funds code, no comma, zeros", "260302CR000500NTRFNONREF", {"amount": {"amount": "500", "currency": "EUR"}, "value_date": "2026-03-02", "code": "NTRF"}),
    ("a credit taken back", "260302RC20,NCHK1", {"amount": {"amount": "-20", "currency": "EUR"}, "reversal": True, "value_date": "2026-03-02", "code": "NCHK", "customer_reference": "1"}),
    ("a debit taken back", "260302RD20,NCHK1", {"amount": {"amount": "20", "currency": "EUR"}, "reversal": True, "value_date": "2026-03-02", "code": "NCHK", "customer_reference": "1"}),
    ("expected", "260302ED20,NTRFA", {"amount": {"amount": "-20", "currency": "EUR"}, "status": "expected", "value_date": "2026-03-02", "code": "NTRF", "customer_reference": "A"}),
    ("booked in the year before", "2601021231C1,NTRFA", {"amount": {"amount": "1", "currency": "EUR"}, "value_date": "2026-01-02", "booked_on": "2025-12-31", "code": "NTRF", "customer_reference": "A"}),
    ("booked in the year after", "2512310102C1,NTRFA", {"amount": {"amount": "1", "currency": "EUR"}, "value_date": "2025-12-31", "booked_on": "2026-01-02", "code": "NTRF", "customer_reference": "A"}),
    ("slashes in a reference", "260302C1,NTRFA/B//C/D", {"amount": {"amount": "1", "currency": "EUR"}, "value_date": "2026-03-02", "code": "NTRF", "customer_reference": "A/B", "bank_reference": "C/D"}),
    ("broken behind its mark", "2603020302CR\n30,00NTRFA", {"amount": {"amount": "30.00", "currency": "EUR"}, "value_date": "2026-03-02", "booked_on": "2026-03-02", "code": "NTRF", "customer_reference": "A", "text": ["30,00NTRFA"]}),
    ("nothing to be read", "ABC", {}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), [case[1:] for case in ENTRIES], ids=[case[0] for case in ENTRIES])
def test_an_entry_says_what_its_field_says(line, expected):
    assert entry(line) == expected


DETAILS = [
    ("text", "RENT\nMARCH", None),
    ("codes", "166?00CREDIT?10931?20EREF+E 1?21KREF+K1?22MREF+M1?23CRED+C1?24DEBT+D1?25SVWZ+INV?26OICE 7?30BANKDEFFXXX?31DE02100100100006820101?32PAYER?33 GMBH",
     {"counterparty": "PAYER GMBH", "counterparty_account": {"number": "DE02100100100006820101", "scheme": "iban"}, "counterparty_agent": {"identifiers": [{"scheme": "bic", "value": "BANKDEFFXXX"}]},
      "references": [{"scheme": "end-to-end-id", "value": "E 1"}, {"scheme": "mandate-id", "value": "M1"}, {"scheme": "creditor-id", "value": "C1"}, {"scheme": "debtor-id", "value": "D1"}, {"scheme": "customer-reference", "value": "K1"}, {"scheme": "prima-nota", "value": "931"}],
      "remittance": ["INVOICE 7"]}),
    ("no codes", "051?00TRANSFER?20SALARY?21MARCH?3010020030?31234567?32MUELLER", {"counterparty": "MUELLER", "counterparty_account": {"number": "234567"}, "counterparty_agent": {"identifiers": [{"scheme": "clearing-code", "value": "10020030"}]}, "remittance": ["SALARY", "MARCH"]}),
    ("another mark, and text before a code", "166~20THANKS EREF+E1~60MORE", {"references": [{"scheme": "end-to-end-id", "value": "E1MORE"}], "remittance": ["THANKS"]}),
    ("lines cut anywhere", "166?20SVWZ+IN\nVOICE?\n2177?3\n2PAYER", {"counterparty": "PAYER", "remittance": ["INVOICE77"]}),
    ("a blank behind every line", "166?20SVWZ+IN \nVOICE?21 7 \n?32PAYER", {"counterparty": "PAYER", "remittance": ["INVOICE 7"]}),
    ("no reference", "166?20EREF+NONREF?21SVWZ+", None),
    ("slashes", "/TRTP/SEPA/IBAN/NL02ABNA0123456789/BIC/ABNANL2A/NAME/PAYER/REMI/RENT/EREF/E1/MARF/M1/CSID/C1",
     {"counterparty": "PAYER", "counterparty_account": {"number": "NL02ABNA0123456789", "scheme": "iban"}, "counterparty_agent": {"identifiers": [{"scheme": "bic", "value": "ABNANL2A"}]},
      "references": [{"scheme": "end-to-end-id", "value": "E1"}, {"scheme": "mandate-id", "value": "M1"}, {"scheme": "creditor-id", "value": "C1"}], "remittance": ["RENT"]}),
    ("slashes, the other side in one", "/EREF/E1//CNTP/NL02ABNA0123456789/ABNANL2A/PAYER///REMI/USTD//RENT/", {"counterparty": "PAYER", "counterparty_account": {"number": "NL02ABNA0123456789", "scheme": "iban"}, "counterparty_agent": {"identifiers": [{"scheme": "bic", "value": "ABNANL2A"}]}, "references": [{"scheme": "end-to-end-id", "value": "E1"}], "remittance": ["RENT"]}),
    ("codes alone", "EREF+E1SVWZ+RENT", {"references": [{"scheme": "end-to-end-id", "value": "E1"}], "remittance": ["RENT"]}),
    ("a path is no code", "/home/EREF/1", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in DETAILS], ids=[case[0] for case in DETAILS])
def test_details_say_what_the_bank_has_written(text, expected):
    made = entry("260302C1,NTRFA", text)
    assert made.get("details") == ([expected] if expected else None)
    assert made["text"] == [line.rstrip() for line in text.split("\n")]


STATEMENTS = [
    ("number, page, account", statement(""), {"kind": "statement", "message_id": "S-1", "number": "7", "page": "2", "account": {"number": "123"}, "currency": "EUR"}),
    ("number without a page", statement("").replace(b":28C:7/2", b":28:7"), {"number": "7", "page": None}),
    ("an IBAN", statement("").replace(b":25:123", b":25:DE02100100100006820101"), {"account": {"number": "DE02100100100006820101", "scheme": "iban"}}),
    ("an account and its bank", statement("").replace(b":25:123", b":25P:123\nBANKDEFFXXX"), {"account": {"number": "123"}, "servicer": {"identifiers": [{"scheme": "bic", "value": "BANKDEFFXXX"}]}}),
    ("what it answers", statement(":21:REQ-1\n"), {"related_reference": "REQ-1"}),
    ("balances", statement("", closing="D260302EUR0,5\n:64:C260302EUR7,\n:65:D260303EUR7,"), {"balances": [{"kind": "opening", "amount": {"amount": "1", "currency": "EUR"}, "date": "2026-03-01"}, {"kind": "closing", "amount": {"amount": "-0.5", "currency": "EUR"}, "date": "2026-03-02"}, {"kind": "available", "amount": {"amount": "7", "currency": "EUR"}, "date": "2026-03-02"}, {"kind": "forward-available", "amount": {"amount": "-7", "currency": "EUR"}, "date": "2026-03-03"}]}),
    ("pages", statement("").replace(b":60F", b":60M").replace(b":62F", b":62M"), {"balances": [{"kind": "interim-opening", "amount": {"amount": "1", "currency": "EUR"}, "date": "2026-03-01"}, {"kind": "interim-closing", "amount": {"amount": "1", "currency": "EUR"}, "date": "2026-03-02"}]}),
    ("text of an entry and of the statement", statement(":61:260302C1,NTRFA\n:86:ITS\n", closing="C260302EUR2,\n:86:ALL"), {"text": ["ALL"], "entries": [{"amount": {"amount": "1", "currency": "EUR"}, "value_date": "2026-03-02", "code": "NTRF", "customer_reference": "A", "text": ["ITS"]}]}),
    ("a report within a day", message("942", ":20:R-1\r\n:25:1\r\n:28C:1\r\n:34F:GBPD1,\r\n:13D:2603020915+0100\r\n:61:260302D5,NTRFA\r\n:90D:1GBP5,\r\n:90C:0GBP0,\r\n"),
     {"kind": "interim", "created_at": "2026-03-02T09:15+01:00", "currency": "GBP", "servicer": {"identifiers": [{"scheme": "bic", "value": "BANKGB2LXXX"}]}, "totals": {"debit_count": "1", "debit_amount": "5", "credit_count": "0", "credit_amount": "0"}, "entries": [{"amount": {"amount": "-5", "currency": "GBP"}, "value_date": "2026-03-02", "code": "NTRF", "customer_reference": "A"}]}),
    ("balances within a day", message("941", ":20:R-1\r\n:25:1\r\n:28:1\r\n:62F:C260302EUR1,\r\n"), {"kind": "interim", "balances": [{"kind": "closing", "amount": {"amount": "1", "currency": "EUR"}, "date": "2026-03-02"}]}),
    ("a debit confirmed", message("900", ":20:D-1\r\n:21:P-1\r\n:25:1\r\n:32A:260302EUR1,5\r\n:72:/A/B\r\n//C\r\n"), {"kind": "notification", "message_id": "D-1", "entries": [{"customer_reference": "P-1", "bank_reference": "D-1", "amount": {"amount": "-1.5", "currency": "EUR"}, "value_date": "2026-03-02", "text": ["/A/B", "//C"]}]}),
    ("a credit confirmed", message("910", ":20:C-1\r\n:21:NONREF\r\n:25:1\r\n:32A:260302EUR1,5\r\n:50F:/1\r\n1/PAYER\r\n:52A:BANKUS33\r\n"), {"entries": [{"bank_reference": "C-1", "amount": {"amount": "1.5", "currency": "EUR"}, "value_date": "2026-03-02", "details": [{"counterparty": "PAYER", "counterparty_account": {"number": "1", "scheme": "other"}, "counterparty_agent": {"identifiers": [{"scheme": "bic", "value": "BANKUS33"}]}}]}]}),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), [case[1:] for case in STATEMENTS], ids=[case[0] for case in STATEMENTS])
def test_a_statement_says_what_its_fields_say(data, expected):
    (record,), _ = read(data)
    assert {key: record.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("fields", "closing", "code"),
    [
        (":61:260230C1,NTRFA\n", "C260302EUR2,", "swift-mt.not-a-date"),
        (":61:260302C1,NTRFA\n", "C260302X2,", "swift-mt.not-a-number"),
        (":61:NOTHING\n", "C260302EUR1,", "swift-mt.not-a-number"),
        (":13D:2613020915\n", "C260302EUR1,", "swift-mt.not-a-date"),
    ],
)
def test_a_value_that_makes_no_sense_is_said(fields, closing, code):
    _, said = read(statement(fields, closing=closing))
    assert code in said
