"""Statements, reports and notifications: what stands in a message, and the part of its record that says so."""

import pytest

import parsers
from parsers.events import SetClosed
from parsers.findings import Finding
from parsers.guides.terms import Judging

EUR5 = '<Amt Ccy="EUR">5</Amt>'


def money(amount: str, currency: str = "EUR") -> dict:
    return {"amount": amount, "currency": currency}


def entry(inside: str) -> str:
    return f"<Ntry>{inside}</Ntry>"


def detail(inside: str, around: str = "") -> str:
    return f"<Ntry>{around}<NtryDtls><TxDtls>{inside}</TxDtls></NtryDtls></Ntry>"


def detailed(**fields) -> dict:
    return {"entries": [{"details": [fields]}]}


CASES = [
    ("ids and pages", "<Id>I</Id><StmtPgntn><PgNb>2</PgNb></StmtPgntn><ElctrncSeqNb>7</ElctrncSeqNb><LglSeqNb>9</LglSeqNb><CpyDplctInd>COPY</CpyDplctInd>", {"kind": "statement", "statement_id": "I", "number": "7", "page": "2", "copy": "copy"}),
    ("period", "<FrToDt><FrDtTm>2026-03-01T00:00:00</FrDtTm><ToDtTm>2026-03-02T00:00:00</ToDtTm></FrToDt>", {"period": {"start": "2026-03-01T00:00:00", "end": "2026-03-02T00:00:00"}}),
    ("account", "<Acct><Id><IBAN>X</IBAN></Id><Ccy>EUR</Ccy><Nm>N</Nm><Ownr><Nm>O</Nm><Id><OrgId><LEI>5493001KJTIIGC8Y1R12</LEI></OrgId></Id></Ownr><Svcr><FinInstnId><BIC>B</BIC></FinInstnId></Svcr></Acct>", {"account": {"number": "X", "scheme": "iban", "currency": "EUR", "name": "N"}, "currency": "EUR", "owner": "O", "owner_identifiers": [{"scheme": "lei", "value": "5493001KJTIIGC8Y1R12", "valid": True}], "servicer": {"identifiers": [{"scheme": "bic", "value": "B"}]}}),
    ("balances and their signs", "".join(f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{EUR5}<CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>" for code, sign in (("OPBD", "CRDT"), ("CLBD", "DBIT"), ("CLAV", "CRDT"), ("FWAV", "CRDT"), ("ITBD", "CRDT"), ("PRCD", "CRDT"), ("OURS", "CRDT"))), {"balances": [{"kind": kind, "amount": money("-5" if kind == "closing" else "5"), "date": "2026-03-02"} for kind in ("opening", "closing", "available", "forward-available", "interim", "previous-closing", "iso20022:OURS")]}),
    ("when a balance can be used", '<Bal><Tp><CdOrPrtry><Cd>CLAV</Cd></CdOrPrtry></Tp><Avlbty><Dt><NbOfDays>1</NbOfDays></Dt><Amt Ccy="EUR">5</Amt><CdtDbtInd>DBIT</CdtDbtInd></Avlbty></Bal>', {"balances": [{"kind": "available", "availability": [{"days": "1", "amount": money("-5")}]}]}),
    ("totals", "<TxsSummry><TtlNtries><NbOfNtries>3</NbOfNtries></TtlNtries><TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>5</Sum></TtlCdtNtries><TtlDbtNtries><NbOfNtries>2</NbOfNtries><Sum>6</Sum></TtlDbtNtries></TxsSummry>", {"totals": {"count": "3", "credit_count": "1", "credit_amount": "5", "debit_count": "2", "debit_amount": "6"}}),
    ("totals of one kind", "<TxsSummry><TtlNtriesPerBkTxCd><NbOfNtries>1</NbOfNtries><Sum>6</Sum><BkTxCd><Prtry><Cd>P</Cd></Prtry></BkTxCd></TtlNtriesPerBkTxCd></TxsSummry>", {"summaries": [{"kind": "P", "count": "1", "amount": {"amount": "6"}}]}),
    ("an entry", entry(f"<NtryRef>R</NtryRef>{EUR5}<CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><DtTm>2026-03-03T00:00:00Z</DtTm></ValDt><AcctSvcrRef>S</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn><Prtry><Cd>166</Cd></Prtry></BkTxCd><AddtlNtryInf>T</AddtlNtryInf>"), {"entries": [{"reference": "R", "amount": money("5"), "status": "booked", "booked_on": "2026-03-02", "value_date": "2026-03-03T00:00:00Z", "bank_reference": "S", "code": "PMNT RCDT ESCT", "bank_code": "166", "text": ["T"]}]}),
    ("a debit that is taken back", entry(f"{EUR5}<CdtDbtInd>CRDT</CdtDbtInd><RvslInd>1</RvslInd><Sts><Cd>PDNG</Cd></Sts>"), {"entries": [{"amount": money("5"), "reversal": True, "status": "pending"}]}),
    ("a debit", entry(f"{EUR5}<CdtDbtInd>DBIT</CdtDbtInd><Sts><Prtry>OURS</Prtry></Sts>"), {"entries": [{"amount": money("-5"), "status": "OURS"}]}),
    ("a batch", entry("<NtryDtls><Btch><PmtInfId>B</PmtInfId><NbOfTxs>2</NbOfTxs></Btch></NtryDtls>"), {"entries": [{"batch_id": "B", "batch_count": "2"}]}),
    ("charges", entry('<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">9</TtlChrgsAndTaxAmt><Rcrd><Amt Ccy="EUR">4</Amt></Rcrd><Rcrd><Amt Ccy="EUR">5</Amt></Rcrd></Chrgs>'), {"entries": [{"charges": [{"amount": money("4")}, {"amount": money("5")}]}]}),
    ("charges until 2013", entry('<Chrgs><Amt Ccy="EUR">4</Amt></Chrgs><Chrgs><Amt Ccy="EUR">5</Amt></Chrgs>'), {"entries": [{"charges": [{"amount": money("4")}, {"amount": money("5")}]}]}),
    ("a detail has the sign of its entry", detail(EUR5, "<CdtDbtInd>DBIT</CdtDbtInd>"), detailed(amount=money("-5"))),
    ("or its own", detail(f"{EUR5}<CdtDbtInd>CRDT</CdtDbtInd>", "<CdtDbtInd>DBIT</CdtDbtInd>"), detailed(amount=money("5"))),
    ("amounts until 2013", detail(f'<AmtDtls><InstdAmt><Amt Ccy="USD">6</Amt></InstdAmt><TxAmt>{EUR5}<CcyXchg><XchgRate>1.2</XchgRate></CcyXchg></TxAmt></AmtDtls>', "<CdtDbtInd>DBIT</CdtDbtInd>"), detailed(amount=money("-5"), instructed=money("6", "USD"), exchange_rate="1.2")),
    ("references", detail("<Refs><MsgId>M</MsgId><AcctSvcrRef>A</AcctSvcrRef><EndToEndId>NOTPROVIDED</EndToEndId><MndtId>D</MndtId><Prtry><Tp>T</Tp><Ref>1</Ref></Prtry><Prtry><Tp>U</Tp><Ref>2</Ref></Prtry></Refs>"), detailed(references=[{"scheme": scheme, "value": value} for scheme, value in (("account-servicer-reference", "A"), ("message-id", "M"), ("mandate-id", "D"), ("iso20022:T", "1"), ("iso20022:U", "2"))])),
    ("who paid", detail("<RltdPties><Dbtr><Nm>D</Nm></Dbtr><DbtrAcct><Id><IBAN>X</IBAN></Id></DbtrAcct><Cdtr><Nm>C</Nm></Cdtr></RltdPties><RltdAgts><DbtrAgt><FinInstnId><BIC>B</BIC></FinInstnId></DbtrAgt></RltdAgts>", "<CdtDbtInd>CRDT</CdtDbtInd>"), detailed(debtor={"name": "D"}, creditor={"name": "C"}, counterparty="D", counterparty_account={"number": "X", "scheme": "iban"}, counterparty_agent={"identifiers": [{"scheme": "bic", "value": "B"}]})),
    ("whom we paid, since 2018", detail("<RltdPties><Dbtr><Pty><Nm>D</Nm></Pty></Dbtr><Cdtr><Pty><Nm>C</Nm></Pty></Cdtr><UltmtCdtr><Pty><Nm>U</Nm></Pty></UltmtCdtr></RltdPties>", "<CdtDbtInd>DBIT</CdtDbtInd>"), detailed(debtor={"name": "D"}, creditor={"name": "C"}, ultimate_creditor={"name": "U"}, counterparty="C")),
    ("of what is taken back nobody can tell", detail("<RltdPties><Dbtr><Nm>D</Nm></Dbtr></RltdPties>", "<CdtDbtInd>CRDT</CdtDbtInd><RvslInd>true</RvslInd>"), {"entries": [{"reversal": True, "details": [{"debtor": {"name": "D"}}]}]}),
    ("why it came back", detail("<RtrInf><Rsn><Cd>AC01</Cd></Rsn><AddtlInf>A</AddtlInf></RtrInf><AddtlTxInf>T</AddtlTxInf>"), detailed(reasons=["AC01"], text=["T", "A"])),
    ("what it is for", detail("<Purp><Cd>P</Cd></Purp><RmtInf><Ustrd>U</Ustrd><Strd><CdtrRefInf><Tp><CdOrPrtry><Prtry>QRR</Prtry></CdOrPrtry></Tp><Ref>1</Ref></CdtrRefInf></Strd></RmtInf>"), detailed(purpose="P", remittance=["U"], references=[{"scheme": "qr-reference", "value": "1"}])),
    ("several details in several places", "<Ntry><NtryDtls><TxDtls><Purp><Cd>1</Cd></Purp></TxDtls></NtryDtls><NtryDtls><TxDtls><Purp><Cd>2</Cd></Purp></TxDtls><TxDtls><Purp><Cd>3</Cd></Purp></TxDtls></NtryDtls></Ntry>", {"entries": [{"details": [{"purpose": "1"}, {"purpose": "2"}, {"purpose": "3"}]}]}),
    ("text", "<AddtlStmtInf>T</AddtlStmtInf>", {"text": ["T"]}),
]  # fmt: skip


@pytest.mark.parametrize(("inside", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_statement_says_what_its_message_says(records, inside, expected):
    (record,) = records("camt.053.001.02", f"<GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt>{inside}</Stmt>")
    assert (record["schema"], record["message_id"]) == ("account-statement/1", "M")
    assert {key: record.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "element", "kind"),
    [("camt.052.001.08", "Rpt", "interim"), ("camt.054.001.04", "Ntfctn", "notification")],
)
def test_reports_and_notifications_are_statements_of_their_kind(records, name, element, kind):
    inside = f"<{element}><Id>1</Id><Ntry>{EUR5}</Ntry></{element}><{element}><Id>2</Id></{element}>"
    first, second = records(name, inside)
    assert (first["kind"], first["statement_id"], first["entries"]) == (kind, "1", [{"amount": money("5")}])
    assert (second["kind"], second["statement_id"], second.get("entries")) == (kind, "2", None)


def test_when_it_was_made_and_what_it_answers_stands_in_the_header(records):
    header = "<GrpHdr><CreDtTm>2026-03-02T00:00:00</CreDtTm><OrgnlBizQry><MsgId>Q</MsgId></OrgnlBizQry></GrpHdr>"
    first, second = records(
        "camt.052.001.08", f"{header}<Rpt><Id>1</Id></Rpt><Rpt><CreDtTm>2026-03-03T00:00:00</CreDtTm></Rpt>"
    )
    assert (first["created_at"], first["related_reference"]) == ("2026-03-02T00:00:00", "Q")
    assert second["created_at"] == "2026-03-03T00:00:00"


@pytest.mark.parametrize("cut", [1 << 20, 50])
def test_what_a_guide_has_said_a_map_does_not_say_again(cut):
    inside = (
        "<GrpHdr><MsgId>M</MsgId><CreDtTm>2026-03-02T00:00:00</CreDtTm></GrpHdr><Stmt><Id>1</Id>"
        "<CreDtTm>soon</CreDtTm><Acct><Id><IBAN>BE68539007547034</IBAN></Id></Acct><Bal><Tp><CdOrPrtry><Cd>OPBD</Cd>"
        "</CdOrPrtry></Tp><Amt Ccy='EUR'>1,5</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal></Stmt>"
    )
    name = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"
    data = f"<Document xmlns='{name}'><BkToCstmrStmt>{inside}</BkToCstmrStmt></Document>".encode()
    events = list(parsers.read([data[at : at + cut] for at in range(0, len(data), cut)], judge=Judging()))
    said = [(one.code, one.element) for one in events if isinstance(one, Finding)]
    assert said == [("iso20022.date-invalid", "CreDtTm"), ("iso20022.element-characters", "Amt")]
    assert [one.records for one in events if isinstance(one, SetClosed)] == [1]
