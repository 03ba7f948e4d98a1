"""Records written back: what is written says the same, and its guide has nothing to say against it."""

import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

import parsers
from parsers.differences import in_general
from parsers.events import RecordBatch, SetClosed, SetOpened
from parsers.findings import Finding
from parsers.guides.terms import Judging
from parsers.rewriting import rewritten
from tests.corpus import ROWS, data_of, needed
from tests.harness import sample

GOLDEN = Path(__file__).parent / "samples" / "records"

WRITABLE = {
    "x12": {"850", "855", "810", "856", "860", "820", "835", "997", "999"},
    "edifact": {"ORDERS", "ORDRSP", "DESADV", "INVOIC"},
    "nacha": {"PPD", "CCD"},
}
UNGUIDED = {"820", "835"}
"""Their guides want more than a record tells."""

EXPLAINED = {
    "850": {"parties[].identifiers[].scheme", "parties[].identifiers[].value"},  # One of REF alone comes back as N1's.
    "DESADV": {"carrier.equipment"},  # Of what kind it is, no record tells, and EQD must.
    "PPD": {"debtor"},  # A name with letters beyond ASCII, and nothing else is known of him.
    "INVOIC": {"lines[].taxes[].base"},  # In D.96A a tax of a line has one amount.
}
WRONG_ANYWAY = {"edifact.check-digit", "x12.balance", "x12.trailing-blanks"}
"""What findings say of values, which are as they were sent."""


def records(data: bytes, *, all_of_them: bool = False) -> list[tuple[str, str, dict]]:
    """Each with its set and version; what the guide refuses is no promise."""
    opened: dict[int, SetOpened] = {}
    made: dict[int, list[dict]] = {}
    accepted: list[int] = []
    for event in parsers.read([data], judge=Judging()):
        if isinstance(event, SetOpened):
            opened[event.index] = event
        elif isinstance(event, RecordBatch):
            made.setdefault(event.set, []).extend(map(msgspec.json.decode, event.ndjson.splitlines()))
        elif isinstance(event, SetClosed) and (all_of_them or event.verdict == "accepted"):
            accepted.append(event.index)
    return [(opened[n].set or "", opened[n].version or "", one) for n in accepted for one in made.get(n, ())]


def says_the_same(standard: str, found: list[tuple[str, str, dict]]) -> int:
    """Of all sets of a file that can be written. How many records those have."""
    count = 0
    for set_code, version, record in found:
        if set_code not in WRITABLE[standard] or record.get("kind") in {"return", "notice-of-change"}:
            continue
        made = rewritten(record, standard=standard, set_code=set_code, version=version)
        lost = {in_general(change.field) for change in made.lost}
        assert lost <= EXPLAINED.get(set_code, set()), made.lost
        if set_code not in UNGUIDED:
            wrong = [one for one in made.findings if one.severity == "error" and one.code not in WRONG_ANYWAY]
            assert [one.code for one in wrong] == [], wrong
        count += 1
    return count


@needed
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row["path"])
        for row in ROWS
        if set(row["set"].split("+")) & WRITABLE.get(row["format"], set())
    ],
)
def test_what_is_written_says_the_same(row):
    says_the_same(row["format"], records(data_of(row)))


@pytest.mark.parametrize(
    ("standard", "name"),
    [
        ("x12", "notice.edi"),
        ("edifact", "orders.edi"),
        ("edifact", "orders-d01b.edi"),
        ("edifact", "ordrsp.edi"),
        ("edifact", "desadv.edi"),
        ("edifact", "invoic.edi"),
        ("nacha", "entries.ach"),
    ],
)
def test_samples_are_written_as_they_were_read(standard, name):
    assert says_the_same(standard, records((GOLDEN / standard / name).read_bytes(), all_of_them=True)) > 0


