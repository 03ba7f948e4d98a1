"""The envelope by its rules: each case breaks one thing in a good file and names all that must be said of it."""

import pytest

import parsers
from parsers import Limits, Raw
from parsers.events import GroupClosed, GroupOpened, InterchangeClosed, InterchangeOpened, SetClosed, SetOpened
from parsers.findings import Finding
from parsers.segments import LoopClosed, LoopOpened

UNB = "UNB+UNOC:3+SENDER:14+RECEIVER:14+260302:0915+REF1'"
MESSAGE = "UNH+1+PARTIN:D:96A:UN:EAN008'BGM+220+A'UNS+S'UNT+4+1'"
GOOD = f"{UNB}{MESSAGE}UNZ+1+REF1'"
UNG = "UNG+PARTIN+APP1+APP2:ZZ+260302:0915+G1+UN+D:96A'"
OTHER = MESSAGE.replace("UNH+1", "UNH+2").replace("UNT+4+1", "UNT+4+2")
GROUPED = f"{UNB}{UNG}{MESSAGE}UNE+1+G1'UNZ+1+REF1'"
V4 = UNB.replace(":3+", ":4+")
PACKAGE = f"{V4}UNO+P1+DM:1+A:B+3'UNZUNP+3+P1'UNZ+1+REF1'"
UIB = "UIB+UNOA:0+DIALOG1++++7777:C+7701:P+20260302:081522'"
INTERACTIVE = f"{UIB}UIH+SCRIPT:010:006:NEWRX+M1'STS+1'UIT+M1+3'UIZ+DIALOG1+1'"


def verdicts(text: str, **limits: int) -> tuple[list[str], list[str]]:
    """What was said, and how each envelope ended, innermost first."""
    said, ended = [], []
    for event in parsers.read([text.encode()], Limits(**limits)):
        if isinstance(event, Finding):
            code = event.code.removeprefix("edifact.")
            said.append(code if event.severity == "error" else f"{event.severity} {code}")
        elif isinstance(event, SetClosed | GroupClosed | InterchangeClosed):
            ended.append(f"{type(event).__name__.removesuffix('Closed').lower()} {event.verdict}")
    return said, ended


