"""Where blocks, fields and messages begin and end, byte for byte, however the file is cut."""

import pytest

import parsers
from parsers import Finding, Limits, Raw, Segments
from parsers.events import InterchangeClosed, InterchangeOpened, SetClosed, SetOpened
from parsers.segments import LoopClosed, LoopOpened

HEADERS = "{1:F01BANKBEBBAXXX0000000001}{2:I103ACMEDEFFXXXXN}"
PLAIN = HEADERS + "{4:\r\n:20:REF-1\r\n:70:ONE\r\nTWO\r\n-}"
BARE = ":20:REF-1\n:25:123\n:28C:1/1\n:60F:C260301EUR100,\n:62F:C260301EUR100,\n-\n"


def shown(data: bytes, **limits: int) -> list:
    """What is opened and closed, segments as (text, offset), what else there is by its kind."""
    made: list = []
    whole = bytearray()
    for item in parsers.segments([data], Limits(**limits)):
        match item:
            case Segments():
                assert item.offset == len(whole)
                whole += item.data
                made += list(zip(item.characters, item.offsets, strict=False))
            case Raw():
                assert item.offset == len(whole)
                whole += item.data
                if made[-1:] != [item.kind]:
                    made.append(item.kind)
            case SetOpened() | LoopOpened():
                made.append(f"<{item.set if isinstance(item, SetOpened) else item.code}")
            case SetClosed() | LoopClosed():
                made.append(f"{'' if isinstance(item, SetClosed) else item.code}>")
            case InterchangeOpened():
                made.append("<<")
            case InterchangeClosed():
                made.append(">>")
    assert bytes(whole) == data, "every byte is handed out, in order"
    return made


PLAIN_SHOWN = [
    ("{1:F01BANKBEBBAXXX0000000001}", 0), ("{2:I103ACMEDEFFXXXXN}", 29), ("{4:", 50), (":20:REF-1", 55),
    (":70:ONE\r\nTWO", 66), ("-}", 80),
]  # fmt: skip
BARE_SHOWN = [
    (":20:REF-1", 0), (":25:123", 10), (":28C:1/1", 18), (":60F:C260301EUR100,", 27), (":62F:C260301EUR100,", 47), ("-", 67),
]  # fmt: skip


def moved(shown: list, by: int) -> list:
    return [(text, offset + by) for text, offset in shown]