def test_a_purchase_order_is_written_as_it_was_read():
    text = sample("orders-850.edi").decode()
    for set_code, version, record in records(text.encode()):
        made = rewritten(record, standard="x12", set_code=set_code, version=version)
        assert made.lost == []
        assert [one.code for one in made.findings if one.severity != "info"] == []
        assert ("BEG", ["00", "SA", record["number"], "", "20260227"]) in made.segments
        tags = [tag for tag, _ in made.segments]
        assert tags.index("REF") < tags.index("N1") < tags.index("PO1") < tags.index("PID") < tags.index("CTT")


def test_what_cannot_be_said_is_named():
    (_, version, record), *_ = records(sample("orders-850.edi"))
    record["lines"][0]["action"] = "delete"  # A change has it; an order does not.
    made = rewritten(record, standard="x12", set_code="850", version=version)
    assert [change.field for change in made.lost] == ["lines[1].action"]


def test_there_is_no_set_for_other_records():
    with pytest.raises(ValueError, match="no map makes claim/1 of x12 850 004010"):
        rewritten({"schema": "claim/1"}, standard="x12", set_code="850", version="004010")
    with pytest.raises(ValueError, match="not written back"):
        rewritten({"schema": "claim/1"}, standard="x12", set_code="837", version="005010X222A1")


# --- levels of X12 ---

LABELS = [
    {"identifiers": [{"scheme": "sscc", "value": value}]} for value in ("359000200000000010", "359000200000000027")
]


def item(number: str, **fields: str) -> dict:
    return {"number": number, "products": [{"scheme": "vendor-item", "value": "CUP"}], **fields}


def levels(**fields) -> tuple[list[tuple[str, ...]], list[str]]:
    """The levels of a notice, and what it does not say."""
    record = {"schema": "ship-notice/1", "kind": "notice", "number": "S1", "purpose": "original"}
    record |= {"issued_at": "2026-03-16T11:30", **fields}
    made = rewritten(record, standard="x12", set_code="856", version="004010")
    assert [one.code for one in made.findings if one.severity == "error"] == []
    return [tuple(elements) for tag, elements in made.segments if tag == "HL"], [one.field for one in made.lost]


def test_levels_stand_in_what_their_items_tell_of():
    said, lost = levels(
        orders=[{"number": "A"}, {"number": "B"}],
        packages=[{"level": "pack", **LABELS[0]}, {"level": "tare", **LABELS[1]}],
        items=[
            item("1", order="B", package="359000200000000027"),
            item("2", order="B"),
            item("3", order="A", package="359000200000000010"),
        ],
    )
    assert said == [
        ("1", "", "S"), ("2", "1", "O"), ("3", "2", "T"), ("4", "3", "I"), ("5", "2", "I"), ("6", "1", "O"), ("7", "6", "P"),
        ("8", "7", "I"),
    ]  # fmt: skip
    assert set(lost) >= {"packages[1].id", "packages[1].within"}  # They had none, and levels must.


def test_levels_are_numbered_anew_and_stay_in_what_they_were_in():
    said, lost = levels(
        orders=[{"number": "A"}],
        packages=[
            {"id": "20", "within": "3", "level": "tare"},
            {"id": "X", "within": "20", "level": "pack", **LABELS[0]},
            {"id": "9", "within": "3", "level": "tare"},
        ],
        items=[item("1", order="A", package="359000200000000010")],
    )
    assert said == [("1", "", "S"), ("2", "1", "O"), ("3", "2", "T"), ("4", "3", "P"), ("5", "4", "I"), ("6", "2", "T")]
    assert {field.partition(".")[2] for field in lost} == {"id", "within"}


def test_levels_that_would_be_in_each_other_are_not():
    said, _ = levels(
        packages=[{"id": "2", "within": "3", "level": "pack"}, {"id": "3", "within": "2", "level": "pack"}]
    )
    assert said == [("1", "", "S"), ("2", "1", "P"), ("3", "2", "P")]


# --- EDIFACT ---

ORDER = {
    "schema": "purchase-order/2",
    "number": "PO'1+2:3?",
    "date": "2026-03-02",
    "parties": [{"role": "buyer", "name": "A NAME WITH MORE CHARACTERS THAN ONE ELEMENT HAS ROOM FOR"}],
    "lines": [{"number": "1", "quantity": {"value": "-2"}}],
}


