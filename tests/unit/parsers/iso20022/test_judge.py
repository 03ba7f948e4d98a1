"""Messages judged by their guides: each case changes a right message in one place and names all that must be said."""

from collections.abc import Callable, Iterator
from typing import Literal

import pytest

import parsers
from parsers.events import Quoted, SetClosed
from parsers.findings import Finding
from parsers.guides.terms import Judging, Terms
from parsers.iso20022 import guide, statement, values
from parsers.limits import Limits
from tests import corpus

ISO = "urn:iso:std:iso:20022:tech:xsd:"

PAIN = f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="{ISO}pain.001.001.09" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="u x.xsd">
  <CstmrCdtTrfInitn>
    <GrpHdr>
      <MsgId>M-1</MsgId>
      <CreDtTm>2026-03-02T09:15:00</CreDtTm>
      <NbOfTxs>2</NbOfTxs>
      <CtrlSum>30.5</CtrlSum>
      <InitgPty><Nm>Made &amp; Up</Nm></InitgPty>
    </GrpHdr>
    <PmtInf>
      <PmtInfId>P-1</PmtInfId>
      <PmtMtd>TRF</PmtMtd>
      <BtchBookg>true</BtchBookg>
      <ReqdExctnDt><Dt>2026-03-03</Dt></ReqdExctnDt>
      <Dbtr><Nm>Made Up</Nm><PstlAdr><Ctry>DE</Ctry><AdrLine>A street</AdrLine><AdrLine>A town</AdrLine></PstlAdr></Dbtr>
      <DbtrAcct><Id><IBAN>GB82WEST12345698765432</IBAN></Id></DbtrAcct>
      <DbtrAgt><FinInstnId><BICFI>AAAABEBBXXX</BICFI></FinInstnId></DbtrAgt>
      <CdtTrfTxInf>
        <PmtId><EndToEndId>E-1</EndToEndId></PmtId>
        <Amt><InstdAmt Ccy="EUR">10.00</InstdAmt></Amt>
        <RmtInf><Ustrd>Thanks</Ustrd></RmtInf>
      </CdtTrfTxInf>
      <CdtTrfTxInf>
        <PmtId><EndToEndId>E-2</EndToEndId></PmtId>
        <Amt><InstdAmt Ccy="EUR">20.50</InstdAmt></Amt>
        <ChrgBr>SLEV</ChrgBr>
        <CdtrAcct><Id><Othr><Id>123</Id></Othr></Id></CdtrAcct>
        <Purp><Cd>SALA</Cd></Purp>
        <Tax><Anything>of which nothing is known</Anything></Tax>
      </CdtTrfTxInf>
    </PmtInf>
  </CstmrCdtTrfInitn>