ONE = ["<<", "<MT103", *PLAIN_SHOWN, ">", ">>"]
CASES = [
    ("blocks", PLAIN, ONE),
    ("a trailer", PLAIN + "{5:{MAC:00}{CHK:01}}{S:{SPD:}}\r\n", [*ONE[:-2], ("{5:{MAC:00}{CHK:01}}", 82), ("{S:{SPD:}}", 102), ">", ">>"]),
    ("parted by nothing", PLAIN + PLAIN, [*ONE[:-1], "<MT103", *moved(PLAIN_SHOWN, 82), ">", ">>"]),
    ("parted by a dollar", PLAIN + "\r\n$\r\n" + PLAIN, [*ONE[:-1], ("$", 84), "<MT103", *moved(PLAIN_SHOWN, 87), ">", ">>"]),
    ("parted by a dollar alone", PLAIN + "$" + PLAIN, [*ONE[:-1], ("$", 82), "<MT103", *moved(PLAIN_SHOWN, 83), ">", ">>"]),
    ("a dollar first", "$\n" + PLAIN, ["<<", ("$", 0), "<MT103", *moved(PLAIN_SHOWN, 2), ">", ">>"]),
    ("between SOH and ETX", f"\x01{PLAIN}\x03  " * 2,
     ["<<", ("\x01", 0), "<MT103", *moved(PLAIN_SHOWN, 1), ">", ("\x03", 83), "blank", ("\x01", 86), "<MT103", *moved(PLAIN_SHOWN, 87), ">", ("\x03", 169), "blank", ">>"]),
    ("parted by blank lines", PLAIN + "\n\n\n" + PLAIN, [*ONE[:-2], "blank", ">", "<MT103", *moved(PLAIN_SHOWN, 85), ">", ">>"]),
    ("line breaks between blocks", PLAIN.replace("}{", "}\n{"), ["<<", "<MT103", PLAIN_SHOWN[0], *moved(PLAIN_SHOWN[1:2], 1), *moved(PLAIN_SHOWN[2:], 2), ">", ">>"]),
    ("lines that end in every way", PLAIN.replace("REF-1\r\n", "REF-1\r\n\n"), [*ONE[:6], *moved(PLAIN_SHOWN[4:], 1), ">", ">>"]),
    ("a system message", "{1:F21BANKBEBBAXXX0000000001}{4:{177:2603020915}{451:0}}" + PLAIN,
     ["<<", "<F21", ("{1:F21BANKBEBBAXXX0000000001}", 0), ("{4:{177:2603020915}{451:0}}", 29), ">", "<MT103", *moved(PLAIN_SHOWN, 56), ">", ">>"]),
    ("text behind its brace", "{4::20:A\n-}", [("gap")]),
    ("a letter is no tag", PLAIN.replace("TWO", ":7A:X"), [*ONE[:6], (":70:ONE\r\n:7A:X", 66), ("-}", 82), ">", ">>"]),
    ("sequences", PLAIN.replace(":70:ONE\r\nTWO", ":16R:A\r\n:16R:B\r\n:16S:B\r\n:16S:A"),
     [*ONE[:6], "<A", (":16R:A", 66), "<B", (":16R:B", 74), (":16S:B", 82), "B>", (":16S:A", 90), "A>", ("-}", 98), ">", ">>"]),
    ("bare", BARE, ["<<", "<MT940", *BARE_SHOWN, ">", ">>"]),
    ("bare, last line unended", BARE[:-1], ["<<", "<MT940", *BARE_SHOWN, ">", ">>"]),
    ("bare, twice", BARE * 2, ["<<", "<MT940", *BARE_SHOWN, ">", "<MT940", *moved(BARE_SHOWN, 69), ">", ">>"]),
    ("bare, not ended", BARE[:-2] * 2, ["<<", "<MT940", *BARE_SHOWN[:-1], ">", "<MT940", *moved(BARE_SHOWN[:-1], 67), ">", ">>"]),
    ("bare, no hyphen and no line break", BARE[:-3], ["<<", "<MT940", *BARE_SHOWN[:-1], ">", ">>"]),
    ("bare, a brace", BARE[:-1] + "}", ["<<", "<MT940", *BARE_SHOWN[:-1], ("-}", 67), ">", ">>"]),
    ("bare, ETX", "\x01\n" + BARE[:-1] + "\x03\n", ["<<", ("\x01", 0), "<MT940", *moved(BARE_SHOWN[:-1], 2), ("-\x03", 69), ">", ">>"]),
    ("bare, below lines of the bank's", "BANKNL2A\n940\n\n" + BARE, ["<<", "<MT940", ("BANKNL2A\n940", 0), "blank", *moved(BARE_SHOWN, 14), ">", ">>"]),
    ("bare, below a field of the bank's", ":942:\n:20:A\n:20:B\n", ["<<", "<MT942", (":942:", 0), (":20:A", 6), ">", "<None", (":20:B", 12), ">", ">>"]),
    ("bare, then blocks", BARE + PLAIN, ["<<", "<MT940", *BARE_SHOWN, ">", "<MT103", *moved(PLAIN_SHOWN, 69), ">", ">>"]),
    ("bare, a line that only looks like a field", BARE.replace("-\n", ":86:AT 09\n:12:11\n-\n"),
     ["<<", "<MT940", *BARE_SHOWN[:-1], (":86:AT 09\n:12:11", 67), ("-", 84), ">", ">>"]),
    ("blanks at the end", BARE + "\n \x1a", ["<<", "<MT940", *BARE_SHOWN, ">", "blank", ">>"]),
    ("junk behind", PLAIN + " !", [*ONE[:-2], "blank", ">", ">>", "gap"]),
    ("junk between", PLAIN + "junk\n" + PLAIN, [*ONE, "gap", "<<", "<MT103", *moved(PLAIN_SHOWN, 87), ">", ">>"]),
    ("junk, then bare", PLAIN + "\n" + "junk\n" * 6 + BARE, [*ONE[:-1], ">>", "gap", "<<", "<MT940", *moved(BARE_SHOWN, 113), ">", ">>"]),
    ("another alphabet", BARE.replace("REF-1", "MÜLLER"), ["<<", "<MT940", (":20:MÜLLER", 0), *moved(BARE_SHOWN[1:], 2), ">", ">>"]),
]  # fmt: skip


