"""Accounts: records, and the part of the statement that they make."""

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch
from parsers.findings import Finding

FILE = "01,BANK,COMPANY,260302,0915,7,,,2/\n"
GROUP = "02,COMPANY,BANK,1,260301,2400,USD,2/\n"


def file_of(account: str, group: str = GROUP) -> bytes:
    return f"{FILE}{group}{account}49,0,0/\n98,0,1,0/\n99,0,1,0/\n".encode()


def read(data: bytes) -> tuple[list[dict], list[str]]:
    events = list(parsers.read([data]))
    lines = [line for event in events if isinstance(event, RecordBatch) for line in event.ndjson.splitlines()]
    said = [event.code for event in events if isinstance(event, Finding)]
    return [msgspec.json.decode(line) for line in lines], [one for one in said if not one.endswith("-mismatch")]


def money(amount: str, currency: str = "USD") -> dict:
    return {"amount": amount, "currency": currency}


ACCOUNTS = [
    ("what file and group say", "03,123,,/\n", {"message_id": "7", "created_at": "2026-03-02T09:15", "kind": "statement", "period": {"start": "2026-03-01"}, "servicer": {"identifiers": [{"scheme": "clearing-code", "value": "BANK"}]}, "account": {"number": "123"}, "currency": "USD"}),
    ("nothing", "03,123,,,,,/\n", {"balances": None, "summaries": None, "totals": None, "entries": None}),
    ("balances", "03,123,,010,+500000,,,015,-70,,,040,0,,/\n", {"balances": [{"kind": "opening", "amount": money("5000.00")}, {"kind": "closing", "amount": money("-0.70")}, {"kind": "opening-available", "amount": money("0.00")}]}),
    ("a code without a word", "03,123,,099,1,,/\n", {"balances": [{"kind": "bai2:099", "amount": money("0.01")}]}),
    ("dated", "03,123,,045,100,,V,260303,0900/\n", {"balances": [{"kind": "available", "amount": money("1.00"), "date": "2026-03-03T09:00"}]}),
    ("available in parts", "03,123,,045,100,,S,50,,50/\n", {"balances": [{"kind": "available", "amount": money("1.00"), "availability": [{"days": "0", "amount": money("0.50")}, {"days": "2", "amount": money("0.50")}]}]}),
    ("available by days", "03,123,,045,100,,D,2,0,40,7,60,010,5,,/\n", {"balances": [{"kind": "available", "amount": money("1.00"), "availability": [{"days": "0", "amount": money("0.40")}, {"days": "7", "amount": money("0.60")}]}, {"kind": "opening", "amount": money("0.05")}]}),
    ("totals and summaries", "03,123,,100,1000,02,,400,250,1,,190,600,1,0/\n", {"balances": None, "totals": {"credit_count": "2", "credit_amount": "10.00", "debit_count": "1", "debit_amount": "2.50"}, "summaries": [{"kind": "190", "amount": money("6.00"), "count": "1", "availability": [{"days": "0"}]}]}),
    ("continued between two", "03,123,,010,1,,/\n88,015,2,,/\n", {"balances": [{"kind": "opening", "amount": money("0.01")}, {"kind": "closing", "amount": money("0.02")}]}),
    ("continued in the middle of one", "03,123,,010/\n88,1/\n88,,,015,2,,/\n", {"balances": [{"kind": "opening", "amount": money("0.01")}, {"kind": "closing", "amount": money("0.02")}]}),
    ("continued behind an amount", "03,123,,190,5/\n88,3,/\n", {"summaries": [{"kind": "190", "amount": money("0.05"), "count": "3"}]}),
    ("the account's own currency", "03,123,JPY,010,500,,/\n16,108,7,,,,/\n", {"currency": "JPY", "balances": [{"kind": "opening", "amount": money("500", "JPY")}], "entries": [{"amount": money("7", "JPY"), "code": "108"}]}),
    ("three decimals", "03,123,KWD,010,5,,/\n", {"balances": [{"kind": "opening", "amount": money("0.005", "KWD")}]}),
]  # fmt: skip


@pytest.mark.parametrize(("account", "expected"), [case[1:] for case in ACCOUNTS], ids=[case[0] for case in ACCOUNTS])
def test_a_statement_says_what_its_account_says(account, expected):
    (record,), said = read(file_of(account))
    assert said == []
    assert {key: record.get(key) for key in expected} == expected