def written(record: dict, set_code: str = "ORDERS", version: str = "D96A") -> tuple[list, list[str], list[str]]:
    made = rewritten(record, standard="edifact", set_code=set_code, version=version)
    wrong = [one.element or one.segment for one in made.findings if one.severity == "error"]
    return made.segments, wrong, [change.field for change in made.lost]


def test_separators_in_texts_and_names_too_long_for_one_element():
    segments, wrong, lost = written(ORDER)
    assert (wrong, lost) == ([], [])
    assert ("BGM", ["", "PO'1+2:3?"]) in segments
    name = ("A NAME WITH MORE CHARACTERS THAN", "ONE ELEMENT HAS ROOM FOR")
    assert ("NAD", ["BY", "", "", name]) in segments
    assert segments[-1] == ("UNS", ["S"])
    assert ("QTY", [("21", "-2")]) in segments


def test_a_text_that_has_no_blank_to_part_it_at_is_left_out():
    party = {"role": "buyer", "name": "A" * 36}
    segments, wrong, lost = written({**ORDER, "parties": [party]})
    assert (wrong, lost) == ([], ["parties[1].name"])
    assert ("NAD", ["BY"]) in segments


@pytest.mark.parametrize(
    ("said", "period"),
    [
        (("2", "20260316", "102"), {"start": "2026-03-16"}),
        (("2", "202603160930", "203"), {"start": "2026-03-16T09:30"}),
        (("2", "20260316093015", "204"), {"start": "2026-03-16T09:30:15"}),
        (("2", "202603160930+0530", "205"), {"start": "2026-03-16T09:30+05:30"}),
        (("2", "20260316093015-05", "304"), {"start": "2026-03-16T09:30:15-05:00"}),
        (("2", "202603", "610"), {"start": "2026-03"}),
        (("2", "202612", "616"), {"start": "2026-W12"}),
        (("2", "2026031620260320", "718"), {"start": "2026-03-16", "end": "2026-03-20"}),
        (None, {"start": "2026-03-16T09:30:15-05:30"}),
        (None, {"start": "2026-03-16", "end": "2026-03-20T12:00"}),
    ],
)
def test_a_period_is_written_in_the_format_of_its_precision(said, period):
    segments, wrong, lost = written({**ORDER, "dates": [{"kind": "requested-delivery", "period": period}]})
    assert wrong == []
    assert lost == ([] if said else ["dates"])
    assert said is None or ("DTM", [said]) in segments


def test_an_address_of_many_lines_goes_where_there_is_room():
    few, many = [{"role": "buyer", "name": "N", "address": {"lines": list("ABCDEFG")[:count]}} for count in (4, 5)]
    segments, _, lost = written({**ORDER, "parties": [few, many]})
    assert lost == []
    assert ("NAD", ["BY", "", "", "N", ("A", "B", "C", "D")]) in segments
    assert ("NAD", ["BY", "", ("A", "B", "C", "D", "E"), "N"]) in segments


NOTICE = {
    "schema": "ship-notice/1",
    "kind": "notice",
    "number": "S1",
    "packages": [{"id": "2", "within": "1", "packaging": "PK"}, {"id": "4", "within": "1", "count": {"value": "1"}}],
    "items": [
        {"number": "1", "package": "3", "quantity": {"value": "1"}},
        {"number": "2", "package": "4", "quantity": {"value": "2"}},
        {"number": "3", "package": "4", "quantity": {"value": "3"}},
    ],
}


def test_packages_stand_in_those_around_them_and_items_in_theirs():
    segments, wrong, lost = written(NOTICE, "DESADV")
    said = [(tag, *elements[:2]) for tag, elements in segments if tag in {"CPS", "LIN", "PAC"}]
    assert said == [
        ("CPS", "1"), ("CPS", "2", "1"), ("PAC", "", ""), ("CPS", "3"), ("LIN", "1"), ("CPS", "4", "1"), ("PAC", "1"), ("LIN", "2"), ("LIN", "3"),
    ]  # fmt: skip
    assert wrong == []
    assert lost == []


