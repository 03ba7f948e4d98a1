"""The envelope by its rules: each case is a file and names all that must be said of it."""

import pytest

import parsers
from parsers import Raw, Segments, source
from parsers.events import Finished, InterchangeClosed, InterchangeOpened, SetClosed, SetOpened
from parsers.findings import Finding

ISO = "urn:iso:std:iso:20022:tech:xsd:"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
HEADER = (
    f'<AppHdr xmlns="{ISO}head.001.001.02"><Fr><FIId><FinInstnId><BICFI>AAAABEBBXXX</BICFI></FinInstnId></FIId></Fr>'
    "<To><FIId><FinInstnId><ClrSysMmbId><MmbId>021000021</MmbId></ClrSysMmbId></FinInstnId></FIId></To>"
    "<BizMsgIdr>BIZ-1</BizMsgIdr><MsgDefIdr>camt.053.001.08</MsgDefIdr>"
    "<Rltd><Fr><FIId><FinInstnId><BICFI>ZZZZBEBBXXX</BICFI></FinInstnId></FIId></Fr><BizMsgIdr>OLD</BizMsgIdr></Rltd>"
    "</AppHdr>"
)
STATEMENT = (
    f'<Document xmlns="{ISO}camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>STMT-1</MsgId></GrpHdr>'
    "<Stmt><Id>1</Id></Stmt></BkToCstmrStmt></Document>"
)


def pain(
    count: str = "2", total: str = "30.5", batch: str = "", amounts: tuple = ("10", "20.50"), name: str = "Document"
) -> str:
    transactions = "".join(
        f'<CdtTrfTxInf><Amt><InstdAmt Ccy="EUR">{amount}</InstdAmt></Amt><RgltryRptg><Dtls><Amt>7</Amt></Dtls></RgltryRptg></CdtTrfTxInf>'
        for amount in amounts
    )
    return (
        f'<{name} xmlns="{ISO}pain.001.001.09">\n<CstmrCdtTrfInitn><GrpHdr><MsgId>M1</MsgId><NbOfTxs>{count}</NbOfTxs>'
        f"<CtrlSum>{total}</CtrlSum></GrpHdr>\n<PmtInf>{batch}{transactions}</PmtInf></CstmrCdtTrfInitn></{name}>\n"
    )


def pacs(kind: str, transaction: str, header: str, settled: str = "10.00", instructed: str = "11") -> str:
    return (
        f'<p:Document xmlns:p="{ISO}{kind}.001.08"><p:Msg><p:GrpHdr><p:MsgId>M1</p:MsgId>{header}</p:GrpHdr>'
        f'<p:{transaction}><p:IntrBkSttlmAmt Ccy="EUR">{settled}</p:IntrBkSttlmAmt><p:InstdAmt Ccy="USD">{instructed}</p:InstdAmt>'
        f"<p:Chrgs><p:Amt>1</p:Amt></p:Chrgs></p:{transaction}></p:Msg></p:Document>"
    )


def verdicts(data: bytes) -> tuple[list[str], list[str], str]:
    said, ended, outcome = [], [], ""
    for event in parsers.read([data]):
        match event:
            case Finding(code="iso20022.no-records" | "iso20022.not-a-number"):
                pass  # Of the records.
            case Finding():
                said.append(event.code if event.severity == "error" else f"{event.severity} {event.code}")
            case SetClosed():
                ended.append(event.verdict)
            case InterchangeClosed():
                ended.append(f"interchange {event.verdict}" + (", trailer" if event.trailer_seen else ""))
            case Finished():
                outcome = event.outcome
    return said, ended, outcome


GOOD = ["accepted", "interchange accepted, trailer"]
REJECTED = ["rejected", "interchange accepted, trailer"]
BROKEN = ["rejected", "interchange rejected"]
CUT = ["incomplete", "interchange incomplete"]
EQUIVALENT = pain("1", "5", amounts=("5",)).replace(
    '<InstdAmt Ccy="EUR">5</InstdAmt>', '<EqvtAmt>\n<Amt Ccy="EUR">5</Amt><CcyOfTrf>USD</CcyOfTrf></EqvtAmt>'
)