ENTRIES = [
    ("a credit", "16,195,100,0,B-1,C-1,TEXT/\n", {"amount": money("1.00"), "code": "195", "bank_reference": "B-1", "customer_reference": "C-1", "text": ["TEXT"], "availability": [{"days": "0"}]}),
    ("a debit", "16,475,100,,,,/\n", {"amount": money("-1.00"), "code": "475"}),
    ("one that is sent with a sign", "16,475,-100,,,,/\n", {"amount": money("1.00"), "code": "475"}),
    ("the last credit, the first debit", "16,399,1,,,,/\n", {"amount": money("0.01"), "code": "399"}),
    ("the first debit", "16,400,1,,,,/\n", {"amount": money("-0.01"), "code": "400"}),
    ("a bank's own debit", "16,960,1,,,,/\n", {"amount": money("-0.01"), "code": "960"}),
    ("neither", "16,890,,,,,A MESSAGE/\n", {"code": "890", "text": ["A MESSAGE"]}),
    ("value date", "16,195,1,V,260303,,B-1,,/\n", {"amount": money("0.01"), "code": "195", "value_date": "2026-03-03", "bank_reference": "B-1"}),
    ("value date at the end of the day", "16,195,1,V,260303,9999,,,/\n", {"amount": money("0.01"), "code": "195", "value_date": "2026-03-03"}),
    ("in parts", "16,195,6,S,1,2,3,B-1,,/\n", {"amount": money("0.06"), "code": "195", "bank_reference": "B-1", "availability": [{"days": "0", "amount": money("0.01")}, {"days": "1", "amount": money("0.02")}, {"days": "2", "amount": money("0.03")}]}),
    ("text with commas and slashes", "16,195,1,,,,A, B 1/2, C\n", {"amount": money("0.01"), "code": "195", "text": ["A, B 1/2, C"]}),
    ("text that goes on", "16,195,1,,,,A,B/\n88,C,D\n88,/\n88,E/\n", {"amount": money("0.01"), "code": "195", "text": ["A,B", "C,D", "E"]}),
    ("text in a continuation alone", "16,195,1,,B-1,/\n88,ALL, OF IT/\n", {"amount": money("0.01"), "code": "195", "bank_reference": "B-1", "text": ["ALL, OF IT"]}),
    ("what belongs to it in a continuation", "16,195,6,S,1/\n88,2,3,B-1,C-1,TEXT/\n", {"amount": money("0.06"), "code": "195", "bank_reference": "B-1", "customer_reference": "C-1", "text": ["TEXT"], "availability": [{"days": "0", "amount": money("0.01")}, {"days": "1", "amount": money("0.02")}, {"days": "2", "amount": money("0.03")}]}),
    ("a line that is no record", "16,195,1,,,,A/\nBROKEN OFF\n", {"amount": money("0.01"), "code": "195", "text": ["A", "BROKEN OFF"]}),
]  # fmt: skip


@pytest.mark.parametrize(("records", "expected"), [case[1:] for case in ENTRIES], ids=[case[0] for case in ENTRIES])
def test_an_entry_says_what_its_records_say(records, expected):
    (record,), _ = read(file_of(f"03,123,,/\n{records}"))
    assert record["entries"] == [expected]


GROUPS = [
    ("02,COMPANY,BANK,1,260301,,,1/\n", "interim", "2026-03-01", "USD"),
    ("02,COMPANY,BANK,1,260301,1200,EUR,3/\n", "interim", "2026-03-01T12:00", "EUR"),
    ("02,COMPANY,BANK,1,260301,,EUR,/\n", None, "2026-03-01", "EUR"),
]


@pytest.mark.parametrize(("group", "kind", "start", "currency"), GROUPS)
def test_the_group_says_when_and_in_what_currency(group, kind, start, currency):
    (record,), _ = read(file_of("03,123,,010,100,,/\n", group))
    assert (record.get("kind"), record["period"]["start"], record["currency"]) == (kind, start, currency)
    assert record["balances"][0]["amount"] == money("1.00", currency)


def test_each_account_has_its_own_group_and_currency():
    first = f"{GROUP}03,1,JPY,010,5,,/\n49,0,0/\n03,2,,010,5,,/\n49,0,0/\n98,0,2,0/\n"
    second = "02,COMPANY,BANK,1,260305,,KWD,2/\n03,3,,010,5,,/\n49,0,0/\n98,0,1,0/\n"
    records, _ = read(f"{FILE}{first}{second}99,0,2,0/\n".encode())
    assert [one["currency"] for one in records] == ["JPY", "USD", "KWD"]
    assert [one["balances"][0]["amount"]["amount"] for one in records] == ["5", "0.05", "0.005"]
    assert [one["period"]["start"] for one in records] == ["2026-03-01", "2026-03-01", "2026-03-05"]


def test_what_is_wrong_with_a_group_is_said_once():
    group = GROUP.replace("260301", "261301")
    accounts = "03,1,,/\n49,0,0/\n" * 3
    _, said = read(f"{FILE}{group}{accounts}98,0,3,0/\n99,0,1,0/\n".encode())
    assert said == ["bai2.not-a-date"]


@pytest.mark.parametrize("pieces", [1, 7, 60])
def test_continuations_are_put_together_however_the_file_comes(pieces):
    data = file_of("03,123,,010/\n88,1,,/\n16,195,1,,,,A/\n88,B/\n16,195,2,,,,C/\n88,D/\n")
    chunks = [data[at : at + pieces] for at in range(0, len(data), pieces)]
    (batch,) = (event for event in parsers.read(chunks) if isinstance(event, RecordBatch))
    (whole,) = (event for event in parsers.read([data]) if isinstance(event, RecordBatch))
    assert batch == whole