SET, GROUP, WHOLE = "set unsupported", "group accepted", "interchange accepted"
BAD, CUT, HALF = "set rejected", "set incomplete", "interchange incomplete"
NOT_WHOLE = "interchange rejected"
LONG = "X" * 36
CASES = [
    ("good", GOOD, [], [SET, WHOLE]),
    ("good, grouped", GROUPED, [], [SET, GROUP, WHOLE]),
    ("good package", PACKAGE, [], [SET, WHOLE]),
    ("good interactive", INTERACTIVE, [], [SET, WHOLE]),
    ("interactive without its conditional parts", INTERACTIVE.replace("UIT+M1+3", "UIT").replace("UIZ+DIALOG1+1", "UIZ"), [], [SET, WHOLE]),
    ("line breaks", GOOD.replace("'", "'\r\n"), [], [SET, WHOLE]),
    ("UNH reference twice", GOOD.replace(MESSAGE, MESSAGE + MESSAGE).replace("UNZ+1", "UNZ+2"), ["unh-reference-duplicate"], [SET, BAD, WHOLE]),
    ("UNT count", GOOD.replace("UNT+4", "UNT+5"), ["unt-count-mismatch"], [BAD, WHOLE]),
    ("UNT count padded", GOOD.replace("UNT+4", "UNT+0004"), [], [SET, WHOLE]),
    ("UNT count no number", GOOD.replace("UNT+4", "UNT+-4"), ["unt-count-mismatch"], [BAD, WHOLE]),
    ("UNT count huge", GOOD.replace("UNT+4", "UNT+" + "9" * 9999), ["unt-count-mismatch"], [BAD, WHOLE]),
    ("UNT reference", GOOD.replace("UNT+4+1", "UNT+4+2"), ["unt-reference-mismatch"], [BAD, WHOLE]),
    ("UNT reference padded", GOOD.replace("UNT+4+1", "UNT+4+01"), ["warning unt-reference-mismatch"], [SET, WHOLE]),
    ("UNT empty", GOOD.replace("UNT+4+1", "UNT"), ["unt-count-mismatch", "unt-reference-mismatch"], [BAD, WHOLE]),
    ("UNE count", GROUPED.replace("UNE+1", "UNE+2"), ["une-count-mismatch"], [SET, "group rejected", WHOLE]),
    ("UNE reference", GROUPED.replace("UNE+1+G1", "UNE+1+G2"), ["une-reference-mismatch"], [SET, "group rejected", WHOLE]),
    ("UNZ count", GOOD.replace("UNZ+1", "UNZ+2"), ["unz-count-mismatch"], [SET, NOT_WHOLE]),
    ("UNZ counts groups", GROUPED.replace(MESSAGE, MESSAGE + OTHER).replace("UNE+1", "UNE+2"), [], [SET, SET, GROUP, WHOLE]),
    ("UNZ counts messages of groups", GROUPED.replace(MESSAGE, MESSAGE + OTHER).replace("UNE+1", "UNE+2").replace("UNZ+1", "UNZ+2"), ["unz-count-mismatch"], [SET, SET, GROUP, NOT_WHOLE]),
    ("UNZ reference", GOOD.replace("UNZ+1+REF1", "UNZ+1+REF2"), ["unz-reference-mismatch"], [SET, NOT_WHOLE]),
    ("UNP length", PACKAGE.replace("UNP+3", "UNP+4"), ["unp-count-mismatch"], [BAD, WHOLE]),
    ("UNP reference", PACKAGE.replace("UNP+3+P1", "UNP+3+P2"), ["unp-reference-mismatch"], [BAD, WHOLE]),
    ("UNO length too small", PACKAGE.replace("UNZUNP", "UNZ'UNP"), ["binary-length"], [BAD, WHOLE]),
    ("UNO length missing", PACKAGE.replace("A:B+3'", "A:B'").replace("UNP+3", "UNP+"), ["binary-length"], [BAD, WHOLE]),
    ("UNO length beyond the file", PACKAGE.replace("A:B+3'", "A:B+300'"), ["unz-missing"], [CUT, HALF]),
    ("UIT count", INTERACTIVE.replace("M1+3", "M1+4"), ["uit-count-mismatch"], [BAD, WHOLE]),
    ("UIT reference", INTERACTIVE.replace("UIT+M1", "UIT+M2"), ["uit-reference-mismatch"], [BAD, WHOLE]),
    ("UIZ count", INTERACTIVE.replace("DIALOG1+1", "DIALOG1+2"), ["uiz-count-mismatch"], [SET, NOT_WHOLE]),
    ("UIZ reference", INTERACTIVE.replace("UIZ+DIALOG1", "UIZ+DIALOG2"), ["uiz-reference-mismatch"], [SET, NOT_WHOLE]),
    ("no UIT", INTERACTIVE.replace("UIT+M1+3'", ""), ["uit-missing"], [BAD, WHOLE]),
    ("no UIZ", INTERACTIVE.replace("UIZ+DIALOG1+1'", ""), ["uiz-missing"], [SET, HALF]),
    ("no UNT", GOOD.replace("UNT+4+1'", ""), ["unt-missing"], [BAD, WHOLE]),
    ("no UNP", PACKAGE.replace("UNP+3+P1'", ""), ["binary-length", "unz-missing"], [CUT, HALF]),
    ("no UNE", GROUPED.replace("UNE+1+G1'", ""), ["une-missing"], [SET, "group rejected", WHOLE]),
    ("UNH in UNH", GOOD.replace("UNT+4+1'", MESSAGE.replace("+1+", "+2+").replace("4+1", "4+2")).replace("UNZ+1", "UNZ+2"), ["unt-missing"], [BAD, SET, WHOLE]),
    ("UNG in UNH", GROUPED.replace("UNT+4+1'UNE+1+G1'", f"{UNG.replace('+G1', '+G2')}{MESSAGE}UNE+1+G2'").replace("UNZ+1", "UNZ+2"), ["unt-missing", "une-missing"], [BAD, "group rejected", SET, GROUP, WHOLE]),
    ("UNB in UNH", GOOD[:60] + "'" + GOOD, ["unz-missing"], [CUT, HALF, SET, WHOLE]),
    ("cut behind UNT", f"{UNB}{MESSAGE}", ["unz-missing"], [SET, HALF]),
    ("cut in a message", f"{UNB}{MESSAGE[:40]}", ["segment-cut-off", "unz-missing"], [CUT, HALF]),
    ("cut in a group", f"{UNB}{UNG}{MESSAGE}", ["unz-missing"], [SET, "group incomplete", HALF]),
    ("cut in UNZ", GOOD[:-3], ["warning terminator-missing", "unz-reference-mismatch"], [SET, HALF]),
    ("cut in UNB", GOOD[:30], ["unb-cut-off"], []),
    ("UNZ has no end", GOOD[:-1] + "\n", ["warning terminator-missing"], [SET, WHOLE]),
    ("stray UNT", GOOD.replace("UNZ", "UNT+4+1'UNZ"), ["trailer-out-of-place"], [SET, NOT_WHOLE]),
    ("stray UNE", GOOD.replace("UNZ", "UNE+1+G1'UNZ"), ["trailer-out-of-place"], [SET, NOT_WHOLE]),
    ("stray UNP", GOOD.replace("UNS+S", "UNP+1+1"), ["trailer-out-of-place"], [BAD, WHOLE]),
    ("stray UIZ", GOOD.replace("UNZ", "UIZ'UNZ"), ["trailer-out-of-place"], [SET, NOT_WHOLE]),
    ("stray UNZ", GOOD + "UNZ+1+REF1'", ["warning data-outside-interchange"], [SET, WHOLE]),
    ("segments outside of messages", GOOD.replace("UNZ", "BGM+1'DTM+1'UNZ"), ["segment-out-of-place"], [SET, NOT_WHOLE]),
    ("security outside of messages", GOOD.replace("UNH", "USH+1'USA+1'UNH").replace("UNZ", "UST+1'USR+1'UNZ"), [], [SET, WHOLE]),
    ("messages in and out of groups", GROUPED.replace("UNZ", f"{MESSAGE}UNZ"), ["warning groups-mixed"], [SET, GROUP, SET, WHOLE]),
    ("group behind a message", GROUPED.replace(UNG, f"{MESSAGE}{UNG}"), ["warning groups-mixed"], [SET, SET, GROUP, WHOLE]),
    ("empty segments", GOOD.replace("BGM", "''BGM"), ["warning empty-segment"] * 2, [SET, WHOLE]),
    ("wrapped", GOOD.replace("UNS+S'", "UNS\n+S'BGM+\n1'").replace("UNT+4", "UNT+5"), ["warning line-break-in-segment"], [SET, WHOLE]),
    ("release at the end of data", GOOD.replace("A'", "A?'"), ["warning terminator-released", "unt-count-mismatch"], [BAD, WHOLE]),
    ("released apostrophe before capitals", GOOD.replace("A'", "A?'BCDE+??'"), [], [SET, WHOLE]),
    ("lower case in UNOA", GOOD.replace("UNOC", "UNOA").replace("+A'", "+Abc'FTX+d'").replace("UNT+4", "UNT+5"), ["info lower-case"], [SET, WHOLE]),
    ("lower case in UNOB", GOOD.replace("UNOC", "UNOB").replace("+A'", "+Abc'"), [], [SET, WHOLE]),
    ("beyond ASCII in UNOB", GOOD.replace("UNOC", "UNOB").replace("+A'", "+é'"), ["warning charset-mismatch"], [SET, WHOLE]),
    ("UTF-8 in UNOC", GOOD.replace("+A'", "+é'"), ["warning charset-mismatch"], [SET, WHOLE]),
    ("UTF-8 in UNOW", GOOD.replace("UNOC", "UNOW").replace("+A'", "+é'"), [], [SET, WHOLE]),
    ("UTF-8 in a level nobody knows", GOOD.replace("UNOC", "KECA").replace("+A'", "+é'"), [], [SET, WHOLE]),
    ("sender too long", GOOD.replace("SENDER", LONG), ["envelope-element-too-long"], [SET, NOT_WHOLE]),
    ("interchange reference too long", GOOD.replace("REF1", LONG), ["envelope-element-too-long"], [SET, NOT_WHOLE]),
    ("message reference too long", GOOD.replace("UNH+1", f"UNH+{LONG}").replace("UNT+4+1", f"UNT+4+{LONG}"), ["envelope-element-too-long"], [BAD, WHOLE]),
    ("no interchange reference", GOOD.replace("REF1", ""), ["envelope-element-missing"], [SET, NOT_WHOLE]),
    ("no message type", GOOD.replace("+PARTIN:D:96A:UN:EAN008", ""), ["envelope-element-missing"], [BAD, WHOLE]),
    ("identifier without its parts", GOOD.replace("PARTIN:D:96A:UN:EAN008", "PARTIN"), [], [SET, WHOLE]),
    ("UGT of another group", GOOD.replace("UNS+S", "UGH+1'UGT+2").replace("UNT+4", "UNT+5"), ["warning ugt-mismatch"], [SET, WHOLE]),
    ("UGT alone", GOOD.replace("UNS+S", "UGT+1"), ["warning ugt-out-of-place"], [SET, WHOLE]),
    ("UGH alone", GOOD.replace("UNS+S", "UGH+1"), ["warning ugt-missing"], [SET, WHOLE]),
    ("UNS outside of messages", GOOD.replace("UNZ", "UNS+S'UNZ"), ["segment-out-of-place"], [SET, NOT_WHOLE]),
    ("names that begin like an envelope's", GOOD.replace("BGM", "UNTX+1'UNZ1+1'UNH9+1'BGM").replace("UNT+4", "UNT+7"), [], [SET, WHOLE]),
    ("two interchanges", GOOD + "\n" + GOOD, [], [SET, WHOLE] * 2),
    ("junk between", GOOD + "junk" + GOOD, ["warning data-outside-interchange"], [SET, WHOLE] * 2),
    ("no interchange at all", MESSAGE, ["warning data-outside-interchange"], []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "ended"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_broken_is_said_once_and_judged_in_its_place(text, said, ended):
    assert verdicts(text) == (said, ended)


LIMITS = [
    ("elements", GOOD.replace("+A'", "+" * 20 + "'"), ["too-many-elements"], {"elements": 16}),
    ("released elements are none", GOOD.replace("+A'", "?+" * 20 + "'"), [], {"elements": 16}),
    ("repeats", GOOD.replace(":3", ":4").replace("+A'", "+" + "*" * 20 + "'"), ["too-many-repeats"], {"repeats": 16}),
    ("length", GOOD.replace("+A'", "+" + "A" * 5_000_000 + "'"), ["segment-too-long"], {"segment_bytes": 1 << 20, "held_bytes": 1 << 19}),
    ("loops", GOOD.replace("UNS+S'", "UGH+1'" * 4).replace("UNT+4", "UNT+7"), ["loops-too-deep", "warning ugt-missing"], {"nesting": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "limits"), [case[1:] for case in LIMITS], ids=[case[0] for case in LIMITS])
def test_nothing_is_without_limit(text, said, limits):
    assert verdicts(text, **limits)[0] == said


def test_a_finding_says_where_and_what_we_counted_and_no_value_of_the_file():
    text = GOOD.replace("UNT+4+1", "UNT+98765+1")
    (finding,) = [event for event in parsers.read([text.encode()]) if isinstance(event, Finding)]
    assert finding.code == "edifact.unt-count-mismatch"
    assert (finding.set, finding.path, finding.segment, finding.position) == (1, "UNB[1]/UNH[1]", "UNT", 4)
    assert (finding.element, finding.offset) == ("UNT-1", text.index("UNT"))
    assert finding.message == "UNT-1 does not say how many segments there are: we counted 4."
    assert "98765" not in finding.message + finding.hint


def opened(text: str, kind: type) -> list:
    return [event for event in parsers.read([text.encode()]) if isinstance(event, kind)]


def test_an_interchange_tells_its_parties():
    text = GOOD.replace("SENDER:14", "A?+B:14").replace("REF1'UNH", "REF1++PARTIN++++1'UNH")
    assert opened(text, InterchangeOpened) == [
        InterchangeOpened(
            index=1, standard="edifact", version="UNOC:3", sender="A+B", sender_qualifier="14", receiver="RECEIVER",
            receiver_qualifier="14", control_number="REF1", usage="T", offset=0,
        )
    ]  # fmt: skip
    (plain,) = opened(GOOD.replace("SENDER:14+RECEIVER:14", "SENDER+"), InterchangeOpened)
    assert (plain.sender_qualifier, plain.receiver, plain.usage) == (None, None, "P")


def test_a_group_tells_its_parties():
    assert opened(GROUPED, GroupOpened) == [
        GroupOpened(
            interchange=1, index=1, functional_id="PARTIN", sender="APP1", receiver="APP2", control_number="G1",
            version="D96A", offset=len(UNB), receiver_qualifier="ZZ",
        )
    ]  # fmt: skip
    assert [one.group for one in opened(GROUPED, SetOpened)] == [1]


IDENTIFIERS = [
    ("PARTIN:D:96A:UN", "PARTIN", "D96A"),
    ("PARTIN:D:96A:UN:EAN008", "PARTIN", "D96A:EAN008"),
    ("PNRGOV:11:1:IA", "PNRGOV", "111"),
    ("PARTIN", "PARTIN", None),
    ("PARTIN::96A", "PARTIN", "96A"),
    ("BAPLIE:D:04B:UN::A1:AA", "BAPLIE", "D04B"),
]


@pytest.mark.parametrize(("identifier", "name", "version"), IDENTIFIERS)
def test_a_message_tells_its_type_and_version(identifier, name, version):
    (message,) = opened(GOOD.replace("PARTIN:D:96A:UN:EAN008", identifier), SetOpened)
    assert (message.set, message.version, message.control_number, message.usage) == (name, version, "1", "P")
    assert (message.interchange, message.group, message.index, message.offset) == (1, None, 1, len(UNB))


def test_a_package_and_an_interactive_message_tell_what_they_have():
    (package,) = opened(PACKAGE, SetOpened)
    assert (package.set, package.version, package.control_number) == ("UNO", None, "P1")
    (interchange,) = opened(INTERACTIVE, InterchangeOpened)
    assert (interchange.sender, interchange.receiver_qualifier, interchange.control_number) == ("7777", "P", "DIALOG1")
    (message,) = opened(INTERACTIVE, SetOpened)
    assert (message.set, message.version, message.control_number) == ("SCRIPT", "010006", "M1")


def test_segment_groups_are_loops_and_sections_are_none():
    body = "UNS+D'LIN+1'UGH+G1'UGH+G2'UGT+G2'UGT+G1'UNS+S'"
    text = GOOD.replace("UNS+S'", body).replace("UNT+4", "UNT+10")
    loops = [item for item in parsers.segments([text.encode()]) if isinstance(item, LoopOpened | LoopClosed)]
    shown = [
        f"{'+' if isinstance(loop, LoopOpened) else '-'}{loop.code} {loop.depth} "
        f"{text[loop.offset if isinstance(loop, LoopOpened) else loop.end_offset :][:5]}"
        for loop in loops
    ]
    assert shown == ["+G1 1 UGH+G", "+G2 2 UGH+G", "-G2 2 UGT+G", "-G1 1 UNS+S"]


ENDS = [
    ("closed", "UGH+1'UGT+1'UNT+4+1'", [True]),
    ("group left open", "UGH+1'UGH+2'UNT+4+1'", [False, False]),
    ("message left open", "UGH+1'", [False]),
]


@pytest.mark.parametrize(("body", "seen"), [case[1:] for case in ENDS], ids=[case[0] for case in ENDS])
def test_a_loop_knows_whether_its_end_was_sent(body, seen):
    text = f"{UNB}UNH+1+PARTIN'{body}UNZ+1+REF1'"
    closed = [item for item in parsers.segments([text.encode()]) if isinstance(item, LoopClosed)]
    assert [loop.trailer_seen for loop in closed] == seen


def test_data_of_a_package_belongs_to_it():
    (data,) = [item for item in parsers.segments([PACKAGE.encode()]) if isinstance(item, Raw)]
    assert (data.data, data.kind, data.segment, data.set, data.path, data.last) == (
        b"UNZ",
        "binary",
        "UNO",
        1,
        "UNB[1]/UNO[1]",
        True,
    )
