"""Entries: records, and the part of the payment that they make."""

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch
from parsers.findings import Finding
from parsers.maps.shelf import find
from parsers.nacha.records import _ENTRIES
from parsers.nacha.writer import Writer

FILE = ("01", " 061000104", "1234567890", "260302", "0915", "A", "094", "10", "1", "BANK", "COMPANY")
BATCH = ("200", "COMPANY", "", "1234567890", "{sec}", "PAYROLL", "", "260303", "", "1", "06100010", "7")
ENTRY = ("22", "07100050", "5", "12345", "100.50", "ID-1", "ALBA ROSSI", "", "0", "061000100000001")
DEBIT = ("27", *ENTRY[1:])


def file_of(*entries: tuple[str, ...], sec: str = "PPD", batch: tuple[str, ...] = BATCH) -> bytes:
    """Of entries, and of addenda, which begin with 0 to 1, or 9."""
    writer = Writer()
    data = writer.file(*FILE) + writer.batch(*(one.format(sec=sec) for one in batch))
    for values in entries:
        data += writer.addenda(*values) if values[0][0] in "019" else writer.entry(*values)
    return data + writer.end_batch() + writer.end_file()


def read(data: bytes) -> tuple[list[dict], list[str]]:
    events = list(parsers.read([data]))
    lines = [line for event in events if isinstance(event, RecordBatch) for line in event.ndjson.splitlines()]
    return [msgspec.json.decode(line) for line in lines], [event.code for event in events if isinstance(event, Finding)]


def test_a_credit_goes_from_the_company_to_the_receiver():
    (record,), said = read(file_of(ENTRY))
    assert said == []
    del record["provenance"]
    assert record == {
        "schema": "payment/1", "kind": "credit-transfer", "direction": "credit", "created_at": "2026-03-02T09:15",
        "batch_id": "0000007", "service": "PPD", "execution_date": "2026-03-03", "description": "PAYROLL",
        "trace": "061000100000001", "end_to_end_id": "ID-1", "amount": {"amount": "100.50", "currency": "USD"},
        "debtor": {"name": "COMPANY", "identifiers": [{"scheme": "company-id", "value": "1234567890"}]},
        "debtor_agent": {"identifiers": [{"scheme": "clearing-code", "value": "06100010"}]},
        "creditor": {"name": "ALBA ROSSI"}, "creditor_account": {"number": "12345", "kind": "checking"},
        "creditor_agent": {"identifiers": [{"scheme": "aba", "value": "071000505", "valid": True}]},
    }  # fmt: skip


def test_a_debit_the_other_way_round():
    (credit, debit), _ = read(file_of(ENTRY, DEBIT))
    for one, other in (("debtor", "creditor"), ("creditor", "debtor")):
        for of in ("", "_account", "_agent"):
            assert credit.get(one + of) == debit.get(other + of)
    assert (debit["kind"], debit["direction"], debit["amount"]) == ("direct-debit", "debit", credit["amount"])


CODES = [
    ("22", "credit-transfer", "credit", "checking"), ("24", "credit-transfer", "credit", "checking"),
    ("21", "credit-transfer", "credit", "checking"), ("23", "prenotification", "credit", "checking"),
    ("27", "direct-debit", "debit", "checking"), ("28", "prenotification", "debit", "checking"),
    ("32", "credit-transfer", "credit", "savings"), ("37", "direct-debit", "debit", "savings"),
    ("42", "credit-transfer", "credit", "general-ledger"), ("47", "direct-debit", "debit", "general-ledger"),
    ("52", "credit-transfer", "credit", "loan"), ("55", "direct-debit", "debit", "loan"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "kind", "direction", "account"), CODES)
def test_the_transaction_code_tells_which_way_and_what_account(code, kind, direction, account):
    (record,), _ = read(file_of((code, *ENTRY[1:])))
    receiver = "creditor" if direction == "credit" else "debtor"
    assert (record["kind"], record["direction"], record[f"{receiver}_account"]["kind"]) == (kind, direction, account)


