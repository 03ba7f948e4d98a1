"""The envelope by its rules: each case breaks one thing in a good file and names all that must be said of it."""

import time

import pytest

import parsers
from parsers import Limits
from parsers.events import Finished, InterchangeClosed, InterchangeOpened, SetClosed, SetOpened
from parsers.findings import Finding
from parsers.segments import LoopClosed, Segments

HEADERS = "{1:F01BANKBEBBAXXX0000000001}{2:I103ACMEDEFFXXXXN}{3:{108:MUR-1}}"
GOOD = HEADERS + "{4:\r\n:20:REF-1\r\n:70:ONE\r\nTWO\r\n-}{5:{CHK:0123456789AB}}\r\n"
SEQUENCES = GOOD.replace("103", "537").replace(":70:ONE\r\nTWO", ":16R:A\r\n:16R:B\r\n:16S:B\r\n:16S:A")
STATEMENT = (
    ":20:REF-1\n:25:123\n:28C:1/1\n:60F:C260301EUR100,\n"
    ":61:2603020302D25,5NTRFNONREF\n:86:RENT\n:61:260302RC4,NTRF\n:61:260302RDR5,25NTRF\n:62F:C260302EUR75,75\n-\n"
)
PAGES = (
    STATEMENT.replace("62F", "62M") + ":20:REF-2\n:25:123\n:28C:1/2\n:60M:C260302EUR75,75\n:62F:C260302EUR75,75\n-\n"
)


def verdicts(text: str, **limits: int) -> tuple[list[str], list[str]]:
    """What was said, and how each message and at last the interchange ended."""
    said, ended = [], []
    for event in parsers.segments([text.encode()], Limits(**limits)):
        if isinstance(event, Finding):
            code = event.code.removeprefix("swift-mt.")
            said.append(code if event.severity == "error" else f"{event.severity} {code}")
        elif isinstance(event, SetClosed | InterchangeClosed):
            ended.append(event.verdict)
    return said, ended


