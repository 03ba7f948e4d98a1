"""Walks through trees: each case is a map, what stands in a message, and the records that it makes."""

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch, SetClosed
from parsers.findings import Finding, Location
from parsers.maps import trees
from parsers.maps.language import read_map
from parsers.maps.model import MapError
from parsers.records import with_records

PAYMENT = 'id = "test-1"\nrecord = "payment/1"\nstandard = "iso20022"\nsets = ["pacs.008"]\n'
STATEMENT = PAYMENT.replace("payment", "account-statement")
ROOT = PAYMENT + "[set]\nrecord = true\n"
TX = PAYMENT + '[loop.tx]\nbegins = "Tx"\nrecord = true\n'
ENTRIES = (
    STATEMENT
    + '[loop.st]\nbegins = "St"\nrecord = true\nstatement_id = "Id"\ncurrency = "Ccy"\ntext = "Note"\n[loop.entry]\nin = "st"\nbegins = "E"\ninto = "entries"\nreference = "Ref"\n'
)
DETAILS = ENTRIES + '[loop.detail]\nin = "entry"\nbegins = "Ds/D"\ninto = "details"\n'

NAMESPACE = 'xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"'


def message(inside: str) -> bytes:
    return f"<Document {NAMESPACE}><Msg>{inside}</Msg></Document>".encode()


def read(text: str, data: bytes, cut: int | None = None) -> tuple[list[dict], list[Finding], SetClosed]:
    chunks = [data] if cut is None else [data[at : at + cut] for at in range(0, len(data), cut)]
    events = list(with_records(parsers.segments(chunks), maps={"test.toml": text}))
    lines = [line for event in events if isinstance(event, RecordBatch) for line in event.ndjson.splitlines()]
    (closed,) = (event for event in events if isinstance(event, SetClosed))
    return [msgspec.json.decode(line) for line in lines], [one for one in events if isinstance(one, Finding)], closed


def bare(records: list[dict]) -> list[dict]:
    return [{key: value for key, value in one.items() if key not in {"schema", "provenance"}} for one in records]