@pytest.fixture(params=[7, 64, 1 << 20])
def _pieces(request, monkeypatch) -> None:
    monkeypatch.setattr("parsers.source.PIECE_BYTES", request.param)
    identify = parsers.reader.identify
    monkeypatch.setattr("parsers.reader.identify", lambda _: identify(b":20:A"))  # Seven bytes may be too few to tell.


@pytest.mark.usefixtures("_pieces")
@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_segments_stand_where_the_offsets_say(text, expected):
    assert shown(text.encode()) == expected


def test_an_interchange_of_another_standard_ends_this_one():
    isa = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260302*0915*^*00501*000000905*0*T*:~"
    data = (PLAIN + "\n" + isa + "IEA*0*000000905~" + PLAIN).encode()
    opened = [item.standard for item in parsers.segments([data]) if isinstance(item, InterchangeOpened)]
    assert opened == ["swift-mt", "x12", "swift-mt"]


@pytest.mark.parametrize("text", [PLAIN + "{5:{CHK:00}}\n$\n" + PLAIN, "BANK\n" + BARE + BARE])
def test_cut_at_every_byte(text):
    data = text.encode()
    for length in range(1, len(data)):
        shown(data[:length])


@pytest.mark.parametrize("size", [64, 1 << 20])
def test_a_field_too_long_to_hold_travels_in_parts(monkeypatch, size):
    monkeypatch.setattr("parsers.source.PIECE_BYTES", size)
    field = ":70:" + "X" * 200_000
    data = PLAIN.replace(":70:ONE\r\nTWO", field).encode()
    made = shown(data, held_bytes=1000) if size == 64 else shown(data * 20, held_bytes=1000)
    assert "segment" in made or size > 64
    assert (made[-3], made[-2:]) == (("-}", len(data) * (1 if size == 64 else 20) - 2), [">", ">>"])


def test_a_field_in_parts_counts_once(monkeypatch):
    monkeypatch.setattr("parsers.source.PIECE_BYTES", 64)
    data = PLAIN.replace("ONE", "X" * 5000).encode()
    items = list(parsers.segments([data], Limits(held_bytes=100, segment_bytes=2000)))
    parts = [item for item in items if isinstance(item, Raw)]
    assert {(part.position, part.segment, part.set) for part in parts} == {(5, "70", 1)}
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [item.position for item in items if isinstance(item, Segments)][-1] == 6
    assert [item.code for item in items if isinstance(item, Finding)] == ["swift-mt.field-too-long"]


@pytest.mark.parametrize(
    "text",
    [
        "{1:F01" * 50_000,
        ":20:\n" * 20_000,
        "{1:F01A" + "{" * 300_000,
        BARE[:-2] + "\n" * 300_000,
        PLAIN + "}" * 300_000,
        PLAIN + "$" * 5_000,
        PLAIN[:-2] + "-\n:\n" * 50_000,
    ],
)
def test_nothing_takes_long(text):
    shown(text.encode())


def test_offsets_are_bytes_of_utf_16_too():
    made = shown(b"\xff\xfe" + BARE.encode("utf-16-le"))
    assert made == ["blank", "<<", "<MT940", *((text, 2 + 2 * offset) for text, offset in BARE_SHOWN), ">", ">>"]