def test_a_code_that_is_none_tells_no_direction():
    (record,), _ = read(file_of(("60", *ENTRY[1:])))
    assert not {"kind", "direction", "debtor", "creditor"} & record.keys()
    assert record["amount"] == {"amount": "100.50", "currency": "USD"}


WITH_ADDENDA = (*ENTRY[:8], "1", ENTRY[9])
CASES = [
    ("text", "PPD", (WITH_ADDENDA, ("05", "RENT", "1", "1")), {"remittance": ["RENT"]}),
    ("a company", "CTX", (("27", *ENTRY[1:6], "2", "ALBA SRL", "", "", "1", ENTRY[9]), ("05", "ONE", "1", "1"), ("05", "TWO", "2", "1")), {"debtor": {"name": "ALBA SRL"}, "remittance": ["ONE", "TWO"]}),
    ("a check", "ARC", (("27", *ENTRY[1:5], "1001", "", "", "0", ENTRY[9]),), {"references": [{"scheme": "check", "value": "1001"}], "end_to_end_id": None}),
    ("the name first", "CIE", ((*ENTRY[:5], "ALBA ROSSI", "ID-1", "", "0", ENTRY[9]),), {"creditor": {"name": "ALBA ROSSI"}, "end_to_end_id": "ID-1"}),
    ("a card", "SHR", (("27", *ENTRY[1:5], "0127", "D-1", "1234", "", "1", ENTRY[9]), ("02", "R1", "", "T1", "77", "0302", "A1", "STORE 49", "TOWN", "PA", ENTRY[9])), {"references": [{"scheme": "document-reference", "value": "D-1"}, {"scheme": "card", "value": "1234"}, {"scheme": "terminal", "value": "T1"}, {"scheme": "terminal-transaction", "value": "77"}, {"scheme": "authorization", "value": "A1"}], "remittance": ["R1", "STORE 49", "TOWN PA"]}),
    ("came back", "PPD", (("21", *WITH_ADDENDA[1:]), ("99", "R01", "061000100000009", "", "07100050", "NO MONEY", ENTRY[9])), {"kind": "return", "reasons": ["R01"], "original_transaction_id": "061000100000009", "remittance": ["NO MONEY"]}),
    ("came back too late", "PPD", (("26", *WITH_ADDENDA[1:]), ("99", "R68", "061000100000009", "", "07100050", "", "071000500000002", "064", "01", "LATE", ENTRY[9])), {"kind": "return", "reasons": ["R68", "R01"], "references": [{"scheme": "return-trace", "value": "071000500000002"}], "remittance": ["LATE"]}),
    ("changes", "COR", (("21", *WITH_ADDENDA[1:4], "0.00", *WITH_ADDENDA[5:]), ("98", "C01", "061000100000009", "", "07100050", "55555", "", ENTRY[9])), {"kind": "notice-of-change", "reasons": ["C01"], "corrected": "55555", "original_transaction_id": "061000100000009"}),
    ("an advice", "ADV", (("81", *ENTRY[1:4], "500.00", "061000104", "11131", "", "A BANK", "", "0", "06100010", "062", "1"),), {"kind": "advice", "direction": "credit", "trace": "0001", "amount": {"amount": "500.00", "currency": "USD"}, "creditor_account": {"number": "12345"}}),
]  # fmt: skip