CASES = [
    ("a text", ROOT + 'message_id = "Id"\n', "<Id>1</Id>", [{"message_id": "1"}]),
    ("at its path alone", ROOT + 'message_id = "A/Id"\n', "<Id>0</Id><B><A><Id>0</Id></A></B><A><B><Id>0</Id></B><Id>1</Id></A>", [{"message_id": "1"}]),
    ("nothing sent", ROOT + 'message_id = "Id"\nbatch_id = "B"\n', "<Id/><B> </B>", []),
    ("the first of an element that is sent twice", ROOT + 'message_id = "Id"\n', "<Id>1</Id><Id>2</Id>", [{"message_id": "1"}]),
    ("prefixes are nothing", ROOT + 'message_id = "A/Id"\n', '<x:A xmlns:x="urn:x"><x:Id>1</x:Id></x:A>', [{"message_id": "1"}]),
    ("references, sections, comments, instructions", ROOT + 'message_id = "Id"\nbatch_id = "B"\n', "<Id>&#65;&amp;<!-- <B>0</B> --><![CDATA[<&amp;]]>!</Id><B><?x y?>2</B>", [{"message_id": "A&<&amp;!", "batch_id": "2"}]),
    ("blanks around it", ROOT + 'message_id = "Id"\n', "<Id>\n  A  B\r\n</Id>", [{"message_id": "A  B"}]),
    ("characters of any script", ROOT + 'description = "Id"\n', "<Id>Zoë Ёж</Id>", [{"description": "Zoë Ёж"}]),
    ("text beside elements is nobody's", ROOT + 'message_id = "A"\nbatch_id = "A/B"\n', "<A>x<B>1</B>y</A>", [{"message_id": "y", "batch_id": "1"}]),
    ("a code, or in older versions a text", ROOT + 'status = ["S/Cd", "S"]\n', "<S>OLD</S>", [{"status": "OLD"}]),
    ("and the code", ROOT + 'status = ["S/Cd", "S"]\n', "<S><Cd>NEW</Cd></S>", [{"status": "NEW"}]),
    ("an attribute", ROOT + 'amount = "Amt Amt@Ccy"\n', "<Amt  x:y='0' Ccy = 'EUR' xmlns:x='urn:x'>1.50</Amt>", [{"amount": {"amount": "1.50", "currency": "EUR"}}]),
    ("of an empty element", ROOT + 'message_id = "A@Id"\n', '<A Id="1&lt;"/>', [{"message_id": "1<"}]),
    ("of the loop's own element, and its text", TX + 'message_id = "@Id"\ndescription = "."\n', '<Tx Id="1">one</Tx><Tx Id="2"/>', [{"message_id": "1", "description": "one"}, {"message_id": "2"}]),
    ("all of what repeats", ROOT + 'remittance = ["R/U", "N"]\n', "<R><U>1</U><U>2</U></R><N>4</N><R><U>3</U></R>", [{"remittance": ["1", "2", "3", "4"]}]),
    ("joined", ROOT + 'debtor.address.lines = ["S+N", "L"]\n', "<N>12</N><S>Road</S><L>a</L><L>b</L>", [{"debtor": {"address": {"lines": ["Road 12", "a", "b"]}}}]),
    ("items of elements, each by itself", ROOT + 'references = "O as id"\n[shared.id]\nscheme = ["{}/S/Cd", "\'other\' where {}/Id"]\nvalue = "{}/Id"\n', "<O><Id>1</Id><S><Cd>A</Cd></S></O><O><Id>2</Id></O><O><S/></O>", [{"references": [{"scheme": "A", "value": "1"}, {"scheme": "other", "value": "2"}]}]),
    ("what stands around them is theirs, too", ROOT + 'references = [{ over = "O", scheme = "K", value = "O/Id" }]\n', "<O><Id>1</Id></O><O><Id>2</Id></O><K>k</K>", [{"references": [{"scheme": "k", "value": "1"}, {"scheme": "k", "value": "2"}]}]),
    ("items within items", ROOT + 'remittance = ["S/A", "S/B/C"]\ndocuments = [{ over = "S", number = "S/N" }]\n', "<S><A>1</A><A>2</A><N>n</N></S><S><N>m</N><A>3</A><B><C>4</C></B></S>", [{"remittance": ["1", "2", "3", "4"], "documents": [{"number": "n"}, {"number": "m"}]}]),
    ("an amount in each", ROOT + 'charges = "C as charge"\n[shared.charge]\namount = "{}/A {}/A@Ccy"\n', '<C><A Ccy="EUR">1</A></C><C/><C><A>2</A></C>', [{"charges": [{"amount": {"amount": "1", "currency": "EUR"}}, {"amount": {"amount": "2"}}]}]),
    ("the first struct that there is", ROOT + 'debtor = ["D/Pty as party", "D/Agt as bank", "D as party"]\n[shared.party]\nname = "{}/Nm"\n[shared.bank]\nname = "{}/F/Nm"\n', "<D><Agt><F><Nm>Bank</Nm></F></Agt><Nm>Old</Nm></D>", [{"debtor": {"name": "Bank"}}]),
    ("a struct that is only sometimes there", ROOT + 'debtor = ["A as party where S=1", "B as party"]\n[shared.party]\nname = "{}/Nm"\n', "<S>2</S><A><Nm>a</Nm></A><B><Nm>b</Nm></B>", [{"debtor": {"name": "b"}}]),
    ("levels give to each record, and the record has the last word", PAYMENT + '[set]\nkind = "\'k\'"\nmessage_id = "H/Id"\nreasons = "H/R"\n[loop.b]\nbegins = "B"\nbatch_id = "Id"\ncharge_bearer = "C"\nreasons = "R"\ndebtor.name = "N"\n[loop.tx]\nin = "b"\nbegins = "Tx"\nrecord = true\ncharge_bearer = "C"\nreasons = "R"\ndebtor_account.number = "A"\ntransaction_id = "Id"\n', "<H><Id>m</Id><R>1</R></H><B><Id>1</Id><C>X</C><R>2</R><N>n</N><Tx><Id>a</Id><C>Y</C><R>3</R></Tx><Tx><Id>b</Id></Tx></B><B><Tx><Id>c</Id></Tx></B>", [{"kind": "k", "message_id": "m", "reasons": ["1", "2", "3"], "batch_id": "1", "charge_bearer": "Y", "debtor": {"name": "n"}, "transaction_id": "a"}, {"kind": "k", "message_id": "m", "reasons": ["1", "2"], "batch_id": "1", "charge_bearer": "X", "debtor": {"name": "n"}, "transaction_id": "b"}, {"kind": "k", "message_id": "m", "reasons": ["1"], "transaction_id": "c"}]),
    ("alone", PAYMENT + '[set]\nalone = true\nstatus = "S"\n[loop.b]\nbegins = "B"\nalone = true\nbatch_id = "Id"\n[loop.tx]\nin = ["b", ""]\nbegins = "Tx"\nrecord = true\ntransaction_id = "Id"\n', "<S>s</S><B><Id>1</Id></B><B><Id>2</Id><Tx><Id>t</Id></Tx></B><Tx><Id>u</Id></Tx>", [{"status": "s", "batch_id": "1"}, {"status": "s", "batch_id": "2", "transaction_id": "t"}, {"status": "s", "transaction_id": "u"}]),
    ("all alone", PAYMENT + '[set]\nalone = true\nstatus = "S"\n[loop.tx]\nbegins = "Tx"\nrecord = true\ntransaction_id = "Id"\n', "<S>s</S>", [{"status": "s"}]),
    ("loops in loops", DETAILS + 'purpose = "P"\n', "<St><Id>s</Id><E><Ref>1</Ref><Ds><D><P>a</P></D><D/></Ds><Ds><D><P>b</P></D></Ds></E><E><Ref>2</Ref></E></St>", [{"statement_id": "s", "entries": [{"reference": "1", "details": [{"purpose": "a"}, {"purpose": "b"}]}, {"reference": "2"}]}]),
    ("a loop that is only a place", STATEMENT + '[loop.h]\nbegins = "H"\nmessage_id = "Id"\n[loop.st]\nbegins = "St"\nrecord = true\n[loop.a]\nin = "st"\nbegins = "A"\ncurrency = "Ccy"\naccount.number = "N"\n', "<H><Id>h</Id></H><St><A><Ccy>EUR</Ccy><N>1</N></A></St>", [{"message_id": "h", "currency": "EUR", "account": {"number": "1"}}]),
    ("a loop with a condition", STATEMENT + '[loop.st]\nbegins = "St"\nrecord = true\n[loop.b]\nin = "st"\nbegins = "B where T=X"\ninto = "balances"\nkind = "T"\ndate = "D"\n', "<St><B><D>2026-01-01</D><T>X</T></B><B><T>Y</T></B></St>", [{"balances": [{"kind": "X", "date": "2026-01-01"}]}]),
    ("of the record", DETAILS.replace('into = "details"', 'into = "/balances"') + 'kind = "K"\n', "<St><E><Ds><D><K>k</K></D></Ds></E></St>", [{"balances": [{"kind": "k"}]}]),
    ("inherited, where it is not its own", DETAILS.replace('reference = "Ref"', 'reference = "Ref"\namount = ["A where S!=D", "minus A where S=D"]') + 'inherits = "S"\namount = ["A where S!=D", "minus A where S=D"]\n', "<St><E><A>5</A><S>D</S><Ds><D><A>2</A></D><D><A>3</A><S>C</S></D></Ds></E></St>", [{"entries": [{"amount": {"amount": "-5"}, "details": [{"amount": {"amount": "-2"}}, {"amount": {"amount": "3"}}]}]}]),
    ("what stands behind the records of a level is not theirs", PAYMENT + '[set]\nmessage_id = "Id"\n[loop.tx]\nbegins = "Tx"\nrecord = true\ntransaction_id = "Id"\n', "<Tx><Id>1</Id></Tx><Id>late</Id>", [{"transaction_id": "1"}]),
    ("numbers, days and moments", ROOT + 'amount = "A"\nexchange_rate = "R"\nexecution_date = "D"\ncreated_at = "M"\n', "<A>+.5</A><R>1.</R><D>2026-02-28+01:00</D><M>2026-02-28T24:00:00.000Z</M>", [{"amount": {"amount": "0.5"}, "exchange_rate": "1", "execution_date": "2026-02-28", "created_at": "2026-02-28T24:00:00.000Z"}]),
    ("a period", STATEMENT + '[loop.st]\nbegins = "St"\nrecord = true\nperiod = "F T"\n', "<St><F>2026-01-01</F><T>2026-01-31T12:00:00</T></St><St><F>2026-01-01</F></St><St><T>2026-01-01</T></St>", [{"period": {"start": "2026-01-01", "end": "2026-01-31T12:00:00"}}, {"period": {"start": "2026-01-01"}}]),
    ("yes and no", ENTRIES + 'reversal = "Rv in yes"\n[words.yes]\n"true" = true\n"false" = false\n', "<St><E><Rv>true</Rv></E><E><Rv>false</Rv></E><E><Rv>maybe</Rv><Ref>1</Ref></E></St>", [{"entries": [{"reversal": True}, {"reversal": False}, {"reference": "1"}]}]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "inside", "made"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_message_makes_its_records(text, inside, made):
    records, said, _ = read(text, message(inside))
    assert bare(records) == made
    assert [one.code for one in said] in ([], ["iso20022.no-records"])


@pytest.mark.parametrize(("text", "inside", "made"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_however_it_comes(text, inside, made):
    data = message(inside)
    whole = read(text, data)
    for cut in (1, 7, 64):
        assert read(text, data, cut) == whole


def test_a_message_without_document_and_one_behind_a_header():
    text = TX + 'transaction_id = "Id"\n'
    records, _, _ = read(text, f"<Msg {NAMESPACE}><Tx><Id>1</Id></Tx></Msg>".encode())
    assert bare(records) == [{"transaction_id": "1"}]
    header = '<AppHdr xmlns="urn:iso:std:iso:20022:tech:xsd:head.001.001.02"><Tx><Id>0</Id></Tx></AppHdr>'
    data = f"<Envelope>{header}{message('<Tx><Id>1</Id></Tx>').decode()}</Envelope>".encode()
    records, _, _ = read(text, data)
    assert bare(records) == [{"transaction_id": "1"}]


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_in_another_encoding(encoding):
    body = message("<Tx><Id>ë</Id></Tx>").decode()
    data = f'<?xml version="1.0" encoding="{encoding}"?>{body}'.encode(encoding)
    records, said, _ = read(TX + 'transaction_id = "Id"\n', data)
    assert (bare(records), said) == ([{"transaction_id": "ë"}], [])
    place = records[0]["provenance"]
    unit = data[place["start"] : place["end"]]
    mark = "utf-16-le" if encoding == "utf-16" else encoding
    assert unit.decode(mark) == "<Tx><Id>ë</Id></Tx>"


def test_a_record_says_where_it_stands():
    data = message("<Tx><Id>1</Id></Tx> <!-- --> <Tx>\n<Id>2</Id>\n</Tx>\n<Late/>")
    records, _, closed = read(TX + 'transaction_id = "Id"\n', data)
    places = [one["provenance"] for one in records]
    assert [data[one["start"] : one["end"]] for one in places] == [
        b"<Tx><Id>1</Id></Tx> ",
        b"<Tx>\n<Id>2</Id>\n</Tx>\n",
    ]
    assert [(one["set"], one["map"]) for one in places] == [(1, "test-1")] * 2
    assert (closed.records, closed.record_schema, closed.map_version) == (2, "payment/1", "test-1")


# --- what makes no sense ---


def test_a_value_that_makes_no_sense_is_said_where_it_stands():
    text = (
        TX
        + 'transaction_id = "Id"\namount = "A/Amt A/Amt@Ccy"\nexecution_date = "D"\nreferences = [{ over = "O", scheme = "O/S", value = "O/V" }]\ndocuments = [{ over = "O", date = "O/D" }]\n'
    )
    data = message('<Tx><Id>1</Id><A>\n<Amt Ccy="EUR">1,50</Amt></A><D>2026-02-30</D><O><D>soon</D></O></Tx>')
    for cut in (None, 1, 30):
        records, said, closed = read(text, data, cut)
        assert bare(records) == [{"transaction_id": "1"}]
        assert [(one.code, one.severity, one.path, one.element, data[one.offset :][:4]) for one in said] == [
            ("iso20022.not-a-number", "warning", "Msg/Tx/A/Amt", "Amt", b"<Amt"),
            ("iso20022.not-a-date", "warning", "Msg/Tx/D", "D", b"<D>2"),
            ("iso20022.not-a-date", "warning", "Msg/Tx/O/D", "D", b"<D>s"),
        ]
        assert [one.position for one in said] == [8, 12, 16]
        assert closed.verdict == "accepted"


def test_a_long_text_is_cut_and_that_is_said():
    data = message(f"<Tx><Id>{'x' * 70_000}</Id><N>{'<![CDATA[yyyyyyyy]]>' * 10_000}</N></Tx>")
    for cut in (None, 5000):
        records, said, closed = read(TX + 'transaction_id = "Id"\nbatch_id = "N"\n', data, cut)
        assert [(len(one["transaction_id"]), len(one["batch_id"])) for one in records] == [(trees.TEXT_MAX,) * 2]
        assert [(one.code, one.severity, one.element) for one in said] == [
            ("iso20022.text-too-long", "warning", "Id"),
            ("iso20022.text-too-long", "warning", "N"),
        ]
        assert closed.verdict == "accepted"


def test_what_stands_too_often_is_left_out():
    count = trees.LIST_MAX // 100
    data = message(f"<Tx><Id>1</Id>{'<U>u</U>' * count}{'<O><V>v</V></O>' * count}</Tx><Tx><Id>2</Id></Tx>")
    text = (
        TX + 'transaction_id = "Id"\nremittance = "U"\nreferences = [{ over = "O", scheme = "\'s\'", value = "O/V" }]\n'
    )
    records, said, closed = read(text, data)
    assert [one["transaction_id"] for one in records] == ["1", "2"]
    assert count // 2 < len(records[0]["remittance"]) < count
    assert [one.code for one in said] == ["iso20022.record-too-long"]
    assert closed.verdict == "rejected"


# --- parts ---


def entries(count: int) -> str:
    inside = "".join(f"<E><Ref>{nth}</Ref><X>{'-' * 1000}</X></E>" for nth in range(count))
    return f"<St><Id>s</Id><Note>before</Note>{inside}<Note>behind</Note></St>"


@pytest.mark.parametrize("cut", [None, 4096, 100_001])
def test_a_long_record_comes_in_parts(cut):
    data = message(entries(3000) + "<St><Id>t</Id></St>")
    records, said, _ = read(ENTRIES, data, cut)
    *parts, other = records
    assert said == []
    assert [one["provenance"].get("part") for one in records] == [1, 2, 3, None]
    assert [one["provenance"].get("continued", False) for one in records] == [True, True, False, False]
    assert [one["statement_id"] for one in records] == ["s", "s", "s", "t"]
    assert [entry["reference"] for one in parts for entry in one["entries"]] == [str(nth) for nth in range(3000)]
    assert [one.get("text") for one in parts] == [["before"], None, ["behind"]]
    assert {one["provenance"]["start"] for one in parts} == {data.index(b"<St>")}
    for one in parts[:-1]:
        assert data[one["provenance"]["end"] :].startswith(b"<E>")
    assert other["provenance"].get("part") is None


def test_an_item_that_is_longer_than_a_part_is_cut(monkeypatch):
    monkeypatch.setattr(trees, "ITEM_BYTES_MAX", 10_000)
    monkeypatch.setattr(trees, "PART_BYTES", 5_000)
    details = "".join(f"<D><P>{nth}</P>{' ' * 90}</D>" for nth in range(200))
    data = message(f"<St><Id>s</Id><E><Ref>1</Ref><Ds>{details}</Ds></E><E><Ref>2</Ref></E></St>")
    records, said, closed = read(DETAILS + 'purpose = "P"\n', data)
    assert [[entry["reference"] for entry in one.get("entries", [])] for one in records] == [["1"], ["2"]]
    assert 50 < len(records[0]["entries"][0]["details"]) < 100
    assert [one.code for one in said] == ["iso20022.record-too-long"]
    assert closed.verdict == "rejected"


def test_nothing_is_kept_of_what_no_map_asks_for():
    walk = trees.Compiled(read_map(ENTRIES, "test.toml")).walk(Location(standard="iso20022"))
    inside = "".join(f"<A{nth}>{nth}</A{nth}>" for nth in range(5000))
    for item in parsers.segments([message(f"<St>{inside}</St>")]):
        if isinstance(item, parsers.Segments) and item.set is not None:
            walk.feed(item)
    assert not walk._stack
    assert not walk._opened


def test_what_is_cut_off_makes_no_record():
    data = message("<Tx><Id>1</Id></Tx><Tx><Id>2</Id></Tx>")
    records, _, closed = read(TX + 'transaction_id = "Id"\n', data[: data.index(b"</Tx></Msg>")])
    assert (bare(records), closed.verdict) == ([{"transaction_id": "1"}], "incomplete")


def test_a_field_is_traced_to_its_element():
    text = (
        TX
        + 'kind = "\'k\'"\namount = "A A@Ccy"\nremittance = "U"\nreferences = [{ over = "O", scheme = "O/S", value = "O/V" }]\n'
    )
    data = message('<Tx>\n<A Ccy="EUR">1</A><U>a</U><U>b</U><O><S>s</S><V>v</V></O><O><S>t</S><V>w</V></O></Tx>')
    for chunks in ([data], [data[at : at + 3] for at in range(0, len(data), 3)]):
        found = {one.field: one for one in parsers.trace(chunks, maps={"test.toml": text}) or ()}
        assert {field: (one.elements, one.segment) for field, one in found.items()} == {
            "kind": ((), ""),
            "amount": (("A", "A@Ccy"), '<A Ccy="EUR">1'),
            "remittance[1]": (("U",), "<U>a"),
            "remittance[2]": (("U",), "<U>b"),
            "references[1].scheme": (("O/S",), "<S>s"),
            "references[1].value": (("O/V",), "<V>v"),
            "references[2].scheme": (("O/S",), "<S>t"),
            "references[2].value": (("O/V",), "<V>w"),
        }
        assert all(data[one.offset :].startswith(one.segment.encode()) for one in found.values())


# --- maps that say what cannot be ---


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TX + 'transaction_id = "1d"\n', "is no element of iso20022"),
        (TX + 'transaction_id = "a//b"\n', "is no element of iso20022"),
        (TX + 'transaction_id = "a/@b"\n', "is no element of iso20022"),
        (TX + 'transaction_id = "a\') or (1"\n', "cannot be understood"),
        (PAYMENT + '[set]\nmessage_id = "Tx/Id"\n[loop.tx]\nbegins = "Tx"\nrecord = true\n', "begins loop tx"),
        (TX + 'transaction_id = "O/Id"\nreferences = [{ over = "O", scheme = "O/S", value = "O/V" }]\n', "which repeats: say `over`"),
        (ENTRIES + 'charges = [{ over = "Ds", bearer = "Ds/B" }]\n[loop.d]\nin = "entry"\nbegins = "Ds/D"\ninto = "details"\n', "which is gone over"),
        (TX.replace('"Tx"', '"Tx where S=1"'), "only a loop that makes an object"),
        (TX + 'in_currency = "Ccy"\n', "neither `below` nor `in_currency`"),
        ('levels = "A B"\n' + TX, "neither `levels` nor"),
        ("envelope = true\n" + TX, "neither `levels` nor"),
    ],
)  # fmt: skip
def test_a_map_that_says_what_cannot_be_is_refused(text, says):
    with pytest.raises(MapError, match=says.replace("`", ".")):
        trees.Compiled(read_map(text, "test.toml"))