# --- HL7 ---

UNSAID = {
    "extensions[].fields[]": "empty fields at the end of a segment are left out",
    "observations[].document.stands_in": "the document is in the message, not in the record",
}
"""What may be missing of messages, and why."""

MESSAGES_MAX = 20
"""Of one file; there are some with thousands that are alike."""


def messages(data: bytes) -> list[tuple[SetOpened, str, list[dict], Counter[str]]]:
    """Each with its verdict, records and errors."""
    opened: list[SetOpened] = []
    made: dict[int, list[dict]] = {}
    errors: dict[int | None, Counter[str]] = {}
    verdicts: dict[int, str] = {}
    for event in parsers.read([data], judge=Judging()):
        if isinstance(event, SetOpened):
            opened.append(event)
        elif isinstance(event, RecordBatch):
            made.setdefault(event.set, []).extend(map(msgspec.json.decode, event.ndjson.splitlines()))
        elif isinstance(event, SetClosed):
            verdicts[event.index] = event.verdict
        elif isinstance(event, Finding) and event.severity == "error":
            errors.setdefault(event.set, Counter())[event.code] += 1
    return [
        (one, verdicts[one.index], made[one.index], errors.get(one.index, Counter()))
        for one in opened
        if one.index in made and (one.set or "").partition("^")[0] in {"ADT", "ORU", "ACK", "ORR"}
    ]


def says_the_same_of_messages(found: list[tuple[SetOpened, str, list[dict], Counter[str]]]) -> set[str]:
    """What is lost of them; each is written as one message again, with no error that it had not."""
    lost: set[str] = set()
    for opened, _, told, errors in found:
        record = told if len(told) > 1 else told[0]
        made = rewritten(record, standard="hl7", set_code=opened.set or "", version=opened.version or "")
        assert Counter(one.code for one in made.findings if one.severity == "error") <= errors
        lost |= {in_general(change.field).removeprefix("[].") for change in made.lost}
    return lost


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("ack", set()),
        ("adt", {"extensions[].fields[]"}),
        ("oru", {"observations[].document.stands_in"}),
    ],
)
def test_messages_are_written_as_they_were_read(name, lost):
    found = messages((GOLDEN / "hl7" / f"{name}.hl7").read_bytes())
    assert found
    assert says_the_same_of_messages(found) == lost


@needed
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row["path"])
        for row in ROWS
        if row["format"] == "hl7" and re.search("ADT|ORU|ACK", row["set"])
    ],
)
def test_real_messages_are_written_as_they_were_read(row):
    found = [one for one in messages(data_of(row)) if one[1] == "accepted"]
    assert says_the_same_of_messages(found[:MESSAGES_MAX]) <= set(UNSAID)


def message(record: dict | list[dict], set_code: str = "ADT^A08", version: str = "2.5.1") -> tuple[dict, list[str]]:
    """The segments of a message by their tag, the last of each; and what it does not say."""
    made = rewritten(record, standard="hl7", set_code=set_code, version=version)
    return dict(made.segments), [change.field for change in made.lost]


UPDATE = {
    "schema": "patient-event/1",
    "message_type": "ADT",
    "event": "A08",
    "message_id": "M1",
    "processing": "P",
    "recorded_at": "2026-03-02T08:15:00.25+01:00",
    "patient": {"identifiers": [{"value": "M1"}], "names": [{"family": "ELM"}]},
}


def test_separators_in_texts_are_escaped():
    text = "A|B^C~D\\E&F\nG"
    said, lost = message(UPDATE | {"patient": UPDATE["patient"] | {"names": [{"family": text}], "birth_place": text}})
    assert lost == []
    assert said["PID"][4] == said["PID"][22] == text