</Document>
"""


def entry(amount: str, sign: str, status: str = "<Sts><Cd>BOOK</Cd></Sts>", valued: str = "2026-03-02") -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{status}<ValDt><Dt>{valued}</Dt></ValDt>'
        "<BkTxCd><Prtry><Cd>X</Cd></Prtry></BkTxCd></Ntry>"
    )


def balance(code: str, amount: str, sign: str = "CRDT", line: str = "") -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{line}<Amt Ccy="EUR">{amount}</Amt>'
        f"<CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>"
    )


SUMMARY = (
    "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries></TtlNtries>"
    "<TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>25.00</Sum></TtlCdtNtries>"
    "<TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>5</Sum></TtlDbtNtries></TxsSummry>"
)
CAMT = (
    f'<Document xmlns="{ISO}camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>S-1</MsgId><CreDtTm>2026-03-02T20:00:00Z</CreDtTm>'
    "</GrpHdr><Stmt><Id>1</Id><Acct><Id><IBAN>GB82WEST12345698765432</IBAN></Id></Acct>"
    f"{balance('OPBD', '100.00')}{balance('CLBD', '120.00')}{SUMMARY}{entry('25', 'CRDT')}{entry('5', 'DBIT')}"
    "</Stmt></BkToCstmrStmt></Document>"
)


def judged(
    data: bytes | str, size: int = 1 << 20, judging: Judging | None = None
) -> tuple[list[Finding], list[SetClosed], list[str]]:
    data = data.encode() if isinstance(data, str) else data
    chunks = (data[at : at + size] for at in range(0, len(data), size))
    events = list(parsers.read(chunks, judge=judging or Judging()))
    return (
        [event for event in events if isinstance(event, Finding)],
        [event for event in events if isinstance(event, SetClosed)],
        [event.text for event in events if isinstance(event, Quoted)],
    )


def said(data: bytes | str, size: int = 1 << 20) -> list[tuple[str, str | None]]:
    return [(one.code.removeprefix("iso20022."), one.path) for one in judged(data, size)[0]]


PAY = "CstmrCdtTrfInitn/PmtInf"
SECOND = f"{PAY}/CdtTrfTxInf[2]"
STMT = "BkToCstmrStmt/Stmt"

PAIN_CASES = [
    ("right", "", "", []),
    ("required element", "<PmtMtd>TRF</PmtMtd>", "", [("element-missing", f"{PAY}/PmtMtd")]),
    ("required element at the end", "<InitgPty><Nm>Made &amp; Up</Nm></InitgPty>", "", [("element-missing", "CstmrCdtTrfInitn/GrpHdr/InitgPty")]),
    ("required element empty", "<PmtInfId>P-1</PmtInfId>", "<PmtInfId/>", [("element-missing", f"{PAY}/PmtInfId")]),
    ("required element empty, in two tags", "<PmtInfId>P-1</PmtInfId>", "<PmtInfId></PmtInfId>", [("element-missing", f"{PAY}/PmtInfId")]),
    ("required parts in an empty element", "<PmtId><EndToEndId>E-1</EndToEndId></PmtId>", "<PmtId/>", [("element-missing", f"{PAY}/CdtTrfTxInf/PmtId/EndToEndId")]),
    ("no alternative", "<Id><IBAN>GB82WEST12345698765432</IBAN></Id>", "<Id></Id>", [("element-missing", f"{PAY}/DbtrAcct/Id/IBAN")]),
    ("two alternatives", "<Cd>SALA</Cd>", "<Cd>SALA</Cd><Prtry>X</Prtry>", [("elements-exclusive", f"{SECOND}/Purp/Prtry")]),
    ("unknown", "<ChrgBr>SLEV</ChrgBr>", "<Chrg><ChrgBr>SLEV</ChrgBr></Chrg>", [("segment-unknown", SECOND)]),
    ("unknown and empty", "<ChrgBr>SLEV</ChrgBr>", "<Chrg/>", [("segment-unknown", SECOND)]),
    ("of a later version", "<PmtMtd>TRF</PmtMtd>", "<PmtMtd>TRF</PmtMtd><ReqdAdvcTp/>", [("segment-unknown", PAY)]),
    ("out of order", "<ChrgBr>SLEV</ChrgBr>", "<Purp><Cd>SALA</Cd></Purp><ChrgBr>SLEV</ChrgBr>", [("segment-unexpected", f"{SECOND}/ChrgBr"), ("segment-unexpected", f"{SECOND}/CdtrAcct"), ("segment-repeats", f"{SECOND}/Purp[2]")]),
    ("required one out of order", "<MsgId>M-1</MsgId>\n      <CreDtTm>2026-03-02T09:15:00</CreDtTm>", "<CreDtTm>2026-03-02T09:15:00</CreDtTm><MsgId>M-1</MsgId>", [("segment-unexpected", "CstmrCdtTrfInitn/GrpHdr/MsgId")]),
    ("twice", "<BtchBookg>true</BtchBookg>", "<BtchBookg>true</BtchBookg><BtchBookg>true</BtchBookg>", [("segment-repeats", f"{PAY}/BtchBookg[2]")]),
    ("eight lines of an address", "<AdrLine>A street</AdrLine>", "<AdrLine>A street</AdrLine>" * 7, [("segment-repeats", f"{PAY}/Dbtr/PstlAdr/AdrLine[8]")]),
    ("as long as may be", "<Ustrd>Thanks</Ustrd>", f"<Ustrd>{'ü' * 138}&amp;&#223;</Ustrd>", []),
    ("a line break is one character", "<Ustrd>Thanks</Ustrd>", f"<Ustrd>{'x' * 139}\r\n</Ustrd>", []),
    ("too long", "<Ustrd>Thanks</Ustrd>", f"<Ustrd>{'ü' * 141}</Ustrd>", [("element-too-long", f"{PAY}/CdtTrfTxInf/RmtInf/Ustrd")]),
    ("too short", "<Ustrd>Thanks</Ustrd>", "<Ustrd></Ustrd>", [("element-too-short", f"{PAY}/CdtTrfTxInf/RmtInf/Ustrd")]),
    ("of blanks", "<Ustrd>Thanks</Ustrd>", "<Ustrd>  </Ustrd>", []),
    ("of too many blanks", "<Ustrd>Thanks</Ustrd>", f"<Ustrd>{' ' * 141}</Ustrd>", [("element-too-long", f"{PAY}/CdtTrfTxInf/RmtInf/Ustrd")]),
    ("CDATA and comments", "<Ustrd>Thanks</Ustrd>", f"<Ustrd><!-- {'x' * 200} -->{'x' * 70}<![CDATA[{'<' * 70}]]></Ustrd>", []),
    ("CDATA, too long", "<Ustrd>Thanks</Ustrd>", f"<Ustrd>{'x' * 71}<![CDATA[{'<' * 70}]]></Ustrd>", [("element-too-long", f"{PAY}/CdtTrfTxInf/RmtInf/Ustrd")]),
    ("closed code", ">TRF<", ">XXX<", [("code-unknown", f"{PAY}/PmtMtd")]),
    ("external code", ">SALA<", ">SALAR<", [("element-too-long", f"{SECOND}/Purp/Cd")]),
    ("boolean", ">true<", ">yes<", [("element-characters", f"{PAY}/BtchBookg")]),
    ("boolean among blanks", ">true<", ">\n 1 <", []),
    ("no such day", ">2026-03-03<", ">2026-02-29<", [("date-invalid", f"{PAY}/ReqdExctnDt/Dt")]),
    ("date where a moment stands", ">2026-03-02T09:15:00<", ">2026-03-02<", [("date-invalid", "CstmrCdtTrfInitn/GrpHdr/CreDtTm")]),
    ("no such hour", ">2026-03-02T09:15:00<", ">2026-03-02T25:15:00<", [("date-invalid", "CstmrCdtTrfInitn/GrpHdr/CreDtTm")]),
    ("moment with a zone", ">2026-03-02T09:15:00<", ">2026-03-02T09:15:00.123+01:00<", []),
    ("IBAN with blanks", "GB82WEST12345698765432", "GB82 WEST 1234 5698 7654 32", [("element-characters", f"{PAY}/DbtrAcct/Id/IBAN")]),
    ("BIC", "AAAABEBBXXX", "AAAABEBBX", [("element-characters", f"{PAY}/DbtrAgt/FinInstnId/BICFI")]),
    ("country", ">DE<", ">de<", [("element-characters", f"{PAY}/Dbtr/PstlAdr/Ctry")]),
    ("five digits behind the point", ">10.00<", ">10.00000<", []),
    ("currency missing", '<InstdAmt Ccy="EUR">20.50', "<InstdAmt>20.50", [("element-missing", f"{SECOND}/Amt/InstdAmt")]),
    ("currency in small letters", '<InstdAmt Ccy="EUR">20.50', '<InstdAmt Ccy="eur">20.50', [("element-characters", f"{SECOND}/Amt/InstdAmt")]),
    ("attribute of an amount", '<InstdAmt Ccy="EUR">20.50', "<InstdAmt Ccy='EUR' Kind='x'>20.50", [("element-surplus", f"{SECOND}/Amt/InstdAmt")]),
    ("attribute of an element", "<GrpHdr>", '<GrpHdr kind="x">', [("element-surplus", "CstmrCdtTrfInitn/GrpHdr")]),
    ("attribute of a text", "<MsgId>", '<MsgId kind="x">', [("element-surplus", "CstmrCdtTrfInitn/GrpHdr/MsgId")]),
    ("namespaces on the way", "<GrpHdr>", f'<GrpHdr xmlns="{ISO}pain.001.001.09" xml:lang="en">', []),
    ("text beside elements", "<GrpHdr>", "<GrpHdr>text", [("element-characters", "CstmrCdtTrfInitn/GrpHdr")]),
    ("CDATA beside elements", "<GrpHdr>", "<GrpHdr><![CDATA[ x ]]>", [("element-characters", "CstmrCdtTrfInitn/GrpHdr")]),
    ("comment beside elements", "<GrpHdr>", "<GrpHdr><!-- x --><?y z?>", []),
    ("element in a text", "<Ustrd>Thanks</Ustrd>", "<Ustrd>Thanks <b>you</b></Ustrd>", [("segment-unknown", f"{PAY}/CdtTrfTxInf/RmtInf")]),
    ("a root of another message", "CstmrCdtTrfInitn", "CstmrDrctDbtInitn", [("segment-unknown", None), ("element-missing", "CstmrCdtTrfInitn")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "expected"), [case[1:] for case in PAIN_CASES], ids=[case[0] for case in PAIN_CASES]
)
def test_an_order_is_judged(old: str, new: str, expected: list[tuple[str, str | None]]) -> None:
    changed = PAIN.replace(old, new) if old else PAIN
    assert changed != PAIN or not old
    assert said(changed) == expected


@pytest.mark.parametrize("value", ["1.123456", "12345678901234567.89", "9" * 19])
def test_an_amount_has_its_digits(value: str) -> None:
    found = [one for one in said(PAIN.replace(">20.50<", f">{value}<")) if not one[0].endswith("-mismatch")]
    assert found == [("element-too-long", f"{SECOND}/Amt/InstdAmt")]


@pytest.mark.parametrize("value", ["-20.50", "20,50", "1e3", "", "NaN"])
def test_an_amount_is_a_number(value: str) -> None:
    found = [one for one in said(PAIN.replace(">20.50<", f">{value}<")) if not one[0].endswith("-mismatch")]
    assert found == [("element-characters" if value else "element-missing", f"{SECOND}/Amt/InstdAmt")]


def camt(old: str, new: str, count: int = 1) -> Callable[[], str]:
    def changed() -> str:
        assert CAMT.count(old) >= 1
        return CAMT.replace(old, new, count)

    return changed


BALANCE = [("balance", f"{STMT}/Bal[2]/Amt")]
CAMT_CASES = [
    ("right", lambda: CAMT, []),
    ("balance type that we do not know", camt(">OPBD<", ">XXXX<"), [("code-unknown", f"{STMT}/Bal/Tp/CdOrPrtry/Cd")]),
    ("balance type too long", camt(">OPBD<", ">XXXXX<"), [("element-too-long", f"{STMT}/Bal/Tp/CdOrPrtry/Cd")]),
    ("sign", camt("<CdtDbtInd>DBIT", "<CdtDbtInd>DEBT"), [("code-unknown", f"{STMT}/Ntry[2]/CdtDbtInd")]),
    ("status of an older version", camt("<Sts><Cd>BOOK</Cd></Sts>", "<Sts>BOOK</Sts>"), [("element-characters", f"{STMT}/Ntry/Sts"), ("element-missing", f"{STMT}/Ntry/Sts/Cd")]),
    ("no balance at all", camt(balance("OPBD", "100.00") + balance("CLBD", "120.00"), ""), [("element-missing", f"{STMT}/Bal")]),
    ("closing balance", camt("120.00", "120.01"), BALANCE),
    ("closing balance on the other side", camt(balance("CLBD", "120.00"), balance("CLBD", "120.00", "DBIT")), BALANCE),
    ("previous closing balance", camt(">OPBD<", ">PRCD<"), []),
    ("from the previous closing balance", lambda: CAMT.replace(">OPBD<", ">PRCD<").replace("100.00", "99"), BALANCE),
    ("opening balance beside the previous", camt("<TxsSummry>", balance("PRCD", "7") + "<TxsSummry>"), []),
    ("overdrawn", lambda: CAMT.replace(balance("OPBD", "100.00"), balance("OPBD", "30", "DBIT")).replace(balance("CLBD", "120.00"), balance("CLBD", "10.00", "DBIT")), []),
    ("two closing balances", camt("<TxsSummry>", balance("CLBD", "7") + "<TxsSummry>"), []),
    ("a pending entry", lambda: CAMT.replace("</Stmt>", entry("7", "CRDT", "<Sts><Cd>PDNG</Cd></Sts>") + "</Stmt>"), []),
    ("an entry more", lambda: CAMT.replace(SUMMARY, "").replace("</Stmt>", entry("7", "CRDT") + "</Stmt>"), BALANCE),
    ("an entry valued later", lambda: CAMT.replace(SUMMARY, "").replace("</Stmt>", entry("7", "CRDT", valued="2026-03-04") + "</Stmt>"), []),
    ("an entry of another currency", lambda: CAMT.replace(SUMMARY, "").replace("</Stmt>", entry("7", "CRDT").replace("EUR", "USD") + "</Stmt>"), []),
    ("a credit line in the balance", camt(balance("OPBD", "100.00"), balance("OPBD", "200.00", line="<CdtLine><Incl>true</Incl></CdtLine>")), []),
    ("first of many pages", lambda: CAMT.replace("120.00", "1").replace("<Id>1</Id>", "<Id>1</Id><StmtPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>"), []),
    ("last of many pages", lambda: CAMT.replace("120.00", "1").replace("<Id>1</Id>", "<Id>1</Id><StmtPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>"), []),
    ("the only page", lambda: CAMT.replace("120.00", "1").replace("<Id>1</Id>", "<Id>1</Id><StmtPgntn><PgNb>1</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>"), BALANCE),
    ("no entries", lambda: CAMT.replace(entry("25", "CRDT") + entry("5", "DBIT"), ""), []),
    ("count of entries", camt("<NbOfNtries>2<", "<NbOfNtries>3<"), [("balance", f"{STMT}/TxsSummry/TtlNtries/NbOfNtries")]),
    ("count of credits", camt("<NbOfNtries>1<", "<NbOfNtries>3<"), [("balance", f"{STMT}/TxsSummry/TtlCdtNtries/NbOfNtries")]),
    ("sum of credits", camt("<Sum>25.00<", "<Sum>25.01<"), [("balance", f"{STMT}/TxsSummry/TtlCdtNtries/Sum")]),
    ("sum of debits", camt("<Sum>5<", "<Sum>6<"), [("balance", f"{STMT}/TxsSummry/TtlDbtNtries/Sum")]),
    ("the second statement by itself", lambda: CAMT.replace("</BkToCstmrStmt>", CAMT[CAMT.index("<Stmt>") : CAMT.index("</BkToCstmrStmt>")].replace("120.00", "121") + "</BkToCstmrStmt>"), [("balance", "BkToCstmrStmt/Stmt[2]/Bal[2]/Amt")]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), [case[1:] for case in CAMT_CASES], ids=[case[0] for case in CAMT_CASES])
def test_a_statement_is_judged(data: Callable[[], str], expected: list[tuple[str, str]]) -> None:
    assert said(data()) == expected


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
@pytest.mark.parametrize("case", PAIN_CASES, ids=lambda case: case[0])
def test_pieces_say_what_the_whole_says(case: tuple[str, str, str, list[tuple[str, str]]], size: int) -> None:
    data = PAIN.replace(case[1], case[2]) if case[1] else PAIN
    assert judged(data, size)[0] == judged(data)[0]


@pytest.mark.parametrize("case", PAIN_CASES, ids=lambda case: case[0])
def test_long_files_are_judged_across_batches(case: tuple[str, str, str, list[tuple[str, str]]]) -> None:
    """A batch ends after some thousand characters: comments of every length move it through the message."""
    data = PAIN.replace(case[1], case[2]) if case[1] else PAIN
    expected = case[3]
    for blanks in range(0, 2048, 173):
        assert said(data.replace("<GrpHdr", f"<!--{' ' * blanks}--><GrpHdr", 1)) == expected


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "iso-8859-1"])
@pytest.mark.parametrize("case", PAIN_CASES, ids=lambda case: case[0])
def test_any_encoding_says_the_same(case: tuple[str, str, str, list[tuple[str, str]]], encoding: str) -> None:
    data = PAIN.replace(case[1], case[2]) if case[1] else PAIN
    declared = data.replace("UTF-8", "UTF-16" if encoding.startswith("utf-16") else encoding, 1)
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    assert said((mark + declared).encode(encoding)) == case[3]


def test_prefixes_are_no_part_of_names() -> None:
    data = PAIN.replace("xmlns=", "xmlns:p=")
    for name in ("<", "</"):
        data = data.replace(name, f"{name}p:").replace(f"{name}p:/", f"{name}/")
    data = data.replace("<p:?xml", "<?xml").replace("<p:/", "</p:").replace("</p:p:", "</p:").replace("<p:p:", "<p:")
    assert said(data) == []
    assert said(data.replace(">TRF<", ">XXX<")) == [("code-unknown", f"{PAY}/PmtMtd")]


def test_a_message_may_stand_without_document() -> None:
    start, end = PAIN.index("<CstmrCdtTrfInitn>"), PAIN.index("</Document>")
    bare = PAIN[start:end].replace("<CstmrCdtTrfInitn>", f'<CstmrCdtTrfInitn xmlns="{ISO}pain.001.001.09">')
    data = f'<Envelope xmlns="urn:made-up">{bare}</Envelope>'
    assert said(data) == []
    assert said(data.replace(">TRF<", ">XXX<")) == [("code-unknown", f"{PAY}/PmtMtd")]


def test_a_finding_says_where() -> None:
    data = PAIN.replace(">20.50<", ">20,50<").replace("<CtrlSum>30.5</CtrlSum>", "")
    (finding,) = judged(data)[0]
    assert (finding.level, finding.severity, finding.set) == (1, "error", 1)
    assert (finding.segment, finding.element) == ("InstdAmt", "InstdAmt")
    assert data.encode()[finding.offset :].startswith(b'<InstdAmt Ccy="EUR">20,50')
    assert finding.position == 1 + sum(1 for _ in _tokens(data[: data.index(">20,50<")]))
    assert "20,50" not in finding.message + finding.hint


def _tokens(before: str) -> Iterator[str]:
    """Tags and texts before the tag that `before` ends in, from Document on."""
    rest = before[before.index("<Document") : before.rindex("<")]
    for part in rest.split("<")[1:]:
        tag, _, text = part.partition(">")
        yield tag
        if text.strip():
            yield text


def test_what_is_missing_is_found_before_what_stands_in_its_place() -> None:
    data = PAIN.replace("<PmtMtd>TRF</PmtMtd>", "")
    (finding,) = judged(data)[0]
    assert (finding.segment, finding.element, finding.level) == ("PmtMtd", "PmtMtd", 2)
    assert data.encode()[finding.offset :].startswith(b"<BtchBookg>")


def test_the_attribute_is_the_element_of_a_finding() -> None:
    (finding,) = judged(PAIN.replace('<InstdAmt Ccy="EUR">20.50', '<InstdAmt Ccy="eur">20.50'))[0]
    assert (finding.segment, finding.element) == ("InstdAmt", "@Ccy")


def test_levels_are_treated_as_agreed() -> None:
    wrong = CAMT.replace("120.00", "121")
    findings, (closed,), _ = judged(wrong)
    assert (findings[0].severity, closed.verdict != "rejected") == ("warning", True)
    findings, (closed,), _ = judged(wrong, judging=Judging(terms=(Terms(levels={3: "reject"}),)))
    assert (findings[0].severity, closed.verdict) == ("error", "rejected")
    findings, (closed,), _ = judged(
        PAIN.replace(">TRF<", ">XXX<"), judging=Judging(terms=(Terms(levels={2: "report"}),))
    )
    assert (findings[0].severity, closed.verdict != "rejected") == ("info", True)


def test_the_verdict_names_the_guide() -> None:
    _, (closed,), _ = judged(PAIN)
    assert closed.guide == "iso20022/pain.001.001.09"
    assert closed.guide_hash
    assert closed.verdict != "rejected"
    _, (closed,), _ = judged(PAIN.replace(">TRF<", ">XXX<"))
    assert closed.verdict == "rejected"


@pytest.mark.parametrize(
    ("quote", "old", "new", "expected"),
    [
        ("none", ">TRF<", ">XXX<", []),
        ("codes", ">TRF<", ">XXX<", ["XXX"]),
        ("codes", ">TRF<", ">Somebody's name<", []),
        ("codes", ">DE<", ">de<", []),
        ("codes", "AAAABEBBXXX", "aaaabebb", []),
        ("all", "AAAABEBBXXX", "aaaabebb", ["aaaabebb"]),
        ("all", ">TRF<", ">Somebody's name<", ["Somebody's name"]),
        ("all", ">TRF<", "><", [""]),
    ],
)
def test_values_are_quoted_as_asked(
    quote: Literal["none", "codes", "all"], old: str, new: str, expected: list[str]
) -> None:
    assert judged(PAIN.replace(old, new), judging=Judging(quote=quote))[2] == expected


def test_check_digits_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "is_valid", lambda kind, _: kind != "iban")
    (finding,), (closed,), _ = judged(PAIN)
    assert (finding.code, finding.level, finding.severity) == ("iso20022.check-digit", 5, "warning")
    assert (finding.path, closed.verdict != "rejected") == (f"{PAY}/DbtrAcct/Id/IBAN", True)


def test_a_text_too_long_to_hold_is_not_called_missing() -> None:
    data = PAIN.replace("<PmtInfId>P-1<", f"<PmtInfId>{'x' * 100_000}<").encode()
    limits = Limits(held_bytes=10_000)
    events = parsers.read([data], limits, judge=Judging())
    found = [event.code for event in events if isinstance(event, Finding)]
    assert found == ["xml.text-too-long"]


def test_of_a_long_text_in_pieces_little_is_kept() -> None:
    long = PAIN.replace(">Thanks<", f">{'x<!-- y -->' * 200_000}<")
    (finding,), _, (quoted,) = judged(long, judging=Judging(quote="all"))
    assert (finding.code, finding.path) == ("iso20022.element-too-long", f"{PAY}/CdtTrfTxInf/RmtInf/Ustrd")
    assert len(quoted) < 70_000


def test_repetitions_are_told_of_now_and_then() -> None:
    many = PAIN.replace("<BtchBookg>true</BtchBookg>", "<BtchBookg>true</BtchBookg>" * 1_000)
    assert said(many) == [("segment-repeats", f"{PAY}/BtchBookg[{nth}]") for nth in (2, *range(100, 1_001, 100))]


def test_each_document_is_judged_by_its_own_guide() -> None:
    assert said(PAIN + CAMT.replace("120.00", "121")) == BALANCE


def test_hooks_stand_in_a_guide() -> None:
    """Paths that the balance looks at are elements of at least one version."""

    def has(version: str, path: str) -> bool:
        found = guide.guide_for("camt.053", version)
        assert found
        element = guide.tree(found)
        for name in path.split("/"):
            if name not in element.children:
                return False
            element = element.children[name]
        return True

    for path in statement.HOOKS:
        assert has("camt.053.001.02", path) or has("camt.053.001.08", path), path


# --- real messages ---

_TOTALS = "totals and counts of the made-up file do not fit"
REASONS = {
    "iso20022/genkgo-camt/camt053.v2.wrong.xml": ("element-missing", "no statement in it"),
    "iso20022/moov-io-iso20022/musterfile_pain.001_Nov2020.xml": ("nboftxs-mismatch", _TOTALS),
    "iso20022/sebastienrousseau-camt053/gold_master/statement_ac04.xml": ("element-missing", "breaks its own schema: no BkTxCd"),
    "iso20022/sebastienrousseau-pain001/data/pain.001.001.03.xml": ("nboftxs-mismatch", _TOTALS),
    "iso20022/sebastienrousseau-pain001/data/template.xml": ("nboftxs-mismatch", _TOTALS),
}  # fmt: skip
"""What is rejected, and why; everything else is accepted."""


@corpus.needed
def test_real_messages() -> None:
    rows = [
        row
        for row in corpus.ROWS
        if row["path"].startswith("iso20022/") and ("pain.001" in row["set"] or "camt.053" in row["set"])
    ]
    assert len(rows) > 30
    for row in rows:
        findings, closed, _ = judged(corpus.data_of(row))
        assert all(one.guide for one in closed), row["path"]
        errors = {one.code.removeprefix("iso20022.") for one in findings if one.severity == "error"}
        if row["path"] in REASONS:
            assert REASONS[row["path"]][0] in errors, row["path"]
        else:
            assert not errors, row["path"]
            assert row["label"] == "valid", row["path"]