@pytest.mark.parametrize(("sec", "entries", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_payment_says_what_its_records_say(sec, entries, expected):
    (record,), _ = read(file_of(*entries, sec=sec))
    assert {key: record.get(key) for key in expected} == expected


def test_an_international_entry_has_its_parties_in_addenda():
    batch = (
        "200",
        "",
        "FF",
        "3",
        "",
        "CA",
        "ORIG-1",
        "IAT",
        "TRADE",
        "{of}",
        "{to}",
        "260303",
        "",
        "1",
        "06100010",
        "1",
    )
    entry = ("{code}", "07100050", "5", "6", "", "10.00", "123", "", "", "", "1", ENTRY[9])
    addenda = [
        ("10", "BUS", "1350", "F-1", "PAYEE LTD", "", "1"), ("11", "PAYER INC", "1 MAIN", "", "1"), ("12", "TOWN*IL\\", "US*62701\\", "", "1"),
        ("13", "BANK", "01", "061000104", "US", "", "1"), ("14", "BANQUE", "02", "BANQCATT", "CA", "", "1"), ("15", "REC-1", "2 RUE", "", "1"),
    ]  # fmt: skip
    for code, first, second in (("22", "debtor", "creditor"), ("27", "creditor", "debtor")):
        values = [(code, *entry[1:]), *addenda]
        for of, to, foreign in (("USD", "CAD", "CAD"), ("MXN", "USD", "MXN")):
            names = tuple(one.format(of=of, to=to, sec="") for one in batch)
            (record,), _ = read(file_of(*values, sec="IAT", batch=names))
            assert record["instructed"] == {"amount": "13.50", "currency": foreign}
            assert record["purpose"] == "BUS"
            assert record[first] == {
                "name": "PAYER INC", "identifiers": [{"scheme": "company-id", "value": "ORIG-1"}],
                "address": {"lines": ["1 MAIN"], "city": "TOWN", "state": "IL", "country": "US", "postal_code": "62701"},
            }  # fmt: skip
            assert record[second] == {
                "name": "PAYEE LTD", "identifiers": [{"scheme": "receiver-id", "value": "REC-1"}],
                "address": {"lines": ["2 RUE"]},
            }  # fmt: skip
            assert (record[f"{first}_agent"]["name"], record[f"{second}_agent"]["name"]) == ("BANK", "BANQUE")


def test_every_class_has_its_map():
    assert {sec for sec in (*_ENTRIES, "PPD", "CCD", "WEB", "TEL") if find("nacha", sec, "") is None} == set()


def test_an_entry_has_the_header_of_its_own_batch():
    writer = Writer()
    data = writer.file(*FILE)
    for number, company in (("1", "FIRST"), ("2", "SECOND")):
        data += writer.batch("220", company, *BATCH[2:4], "PPD", *BATCH[5:11], number)
        data += writer.entry(*ENTRY) + writer.end_batch()
    records, _ = read(data + writer.end_file())
    assert [one["debtor"]["name"] for one in records] == ["FIRST", "SECOND"]


def test_columns_are_bytes_where_a_record_has_94_of_them():
    data = file_of(ENTRY).replace(b"ALBA ROSSI  ", "ALBÀ ROSSI ".encode())
    (record,), _ = read(data)
    assert (record["creditor"]["name"], record["trace"]) == ("ALBÀ ROSSI", "061000100000001")


def test_and_characters_where_it_has_more():
    data = file_of(ENTRY).replace(b"ALBA ROSSI", "ALBÀ ROSSI".encode())
    (record,), _ = read(data)
    assert (record["creditor"]["name"], record["trace"]) == ("ALBÀ ROSSI", "061000100000001")


WRONG = [
    (b"2603020915A", b"2613020915A", "nacha.not-a-date"),
    (b"260303   1", b"261303   1", "nacha.not-a-date"),
    (b"0000010050ID-1", b"00000X0050ID-1", "nacha.not-a-number"),
]


@pytest.mark.parametrize(("was", "now", "code"), WRONG)
def test_a_value_that_makes_no_sense_is_said_once(was, now, code):
    data = file_of(ENTRY, (*DEBIT[:5], "ID-2", *DEBIT[6:]))
    assert data.count(was) == 1
    records, said = read(data.replace(was, now))
    assert (len(records), said.count(code)) == (2, 1)