def test_what_is_to_be_deleted_is_said():
    said, lost = message(UPDATE | {"patient": UPDATE["patient"] | {"phones": None, "sex": None}})
    assert lost == []
    assert (said["PID"][7], said["PID"][12]) == ('""', '""')


def test_the_event_of_the_sender_may_be_another_one_than_that_of_the_message():
    said, lost = message(UPDATE | {"event": "A01"})
    assert lost == []
    assert (said["MSH"][8], said["EVN"][:2]) == (("ADT", "A08"), ["A01", "20260302081500.25+0100"])


def test_segments_of_the_sender_stand_behind_their_record():
    own = [{"segment": "ZPI", "fields": ["1", "A&B^C~\\T\\"]}, {"segment": "ZPI", "fields": ["2"]}]
    records = [UPDATE | {"event": "A40", "merged_identifiers": [{"value": "M9"}], "extensions": own}] * 2
    made = rewritten(records, standard="hl7", set_code="ADT^A40", version="2.5.1")
    assert [tag for tag, _ in made.segments] == ["MSH", "EVN", *["PID", "MRG", "ZPI", "ZPI"] * 2]
    assert {change.field.partition("].")[2] for change in made.lost} == {"merges"}  # They are read from MRG, too.


def test_what_a_receiver_ignores_stands_behind_what_it_belongs_to():
    allergy = {"allergen": {"code": "NUT"}, "status": {"code": "A"}}
    record = UPDATE | {"patient": UPDATE["patient"] | {"notes": ["TEA"]}, "allergies": [allergy]}
    made = rewritten(
        record | {"next_of_kin": [{"organization": "MILLS"}]}, standard="hl7", set_code="ADT^A08", version="2.5.1"
    )
    assert made.lost == []
    assert [tag for tag, _ in made.segments] == ["MSH", "EVN", "PID", "NTE", "NK1", "IAM"]
    assert [one.code for one in made.findings if one.severity == "warning"] == ["hl7.segment-unknown"] * 2


def test_orders_of_one_message_are_of_one_patient():
    report = {"schema": "observation-report/1", "order": {"placer_id": "P1"}}
    of_two = [report | {"patient": {"identifiers": [{"value": one}]}} for one in ("M1", "M2")]
    with pytest.raises(ValueError, match="say the same of what is around them"):
        rewritten(of_two, standard="hl7", set_code="ORU^R01", version="2.5.1")


def test_a_verdict_and_its_first_reason_are_one_code():
    answer = {"schema": "acknowledgment/1", "level": "message", "control_number": "M1", "verdict": "rejected"}
    answer |= {"functional_id": "A01", "version": "2.5.1", "kind": "accept", "reasons": ["CR", "207"]}
    said, lost = message(answer, "ACK^A01")
    assert lost == []
    assert said["MSA"] == ["CR", "M1", "", "", "", "207"]


# --- NACHA ---

PAYMENT = {
    "schema": "payment/1",
    "service": "PPD",
    "created_at": "2026-03-02T09:15",
    "batch_id": "0000007",
    "execution_date": "2026-03-03",
    "description": "PAYROLL",
    "direction": "credit",
    "kind": "credit-transfer",
    "trace": "061000100000001",
    "amount": {"amount": "100.50", "currency": "USD"},
    "debtor": {"name": "SAMPLE COMPANY", "identifiers": [{"scheme": "company-id", "value": "1234567890"}]},
    "debtor_agent": {"identifiers": [{"scheme": "clearing-code", "value": "06100010"}]},
    "creditor": {"name": "ALBA ROSSI"},
    "creditor_account": {"number": "12345", "kind": "checking"},
    "creditor_agent": {"identifiers": [{"scheme": "aba", "value": "071000505"}]},
}


def debit(**fields) -> dict:
    """The same the other way round: it is the receiver who pays."""
    turned = {
        (name.replace("debtor", "creditor") if "debtor" in name else name.replace("creditor", "debtor")): value
        for name, value in PAYMENT.items()
    }
    return turned | {"direction": "debit", "kind": "direct-debit", "trace": "061000100000002"} | fields


