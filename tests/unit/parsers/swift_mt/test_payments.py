"""Payments: fields, and the part of the record that they make."""

import pytest

from tests.unit.parsers.swift_mt.test_statements import message, read

PARTIES = [
    ("account, name, address", "K:/12345678\r\nPAYER\r\n1 MAIN\r\nTOWN", {"debtor": {"name": "PAYER", "address": {"lines": ["1 MAIN", "TOWN"]}}, "debtor_account": {"number": "12345678", "scheme": "other"}}),
    ("no account", "K:PAYER", {"debtor": {"name": "PAYER"}, "debtor_account": None}),
    ("an IBAN and a BIC", "A:/DE02100100100006820101\r\nPAYRBEBB", {"debtor": {"identifiers": [{"scheme": "bic", "value": "PAYRBEBB"}]}, "debtor_account": {"number": "DE02100100100006820101", "scheme": "iban"}}),
    ("numbered lines", "F:/BE68539007547034\r\n1/PAYER\r\n1/MORE\r\n2/RUE 1\r\n2/FLOOR 2\r\n3/BE/BRUXELLES\r\n4/19700101\r\n6/BE/ISSUER/77", {"debtor": {"name": "PAYER MORE", "identifiers": [{"scheme": "customer", "value": "ISSUER/77"}], "address": {"lines": ["RUE 1", "FLOOR 2"], "city": "BRUXELLES", "country": "BE"}}, "debtor_account": {"number": "BE68539007547034", "scheme": "iban"}}),
    ("an identifier for the account", "F:NIDN/DE/121231\r\n1/PAYER\r\n3/DE", {"debtor": {"name": "PAYER", "identifiers": [{"scheme": "national-id", "value": "121231"}], "address": {"country": "DE"}}, "debtor_account": None}),
    ("an identifier of a kind without a word", "F:XXXX/DE/1\r\n1/PAYER", {"debtor": {"name": "PAYER", "identifiers": [{"scheme": "swift-mt:XXXX", "value": "1"}]}}),
    ("a slash more", "K://12\r\nPAYER", {"debtor": {"name": "PAYER"}, "debtor_account": {"number": "/12", "scheme": "other"}}),
]  # fmt: skip


def transfer(fields: str, kind: str = "103", user: str = "") -> list[dict]:
    records, _ = read(message(kind, f":20:P-1\r\n{fields}", user))
    return records


@pytest.mark.parametrize(("field", "expected"), [case[1:] for case in PARTIES], ids=[case[0] for case in PARTIES])
def test_a_party_is_told_in_many_ways(field, expected):
    (record,) = transfer(f":50{field}\r\n")
    assert {key: record.get(key) for key in expected} == expected


BANKS = [
    ("A:BANKDEFF", {"identifiers": [{"scheme": "bic", "value": "BANKDEFF"}]}),
    ("A:/C/12345678\r\nBANKDEFF", {"identifiers": [{"scheme": "bic", "value": "BANKDEFF"}, {"scheme": "account", "value": "12345678"}]}),
    ("A://FW021000089\r\nBANKUS33", {"identifiers": [{"scheme": "bic", "value": "BANKUS33"}, {"scheme": "clearing-code", "value": "FW021000089"}]}),
    ("B:/D/1", {"identifiers": [{"scheme": "account", "value": "1"}]}),
    ("C://BL10020030", {"identifiers": [{"scheme": "clearing-code", "value": "BL10020030"}]}),
    ("D:A BANK\r\nTOWN", {"name": "A BANK"}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "expected"), BANKS)
def test_so_is_a_bank(field, expected):
    (record,) = transfer(f":57{field}\r\n")
    assert record["creditor_agent"] == expected