SOUND, REJECTED, CUT = ["accepted"] * 2, ["rejected", "accepted"], ["incomplete"] * 2
CASES = [
    ("good", GOOD, [], SOUND),
    ("two", GOOD + GOOD, [], ["accepted"] * 3),
    ("no trailer", GOOD[: GOOD.index("{5:")], [], SOUND),
    ("an answer of the network", "{1:F21BANKBEBBAXXX0000000001}{4:{177:2603020915}{451:0}}" + GOOD, [], ["accepted"] * 3),
    ("no block 1", GOOD[29:], ["warning block-missing"], SOUND),
    ("no block 2", GOOD[:29] + GOOD[50:], ["warning block-missing"], SOUND),
    ("text only", GOOD[GOOD.index("{4:"):], ["warning block-missing"] * 2, SOUND),
    ("block 1 too short", GOOD.replace("0000000001", "000001"), ["warning block1-layout"], SOUND),
    ("block 2 of another kind", GOOD.replace("{2:I", "{2:E"), ["warning block2-layout"], SOUND),
    ("block 3 before block 2", GOOD.replace("{2:I103ACMEDEFFXXXXN}", "").replace("{4:", "{2:I103ACMEDEFFXXXXN}{4:"), ["warning block-missing", "block-out-of-order"], REJECTED),
    ("block 3 twice", GOOD.replace("{4:", "{3:{113:URGT}}{4:"), ["block-out-of-order"], REJECTED),
    ("block 3 behind the text", GOOD + "{3:{108:A}}", ["block-out-of-order"], REJECTED),
    ("a block of another name", GOOD.replace("{4:", "{9:A}{4:"), ["warning block-unknown"], SOUND),
    ("block 1 not closed", GOOD.replace("}{2:", "{2:"), ["block-not-closed"], REJECTED),
    ("block 3 not closed", GOOD.replace("}}{4", "}{4"), ["block-not-closed"], REJECTED),
    ("a tag not closed", GOOD.replace("AB}}\r\n", "AB}\r\n") + GOOD, ["block-not-closed"], ["rejected", "accepted", "accepted"]),
    ("a brace too many", GOOD.replace("-}", "-}}}"), ["warning brace-out-of-place"], SOUND),
    ("no block 4", HEADERS + "\r\n" + GOOD, ["text-missing"], ["rejected", "accepted", "accepted"]),
    ("text not ended", GOOD.replace("-}", ""), ["text-not-ended"], REJECTED),
    ("text not ended, then another", GOOD.replace("-}{5:{CHK:0123456789AB}}", "$") + GOOD, ["text-not-ended"], ["rejected", "accepted", "accepted"]),
    ("text ends without a brace", GOOD.replace("-}", "-\r\n"), ["warning text-end-brace"], SOUND),
    ("text without a field at its beginning", GOOD.replace(":20:", "20:"), ["warning line-not-a-field"], SOUND),
    ("a line that begins with a colon", GOOD.replace("TWO", ":TWO"), ["warning line-begins-with-colon"], SOUND),
    ("letters with accents", GOOD.replace("TWO", "TWÖ"), ["info character-set"], SOUND),
    ("a reference too long", GOOD.replace("REF-1", "REF-1" * 4), ["warning reference-too-long"], SOUND),
    ("junk behind", GOOD + "junk", ["warning data-outside-interchange"], SOUND),
    ("sequences", SEQUENCES, [], SOUND),
    ("sequences crossed", SEQUENCES.replace("16S:B", "16S:C"), ["16s-mismatch"], REJECTED),
    ("a sequence not closed", SEQUENCES.replace(":16S:A\r\n", ""), ["16s-missing"], REJECTED),
    ("a sequence not opened", SEQUENCES.replace(":16R:A\r\n", ""), ["16s-out-of-place"], REJECTED),
    ("cut behind block 1", GOOD[:29], ["message-cut-off"], CUT),
    ("cut in block 2", GOOD[:40], ["message-cut-off"], CUT),
    ("cut in the text", GOOD[:90], ["message-cut-off"], CUT),
    ("cut behind a field", GOOD[: GOOD.index("-}")], ["message-cut-off"], CUT),
    ("cut in the trailer", GOOD[:-5], ["message-cut-off"], CUT),
    ("cut in a sequence", SEQUENCES[: SEQUENCES.index(":16S:A")], ["message-cut-off"], CUT),
    ("cut in the second", GOOD + GOOD[:90], ["message-cut-off"], ["accepted", "incomplete", "incomplete"]),
    ("statement", STATEMENT, [], SOUND),
    ("statement in blocks", HEADERS.replace("103", "940") + "{4:\n" + STATEMENT[:-1] + "}", [], SOUND),
    ("wrong closing balance", STATEMENT.replace("EUR75,75", "EUR75,76"), ["warning closing-balance"], SOUND),
    ("an overdrawn account", STATEMENT.replace("C260301EUR100,", "D260301EUR100,").replace("C260302EUR75", "D260302EUR124").replace("124,75", "124,25"), [], SOUND),
    ("an amount that cannot be read", STATEMENT.replace("D25,5N", "D25.5N"), [], SOUND),
    ("no decimals, no comma", STATEMENT.replace("100,", "100"), [], SOUND),
    ("no entry date", STATEMENT.replace("2603020302", "260302"), [], SOUND),
    ("no currency in the closing balance", STATEMENT.replace("EUR75", "75"), [], SOUND),
    ("two currencies", STATEMENT.replace("EUR75", "USD75"), ["warning currency-mismatch"], SOUND),
    ("no account", STATEMENT.replace(":25:123\n", ""), ["warning field-missing"], SOUND),
    ("no opening balance", STATEMENT.replace(":60F:C260301EUR100,\n", ""), ["warning field-missing"], SOUND),
    ("no closing balance", STATEMENT.replace(":62F:C260302EUR75,75\n", ""), ["warning field-missing"], SOUND),
    ("cut behind an entry", STATEMENT[: STATEMENT.index(":62F")], ["message-cut-off"], CUT),
    ("cut behind the closing balance", STATEMENT[:-2], [], SOUND),
    ("letters with accents, bare", STATEMENT.replace("RENT", "MÜLLER"), [], SOUND),
    ("interim report", ":20:A\n:25:1\n:28C:1\n:34F:EUR0,\n:13D:2603020915+0100\n:90D:0EUR0,\n-\n", [], SOUND),
    ("interim report without its limit", ":20:A\n:25:1\n:28C:1\n:90D:0EUR0,\n-\n", ["warning field-missing"], SOUND),
    ("pages", PAGES, [], ["accepted"] * 3),
    ("a page missing", PAGES.replace("60M", "60F"), ["warning page-missing"], ["accepted"] * 3),
    ("another balance on the next page", PAGES.replace("60M:C260302EUR75", "60M:C260302EUR76"), ["warning closing-balance", "warning page-balance"], ["accepted"] * 3),
    ("the number of the page", PAGES.replace("1/2", "1/3"), ["warning page-number"], ["accepted"] * 3),
    ("pages of two accounts", PAGES.replace("REF-2\n:25:123", "REF-2\n:25:124").replace("60M", "60F"), [], ["accepted"] * 3),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "ended"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_broken_is_said_once_and_judged_in_its_place(text, said, ended):
    assert verdicts(text) == (said, ended)


def test_limits():
    text = SEQUENCES.replace(":16R:A\r\n", ":16R:A\r\n" * 5).replace(":16S:A\r\n", ":16S:A\r\n" * 5)
    assert verdicts(text, nesting=3)[0] == ["sequences-too-deep"]
    assert verdicts(GOOD.replace("TWO", "TWO\r\n" * 50), elements=20)[0] == ["too-many-lines"]


def test_opened_envelopes_carry_what_was_sent():
    interchange, opened = (
        event for event in parsers.read([GOOD.encode()]) if isinstance(event, InterchangeOpened | SetOpened)
    )
    assert interchange == InterchangeOpened(
        index=1, standard="swift-mt", version=None, sender="BANKBEBBXXX", sender_qualifier=None, receiver="ACMEDEFFXXX",
        receiver_qualifier=None, control_number=None, usage=None, offset=0,
    )  # fmt: skip
    assert opened == SetOpened(
        interchange=1, group=None, index=1, set="MT103", version=None, control_number="REF-1", usage=None, offset=0,
        sender="BANKBEBBXXX", receiver="ACMEDEFFXXX",
    )  # fmt: skip


OUTPUT = GOOD.replace("{2:I103ACMEDEFFXXXXN}", "{2:O1030915260302ACMEDEFFAB1200000000012603020916N}")
PARTIES = [
    ("input", GOOD, ("MT103", "BANKBEBBXXX", "ACMEDEFFXXX", "REF-1")),
    ("output", OUTPUT, ("MT103", "ACMEDEFFB12", "BANKBEBBXXX", "REF-1")),
    ("answer", "{1:F21BANKBEBBAXXX0000000001}{4:{177:2603020915}{451:0}}" + GOOD, ("F21", None, "BANKBEBBXXX", None)),
    ("ISO 15022", GOOD.replace(":20:", ":20C::SEME//"), ("MT103", "BANKBEBBXXX", "ACMEDEFFXXX", "REF-1")),
    ("no field 20", GOOD.replace(":20:REF-1\r\n", ""), ("MT103", "BANKBEBBXXX", "ACMEDEFFXXX", "MUR-1")),
    ("broken headers", GOOD.replace("0000000001}", "}").replace("{2:I", "{2:E"), (None, None, None, "REF-1")),
    ("bare", STATEMENT, ("MT940", None, None, "REF-1")),
    ("type in a line of the bank's", "MT942\n:20:A\n:25:1\n", ("MT942", None, None, "A")),
    ("type in a field of the bank's", ":941:\n:20:A\n:25:1\n", ("MT941", None, None, "A")),
    ("a reference too long", STATEMENT.replace("REF-1", "REF-1" * 4), ("MT940", None, None, None)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in PARTIES], ids=[case[0] for case in PARTIES])
def test_type_parties_and_reference_are_known_when_a_message_begins(text, expected):
    opened = next(event for event in parsers.read([text.encode()]) if isinstance(event, SetOpened))
    assert (opened.set, opened.sender, opened.receiver, opened.control_number) == expected


def test_a_finding_says_where_and_no_value_of_the_file():
    text = "\n" + STATEMENT + STATEMENT.replace("EUR75,75", "EUR98765,")
    finding = next(event for event in parsers.read([text.encode()]) if isinstance(event, Finding))
    assert (finding.code, finding.set, finding.path, finding.segment, finding.position) == (
        "swift-mt.closing-balance", 2, "message[2]", "62F", 9,
    )  # fmt: skip
    assert text[finding.offset :].startswith(":62F:C260302EUR98765")
    assert "98765" not in finding.message + finding.hint


def test_what_is_cut_off_is_told_by_the_file_too():
    *_, last = parsers.read([GOOD[:90].encode()])
    assert isinstance(last, Finished)
    assert (last.outcome, last.sets) == ("incomplete", 1)


def test_blocks_and_marks_are_no_content():
    batches = [item for item in parsers.segments([GOOD.encode()]) if isinstance(item, Segments)]
    assert [(item.texts[0][:4], len(item), item.control, item.position) for item in batches] == [
        ("{1:F", 4, True, 1), (":20:", 2, False, 5), ("-}", 1, True, 7), ("{5:{", 1, True, 8),
    ]  # fmt: skip


def test_sequences_left_open_are_closed_where_the_message_ends():
    text = SEQUENCES.replace(":16S:A\r\n", "")
    closed = [item for item in parsers.segments([text.encode()]) if isinstance(item, LoopClosed)]
    assert [(item.code, item.trailer_seen, item.depth) for item in closed] == [("B", True, 2), ("A", False, 1)]


def test_without_a_map_a_good_message_is_unsupported():
    data = GOOD.replace("I103", "I199").encode()
    assert [event.verdict for event in parsers.read([data]) if isinstance(event, SetClosed)] == ["unsupported"]


@pytest.mark.parametrize("block", ["{3:\n", "{3:{\n", "{x:\n", "{x:{"])
def test_blocks_that_are_never_closed_take_no_longer_each(block):
    data = ("{1:F01BANKBEBBAXXX0000000000}" + block * 20_000).encode()
    begun = time.process_time()
    assert list(parsers.segments([data]))[-1].size_bytes == len(data)
    assert time.process_time() - begun < 10  # It took hours.