def paid(*payments: dict) -> tuple[list, list[str], list[str]]:
    made = rewritten(payments, standard="nacha", set_code="PPD", version="")
    wrong = [one.element or one.segment for one in made.findings if one.severity == "error"]
    return made.segments, wrong, [change.field for change in made.lost]


def test_payments_of_one_batch_share_its_header():
    later = PAYMENT | {"batch_id": "0000008", "description": "BONUS"}
    segments, wrong, lost = paid(PAYMENT | {"remittance": ["RENT"]}, debit(), later)
    assert [tag for tag, _ in segments] == ["5", "6", "7", "6", "5", "6"]
    assert [values[0] for tag, values in segments if tag == "5"] == ["200", "220"]
    assert [values[0] for tag, values in segments if tag == "6"] == ["22", "27", "22"]
    assert (wrong, lost) == ([], [])


@needed
@pytest.mark.parametrize("name", ["ppd-mixedDebitCredit.ach", "ppd-debit.ach"])
def test_a_batch_of_payments_is_written_as_it_was_read(name):
    row = next(row for row in ROWS if row["path"].endswith(name))
    payments = [record for _, _, record in records(data_of(row))]
    assert len(payments) > 1 or name == "ppd-debit.ach"
    assert paid(*payments)[1:] == ([], [])


@pytest.mark.parametrize(
    ("kind", "account", "made", "code"),
    [
        ("credit-transfer", "savings", PAYMENT, "32"),
        ("prenotification", "savings", PAYMENT, "33"),
        ("prenotification", "checking", debit(), "28"),
        ("direct-debit", "general-ledger", debit(), "47"),
    ],
)
def test_a_transaction_code_is_made_of_account_and_kind(kind, account, made, code):
    side = "creditor_account" if made is PAYMENT else "debtor_account"
    amount = {"amount": "0.00" if kind == "prenotification" else "1.00", "currency": "USD"}
    record = made | {"kind": kind, side: {"number": "1", "kind": account}, "amount": amount}
    segments, wrong, lost = paid(record)
    assert next(values[0] for tag, values in segments if tag == "6") == code
    assert (wrong, lost) == ([], [])


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ({"creditor": {"name": "A NAME OF TWENTY-THREE."}}, ["creditor"]),
        ({"creditor": {"name": "ÅSA"}}, ["creditor"]),
        ({"remittance": ["A" * 81]}, ["remittance"]),
        ({"remittance": ["ONE", "TWO"]}, ["remittance[2]"]),
        ({"execution_date": "1926-03-03"}, ["execution_date"]),
    ],
)
def test_what_has_no_room_is_left_out(said, lost):
    record = PAYMENT | {"amount": {"amount": "1.00", "currency": "USD"}} | said
    assert [field.removeprefix("[1].") for field in paid(record)[2]] == lost


@pytest.mark.parametrize(("amount", "currency"), [("-1.00", "USD"), ("1.005", "USD"), ("1.00", "EUR")])
def test_an_amount_that_cannot_be_written_is_no_entry(amount, currency):
    with pytest.raises(ValueError, match="an entry has a bank and an amount in dollars"):
        paid(PAYMENT | {"amount": {"amount": amount, "currency": currency}})


def test_what_an_entry_must_have_is_asked_for():
    record = {name: value for name, value in PAYMENT.items() if name != "creditor_account"}
    assert "6/account" in paid(record)[1]
    with pytest.raises(ValueError, match="an entry has a bank and an amount in dollars"):
        paid({name: value for name, value in PAYMENT.items() if name != "creditor_agent"})


def test_several_records_go_where_sets_hold_several():
    with pytest.raises(ValueError, match="holds one record"):
        rewritten([ORDER, ORDER], standard="edifact", set_code="ORDERS", version="D96A")
    with pytest.raises(ValueError, match="no map makes nothing"):
        rewritten([], standard="nacha", set_code="PPD", version="")