CASES = [
    ("ids and dates", "103", ":23B:CRED\r\n:32A:260304EUR980,\r\n", {"kind": "credit-transfer", "message_id": "P-1", "service": "CRED", "settlement_date": "2026-03-04", "amount": {"amount": "980", "currency": "EUR"}, "uetr": "3f2b4c5d-0000-4000-8000-00000000abcd"}),
    ("instructed in another currency", "103", ":33B:USD1071,5\r\n:36:1,0929\r\n", {"instructed": {"amount": "1071.5", "currency": "USD"}, "exchange_rate": "1.0929"}),
    ("charges", "103", ":71A:SHA\r\n:71F:EUR15,\r\n:71F:EUR5,5\r\n:71G:EUR1,\r\n", {"charge_bearer": "shared", "charges": [{"bearer": "creditor", "amount": {"amount": "15", "currency": "EUR"}}, {"bearer": "creditor", "amount": {"amount": "5.5", "currency": "EUR"}}, {"bearer": "debtor", "amount": {"amount": "1", "currency": "EUR"}}]}),
    ("a code that nobody knows", "103", ":71A:XXX\r\n", {"charge_bearer": "swift-mt:XXX"}),
    ("what it is for, what to do", "103", ":23E:SDVA\r\n:70:/INV/1\r\nTHANKS\r\n:72:/ACC/CALL\r\n:77B:/ORDERRES/BE\r\n", {"remittance": ["/INV/1", "THANKS"], "instructions": ["SDVA", "/ACC/CALL", "/ORDERRES/BE"]}),
    ("banks between", "103", ":53A:SENDDEFF\r\n:54A:RECVDEFF\r\n:55A:REIMDEFF\r\n:56D:A BANK\r\nTOWN\r\n", {"intermediaries": [{"role": "sender-correspondent", "identifiers": [{"scheme": "bic", "value": "SENDDEFF"}]}, {"role": "receiver-correspondent", "identifiers": [{"scheme": "bic", "value": "RECVDEFF"}]}, {"role": "reimbursement", "identifiers": [{"scheme": "bic", "value": "REIMDEFF"}]}, {"role": "intermediary", "name": "A BANK"}]}),
    ("payee", "103", ":59:/1\r\nPAYEE\r\n", {"creditor": {"name": "PAYEE"}, "creditor_account": {"number": "1", "scheme": "other"}}),
    ("between banks", "202", ":21:E-1\r\n:32A:260304EUR1,\r\n:52A:PAYRBEBB\r\n:57A:BANKFRPP\r\n:58A:/1\r\nCORRFRPP\r\n", {"end_to_end_id": "E-1", "debtor": {"identifiers": [{"scheme": "bic", "value": "PAYRBEBB"}]}, "debtor_agent": None, "creditor_agent": {"identifiers": [{"scheme": "bic", "value": "BANKFRPP"}]}, "creditor": {"identifiers": [{"scheme": "bic", "value": "CORRFRPP"}]}, "creditor_account": {"number": "1", "scheme": "other"}}),
    ("a cover", "202", ":52A:PAYRBEBB\r\n:58A:CORRFRPP\r\n:50K:/1\r\nPAYER\r\n:52A:OTHRBEBB\r\n:57A:OTHRDEFF\r\n:59:/2\r\nPAYEE\r\n:70:RENT\r\n", {"debtor": {"identifiers": [{"scheme": "bic", "value": "PAYRBEBB"}]}, "creditor_agent": None, "ultimate_debtor": {"name": "PAYER", "identifiers": [{"scheme": "account", "value": "1"}]}, "ultimate_creditor": {"name": "PAYEE", "identifiers": [{"scheme": "account", "value": "2"}]}, "remittance": ["RENT"], "intermediaries": [{"role": "ultimate-debtor-agent", "identifiers": [{"scheme": "bic", "value": "OTHRBEBB"}]}, {"role": "ultimate-creditor-agent", "identifiers": [{"scheme": "bic", "value": "OTHRDEFF"}]}]}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_payment_says_what_its_fields_say(kind, fields, expected):
    (record,) = transfer(fields, kind, "{3:{108:M}{121:3f2b4c5d-0000-4000-8000-00000000abcd}}")
    assert {key: record.get(key) for key in expected} == expected


def test_a_request_is_a_payment_for_each_transaction():
    first = ":21:T-1\r\n:32B:EUR1,\r\n:59:ONE\r\n:71A:OUR\r\n"
    records = transfer(
        f":21R:B-1\r\n:50L:TREASURY\r\n:50H:/1\r\nPAYER\r\n:30:260305\r\n{first}{first.replace('T-1', 'T-2')}", "101"
    )
    assert [one["instruction_id"] for one in records] == ["T-1", "T-2"]
    for record in records:
        assert (record["message_id"], record["batch_id"], record["execution_date"]) == ("P-1", "B-1", "2026-03-05")
        assert record["debtor"] == {"name": "PAYER"}
        assert record["charge_bearer"] == "debtor"


@pytest.mark.parametrize("kind", ["199", "299", "999", "537"])
def test_of_other_messages_there_are_no_records(kind):
    assert transfer(":79:TEXT\r\n", kind) == []