CASES = [
    ("bare", STATEMENT, [], GOOD),
    ("declared, commented, with a schema location", DECLARATION + "<!-- made up -->" + STATEMENT.replace("xmlns=", 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="u https://example.com/u.xsd" xmlns='), [], GOOD),
    ("prefixed", STATEMENT.replace("<Document xmlns=", "<d:Document xmlns:d=").replace("</Document", "</d:Document"), [], GOOD),
    ("header and document", f"<BizMsg>{HEADER}{STATEMENT}</BizMsg>", [], GOOD),
    ("two in an envelope", f"<Batch>{HEADER}{STATEMENT}{HEADER}{STATEMENT}</Batch>", [], ["accepted", *GOOD]),
    ("two files in one", DECLARATION + STATEMENT + "\n" + DECLARATION + STATEMENT, [], GOOD * 2),
    ("a message without Document", f'<Message xmlns="urn:made-up" xmlns:s="{ISO}admi.004.001.02"><Event><s:SysEvtNtfctn/></Event></Message>', [], ["unsupported", "interchange accepted, trailer"]),
    ("a header alone", f"<BizMsg>{HEADER}</BizMsg>", [], ["interchange accepted, trailer"]),
    ("an empty document", f'<Document xmlns="{ISO}camt.053.001.08"/>', [], GOOD),
    ("a namespace of a bank's own", STATEMENT.replace(ISO, "http://www.example.com/schemas/"), [], GOOD),
    ("no namespace", STATEMENT.replace(f' xmlns="{ISO}camt.053.001.08"', ""), ["iso20022.namespace-missing"], REJECTED),
    ("a namespace that is not used", f'<e:Envelope xmlns:e="u" xmlns="u">{STATEMENT.replace("xmlns=", "xmlns:camt=")}</e:Envelope>', ["warning iso20022.namespace-unused"], GOOD),
    ("junk before", "junk\n" + STATEMENT, ["warning iso20022.data-outside-interchange"], GOOD),
    ("junk behind", STATEMENT + "junk", ["warning iso20022.data-outside-interchange"], GOOD),
    ("counts and sums", pain(), [], GOOD),
    ("padded, with a plus", pain("0002", "+30.50"), [], GOOD),
    ("in CDATA", pain("<![CDATA[2]]>", "<![CDATA[30.50]]>"), [], GOOD),
    ("behind a comment", pain("<!-- n -->2", "<?n?><!-- n -->30.50"), [], GOOD),
    ("referred to", pain("&#50;", "30&#46;5"), [], GOOD),
    ("counts and sums of a batch", pain(batch="<NbOfTxs>2</NbOfTxs><CtrlSum>30.50</CtrlSum>"), [], GOOD),
    ("equivalent amounts", EQUIVALENT, [], GOOD),
    ("NbOfTxs", pain("3"), ["iso20022.nboftxs-mismatch"], REJECTED),
    ("NbOfTxs is no number", pain("two"), ["iso20022.nboftxs-mismatch"], REJECTED),
    ("NbOfTxs is empty", pain("").replace("<NbOfTxs></NbOfTxs>", "<NbOfTxs/>"), ["iso20022.nboftxs-mismatch"], REJECTED),
    ("CtrlSum", pain(total="30.51"), ["iso20022.ctrlsum-mismatch"], REJECTED),
    ("CtrlSum with a comma", pain(total="30,50"), ["iso20022.ctrlsum-mismatch"], REJECTED),
    ("an amount that is none", pain(amounts=("10", "20.50", "1E3")), ["iso20022.nboftxs-mismatch"], REJECTED),
    ("both of a batch", pain(batch="<NbOfTxs>1</NbOfTxs><CtrlSum>1</CtrlSum>"), ["iso20022.nboftxs-mismatch", "iso20022.ctrlsum-mismatch"], REJECTED),
    ("tenths add up", pain("3", "0.3", amounts=("0.1", "0.1", "0.1")), [], GOOD),
    ("pain.008", pain().replace("CdtTrfTxInf", "DrctDbtTxInf").replace("<Amt><InstdAmt", "<InstdAmt").replace("InstdAmt></Amt>", "InstdAmt>").replace("pain.001.001.09", "pain.008.001.02"), [], GOOD),
    ("pacs.008", pacs("pacs.008", "CdtTrfTxInf", "<p:NbOfTxs>1</p:NbOfTxs><p:CtrlSum>10</p:CtrlSum><p:TtlIntrBkSttlmAmt Ccy='EUR'>10</p:TtlIntrBkSttlmAmt>"), [], GOOD),
    ("pacs.008, CtrlSum of the instructed amounts", pacs("pacs.008", "CdtTrfTxInf", "<p:CtrlSum>11</p:CtrlSum>"), [], GOOD),
    ("pacs.008, none of them", pacs("pacs.008", "CdtTrfTxInf", "<p:CtrlSum>12</p:CtrlSum>"), ["iso20022.ctrlsum-mismatch"], REJECTED),
    ("pacs.008, total", pacs("pacs.008", "CdtTrfTxInf", "<p:TtlIntrBkSttlmAmt Ccy='EUR'>11</p:TtlIntrBkSttlmAmt>"), ["iso20022.ttlintrbksttlmamt-mismatch"], REJECTED),
    ("pacs.003", pacs("pacs.003", "DrctDbtTxInf", "<p:NbOfTxs>2</p:NbOfTxs>"), ["iso20022.nboftxs-mismatch"], REJECTED),
    ("pacs.009", pacs("pacs.009", "CdtTrfTxInf", "<p:NbOfTxs>1</p:NbOfTxs><p:CtrlSum>11</p:CtrlSum>"), ["iso20022.ctrlsum-mismatch"], REJECTED),
    ("no counts in camt", STATEMENT.replace("</GrpHdr>", "<NbOfTxs>9</NbOfTxs></GrpHdr>"), [], GOOD),
    ("doctype", f"<!DOCTYPE Document>{STATEMENT}", ["xml.doctype"], ["interchange rejected"]),
    ("doctype that names a file", DECLARATION + f"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>{STATEMENT}", ["xml.doctype"], ["interchange rejected"]),
    ("an entity", STATEMENT.replace("<Id>1", "<Id>&e;"), ["xml.ill-formed"], BROKEN),
    ("tags that cross", STATEMENT.replace("</Id>", "</Id2>"), ["xml.ill-formed"], BROKEN),
    ("broken, then another", STATEMENT.replace("</Id>", "") + STATEMENT, ["xml.ill-formed"], BROKEN),
    ("broken between two", f"<Batch>{STATEMENT}<x></y>{STATEMENT}</Batch>", ["xml.ill-formed"], ["accepted", "interchange rejected"]),
    ("wrong totals, then cut", pain("3")[:-30], ["xml.cut-off"], CUT),
    ("cut in the message", STATEMENT[:-30], ["xml.cut-off"], CUT),
    ("cut behind the message", f"<BizMsg>{STATEMENT}", ["xml.cut-off"], ["accepted", "interchange incomplete"]),
    ("cut in the second file", STATEMENT + STATEMENT[:-1], ["xml.cut-off"], GOOD + CUT),
    ("too deep", STATEMENT.replace("<Id>1</Id>", "<x>" * 70 + "</x>" * 70), ["xml.nesting-too-deep"], BROKEN),
    ("too many attributes", STATEMENT.replace("<Id>", "<Id " + " ".join(f"a{n}=''" for n in range(70)) + ">"), ["xml.too-many-attributes"], BROKEN),
    ("a tag too long", STATEMENT.replace("<Id>", f"<Id a='{'x' * 300_000}'>"), ["xml.tag-too-long"], BROKEN),
    ("a text too long", STATEMENT.replace("<Id>", f"<Id>{'x' * 5_000_000}"), ["warning xml.text-too-long"], GOOD),
    ("a comment too long", STATEMENT.replace("<Id>", f"<!--{'x' * 5_000_000}--><Id>"), ["warning xml.comment-too-long"], GOOD),
    ("UTF-8 that says UTF-16", '<?xml version="1.0" encoding="UTF-16"?>' + STATEMENT, ["warning xml.encoding-mismatch"], GOOD),
    ("an encoding nobody knows", '<?xml version="1.0" encoding="EBCDIC-XX"?>' + STATEMENT, ["warning xml.encoding-unknown"], GOOD),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "ended"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_broken_is_said_once_and_judged_in_its_place(text, said, ended):
    outcome = "incomplete" if "interchange incomplete" in ended else "complete"
    assert verdicts(text.encode()) == (said, ended, outcome)


def test_bytes_in_no_known_encoding_reject_the_document():
    assert verdicts(STATEMENT.replace("<Id>1", "<Id>é").encode("latin-1"))[:2] == (["xml.encoding-mismatch"], BROKEN)


def opened(text: str) -> tuple[list[InterchangeOpened], list[SetOpened]]:
    events = list(parsers.read([text.encode()]))
    return (
        [event for event in events if isinstance(event, InterchangeOpened)],
        [event for event in events if isinstance(event, SetOpened)],
    )


def test_the_interchange_opens_with_what_its_header_says():
    text = DECLARATION + f"<BizMsg>\n{HEADER}\n{STATEMENT}</BizMsg>"
    assert opened(text) == (
        [
            InterchangeOpened(
                index=1, standard="iso20022", version="head.001.001.02", sender="AAAABEBBXXX", sender_qualifier=None,
                receiver="021000021", receiver_qualifier=None, control_number="BIZ-1", usage=None, offset=0,
            )
        ],
        [
            SetOpened(
                interchange=1, group=None, index=1, set="camt.053", version="camt.053.001.08", control_number="STMT-1", usage=None,
                offset=text.index("<Document"), sender="AAAABEBBXXX", receiver="021000021",
            )
        ],
    )  # fmt: skip


def test_without_a_header_the_first_message_gives_the_control_number():
    (interchange,), (message,) = opened(STATEMENT)
    assert (interchange.control_number, interchange.sender, interchange.version) == ("STMT-1", None, None)
    assert (message.control_number, message.sender) == ("STMT-1", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STATEMENT.replace("STMT-1", " a &amp; b\n"), "a & b"),
        (STATEMENT.replace("STMT-1", "x" * 36), None),
        (STATEMENT.replace("MsgId>", "Id>"), None),
        (STATEMENT.replace("GrpHdr>", "Assgnmt>").replace("MsgId>", "Id>"), "STMT-1"),
        (STATEMENT.replace("STMT-1", "Zürich"), "Zürich"),
    ],
)
def test_the_control_number_is_the_message_id(text, expected):
    assert opened(text)[1][0].control_number == expected


def test_each_message_has_the_parties_of_its_own_header():
    other = HEADER.replace("AAAABEBBXXX", "BBBBBEBBXXX")
    (interchange,), messages = opened(f"<Batch>{HEADER}{STATEMENT}{other}{STATEMENT}</Batch>")
    assert (interchange.sender, [message.sender for message in messages]) == (
        "AAAABEBBXXX",
        ["AAAABEBBXXX", "BBBBBEBBXXX"],
    )


def test_a_finding_says_where():
    text = f"<BizMsg>{HEADER}{pain('3')}</BizMsg>"
    finding = next(event for event in parsers.read([text.encode()]) if isinstance(event, Finding))
    assert (finding.path, finding.segment, finding.element, finding.set) == (
        "Document[1]",
        "NbOfTxs",
        "GrpHdr/NbOfTxs",
        1,
    )
    assert text[finding.offset :].startswith("<NbOfTxs>3")
    batch = pain(batch="<NbOfTxs>7</NbOfTxs>")
    finding = next(event for event in parsers.read([batch.encode()]) if isinstance(event, Finding))
    assert finding.element == "PmtInf/NbOfTxs"
    assert batch[finding.offset :].startswith("<NbOfTxs>7")
    assert "2" in finding.message
    assert "7" not in finding.message


def test_what_follows_an_error_belongs_to_the_message_that_it_broke():
    text = STATEMENT.replace("<Id>1</Id>", "<Id>&e;</Id>")
    items = list(parsers.segments([text.encode()]))
    (raw,) = (item for item in items if isinstance(item, Raw))
    assert (raw.kind, raw.set, raw.last, raw.data) == ("cut", 1, True, text[text.index("&e;") :].encode())


def test_tokens_around_a_message_are_none_of_its_own():
    text = f"<BizMsg>{HEADER}{STATEMENT}</BizMsg>"
    made = [item for item in parsers.segments([text.encode()]) if isinstance(item, Segments)]
    assert [(item.set, item.control, item.position) for item in made] == [
        (None, True, 1),
        (1, False, 1),
        (None, True, 44),
    ]
    assert made[1].data.decode() == STATEMENT


SAMPLE = (
    DECLARATION + f"<BizMsg>\n  {HEADER}\n  {pain()}\n  {pain('3', name='Document')}</BizMsg>\n<!-- ü -->\n" + STATEMENT
)


def told(data: bytes) -> list:
    """All events and segments, whatever the batches were."""
    made: list = []
    for item in parsers.segments([data]):
        match item:
            case Segments():
                made += [
                    (item.set, item.position + at, item.offsets[at], text, *map(str, item.elements(at)))
                    for at, text in enumerate(item.texts)
                ]
            case Raw():
                made.append((item.kind, item.set, item.offset, item.data, item.last))
            case _:
                made.append(item)
    return made


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("size", [7, 64])
def test_where_the_feed_is_cut_changes_nothing(codec, size, monkeypatch):
    data = SAMPLE.replace("UTF-8", "UTF-16" if "16" in codec else "UTF-8").encode(codec)
    expected = told(data)
    assert sum(isinstance(item, SetClosed) for item in expected) == 3
    identified = parsers.identify(data)
    monkeypatch.setattr(source, "PIECE_BYTES", size)
    monkeypatch.setattr("parsers.reader.identify", lambda _: identified)
    assert told(data) == expected


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le"])
def test_a_file_cut_anywhere_is_handed_out_to_its_last_byte(codec):
    data = f"<BizMsg>{HEADER}{pain()}</BizMsg>".encode(codec)
    for end in range(len(data)):
        whole = b"".join(item.data for item in parsers.segments([data[:end]]) if isinstance(item, Segments | Raw))
        assert whole == data[:end], end
        last = list(parsers.read([data[:end]]))[-1]
        assert last.outcome != "complete", end
