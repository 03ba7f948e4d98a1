"""Payments written as pain.001: the document says the same, in the order of its schema, counted and summed."""

from pathlib import Path

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch, SetClosed, SetOpened
from parsers.guides.terms import Judging
from parsers.iso20022.writer import write
from parsers.rewriting import Rewritten, rewritten
from tests.corpus import ROWS, data_of, needed

GOLDEN = Path(__file__).parent / "samples" / "records" / "iso20022"
VERSION = "pain.001.001.09"


def payments(data: bytes) -> tuple[str, list[dict], str | None]:
    """The version, the records and the verdict of a file with one message."""
    version, made, verdict = "", list[dict](), None
    for event in parsers.read([data], judge=Judging()):
        if isinstance(event, SetOpened):
            version = event.version or ""
        elif isinstance(event, RecordBatch):
            made += map(msgspec.json.decode, event.ndjson.splitlines())
        elif isinstance(event, SetClosed):
            verdict = event.verdict
    return version, made, verdict


def ordered(records: dict | list[dict], version: str = VERSION) -> Rewritten:
    return rewritten(records, standard="iso20022", set_code="pain.001", version=version)


def errors(made: Rewritten) -> list[str]:
    return [one.element or one.code for one in made.findings if one.severity == "error"]


@pytest.mark.parametrize("name", ["pain.001.xml", "pain.001-v3.xml", "orders.xml"])
def test_orders_are_written_as_they_were_read(name):
    version, records, _ = payments((GOLDEN / name).read_bytes())
    made = ordered(records, version)
    assert made.lost == []
    assert errors(made) == []


@needed
@pytest.mark.parametrize("row", [pytest.param(row, id=row["path"]) for row in ROWS if row["set"] == "pain.001"])
def test_real_orders_are_written_as_they_were_read(row):
    version, records, _ = payments(data_of(row))
    assert records
    made = ordered(records, version)
    assert made.lost == []
    assert errors(made) == []


PAYMENT = {
    "schema": "payment/1",
    "kind": "credit-transfer",
    "message_id": "M<1>",
    "created_at": "2026-03-02T09:15:00Z",
    "initiating_party": {"name": "Grove & Sons"},
    "batch_id": "B1",
    "method": "transfer",
    "execution_date": "2026-03-03",
    "service": "SEPA",
    "priority": "normal",
    "debtor": {"name": "Grove"},
    "debtor_account": {"number": "BE68539007547034", "scheme": "iban"},
    "debtor_agent": {"identifiers": [{"scheme": "bic", "value": "GROVBEBB"}]},
    "amount": {"amount": "120.50", "currency": "EUR"},
    "creditor": {"name": "Meadow", "address": {"country": "DE", "lines": ["Hauptstr. 1"]}},
    "creditor_account": {"number": "4711", "scheme": "other"},
}


def test_a_document():
    made = ordered([PAYMENT, PAYMENT | {"end_to_end_id": "E2", "amount": {"amount": "0.005", "currency": "EUR"}}])
    assert (errors(made), made.lost) == ([], [])
    assert (
        write(VERSION, made.content, indent=" ").decode()
        == """\
<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">
 <CstmrCdtTrfInitn>
  <GrpHdr>
   <MsgId>M&lt;1&gt;</MsgId>
   <CreDtTm>2026-03-02T09:15:00Z</CreDtTm>
   <NbOfTxs>2</NbOfTxs>
   <CtrlSum>120.505</CtrlSum>
   <InitgPty>
    <Nm>Grove &amp; Sons</Nm>
   </InitgPty>
  </GrpHdr>
  <PmtInf>
   <PmtInfId>B1</PmtInfId>
   <PmtMtd>TRF</PmtMtd>
   <NbOfTxs>2</NbOfTxs>
   <CtrlSum>120.505</CtrlSum>
   <PmtTpInf>
    <InstrPrty>NORM</InstrPrty>
    <SvcLvl>
     <Cd>SEPA</Cd>
    </SvcLvl>
   </PmtTpInf>
   <ReqdExctnDt>
    <Dt>2026-03-03</Dt>
   </ReqdExctnDt>
   <Dbtr>
    <Nm>Grove</Nm>
   </Dbtr>
   <DbtrAcct>
    <Id>
     <IBAN>BE68539007547034</IBAN>
    </Id>
   </DbtrAcct>
   <DbtrAgt>
    <FinInstnId>
     <BICFI>GROVBEBB</BICFI>
    </FinInstnId>
   </DbtrAgt>
   <CdtTrfTxInf>
    <PmtId>
     <EndToEndId>NOTPROVIDED</EndToEndId>
    </PmtId>
    <Amt>
     <InstdAmt Ccy="EUR">120.50</InstdAmt>
    </Amt>
    <Cdtr>
     <Nm>Meadow</Nm>
     <PstlAdr>
      <Ctry>DE</Ctry>
      <AdrLine>Hauptstr. 1</AdrLine>
     </PstlAdr>
    </Cdtr>
    <CdtrAcct>
     <Id>
      <Othr>
       <Id>4711</Id>
      </Othr>
     </Id>
    </CdtrAcct>
   </CdtTrfTxInf>
   <CdtTrfTxInf>
    <PmtId>
     <EndToEndId>E2</EndToEndId>
    </PmtId>
    <Amt>
     <InstdAmt Ccy="EUR">0.005</InstdAmt>
    </Amt>
    <Cdtr>
     <Nm>Meadow</Nm>
     <PstlAdr>
      <Ctry>DE</Ctry>
      <AdrLine>Hauptstr. 1</AdrLine>
     </PstlAdr>
    </Cdtr>
    <CdtrAcct>
     <Id>
      <Othr>
       <Id>4711</Id>
      </Othr>
     </Id>
    </CdtrAcct>
   </CdtTrfTxInf>
  </PmtInf>
 </CstmrCdtTrfInitn>
</Document>
"""
    )


def batches(made: Rewritten) -> list[dict]:
    return made.content["CstmrCdtTrfInitn"]["PmtInf"]


def transfer(made: Rewritten) -> dict:
    """The only one."""
    return batches(made)[0]["CdtTrfTxInf"]


def test_what_a_batch_does_not_have_in_common_stands_in_its_transfers():
    made = ordered([PAYMENT, PAYMENT | {"local_instrument": "CORE"}, PAYMENT | {"batch_id": "B2"}, PAYMENT])
    assert (errors(made), made.lost) == ([], [])
    assert [one["PmtInfId"] for one in batches(made)] == ["B1", "B2", "B1"]
    first, second, _ = batches(made)
    assert "PmtTpInf" not in first
    assert [one["PmtTpInf"].get("LclInstrm") for one in first["CdtTrfTxInf"]] == [None, {"Cd": "CORE"}]
    assert "PmtTpInf" in second
    assert "PmtTpInf" not in second["CdtTrfTxInf"]


def test_an_older_version_has_other_elements():
    made = ordered(PAYMENT, "pain.001.001.03")
    assert (errors(made), made.lost) == ([], [])
    (batch,) = batches(made)
    assert batch["ReqdExctnDt"] == "2026-03-03"
    assert batch["DbtrAgt"] == {"FinInstnId": {"BIC": "GROVBEBB"}}


@pytest.mark.parametrize("version", range(3, 14))
def test_every_version_of_the_guide_is_written(version):
    made = ordered(PAYMENT, f"pain.001.001.{version:02}")
    assert (errors(made), made.lost) == ([], [])


def test_numbers_of_persons_are_no_numbers_of_companies():
    ids = [{"scheme": "passport", "value": "X1"}, {"scheme": "iso20022:CLUB", "value": "77"}]
    made = ordered(PAYMENT | {"creditor": {"name": "Ivy", "identifiers": ids}})
    assert (errors(made), made.lost) == ([], [])
    assert transfer(made)["Cdtr"]["Id"] == {
        "PrvtId": {
            "Othr": [{"Id": "X1", "SchmeNm": {"Cd": "CCPT"}}, {"Id": "77", "SchmeNm": {"Prtry": "CLUB"}}],
        }
    }


def test_an_amount_in_another_currency_than_that_of_the_account():
    made = ordered(PAYMENT | {"transfer_currency": "USD"})
    assert (errors(made), made.lost) == ([], [])
    assert transfer(made)["Amt"] == {"EqvtAmt": {"Amt": {"@Ccy": "EUR", "#text": "120.50"}, "CcyOfTrf": "USD"}}


def test_a_bank_that_is_not_known_is_said_to_be_so():
    made = ordered({name: value for name, value in PAYMENT.items() if name != "debtor_agent"})
    assert (errors(made), made.lost) == ([], [])
    assert batches(made)[0]["DbtrAgt"] == {"FinInstnId": {"Othr": {"Id": "NOTPROVIDED"}}}


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ({"end_to_end_id": "E" * 36}, ["end_to_end_id"]),
        ({"end_to_end_id": "NOTPROVIDED"}, ["end_to_end_id"]),
        ({"creditor_account": {"number": "4711", "scheme": "iban"}}, ["creditor_account"]),
        ({"creditor": {"name": "Meadow", "identifiers": [{"scheme": "nobody-knows", "value": "1"}]}}, ["creditor.identifiers"]),
        ({"creditor": {"name": "M" * 141, "address": {"country": "DE"}}}, ["creditor.name"]),
        ({"charge_bearer": "nobody"}, ["charge_bearer"]),
        ({"trace": "1"}, ["trace"]),
    ],
)  # fmt: skip
def test_what_has_no_place_is_left_out_and_named(said, lost):
    made = ordered(PAYMENT | said)
    assert errors(made) == []
    assert [change.field for change in made.lost] == lost


def test_what_an_order_must_have_is_asked_for():
    made = ordered({name: value for name, value in PAYMENT.items() if name not in {"debtor_account", "created_at"}})
    assert errors(made) == ["CreDtTm", "DbtrAcct"]


def test_no_amount_is_less_than_nothing():
    made = ordered(PAYMENT | {"amount": {"amount": "-1.00", "currency": "EUR"}})
    assert errors(made) == ["Amt"]
    assert [change.field for change in made.lost] == ["amount"]


def test_records_that_are_no_order():
    with pytest.raises(ValueError, match="is for kind credit-transfer alone"):
        ordered(PAYMENT | {"kind": "direct-debit"})
    with pytest.raises(ValueError, match="say the same of what is around them"):
        ordered([PAYMENT, PAYMENT | {"message_id": "M2"}])
    with pytest.raises(ValueError, match="are not written back"):
        ordered(PAYMENT, "pain.001.001.99")
    with pytest.raises(ValueError, match="are not written back"):
        rewritten(PAYMENT, standard="iso20022", set_code="pacs.008", version="pacs.008.001.08")
