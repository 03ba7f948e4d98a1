"""How the file is cut: every byte handed out, in order, whatever the pieces that it comes in."""

from collections.abc import Callable

import pytest

import parsers
from parsers import Finding, Limits, Raw, Segments, reader, source
from parsers.edifact import delimiters, envelope

UNB = "UNB+UNOC:3+SENDER:14+RECEIVER:14+260302:0915+REF1'"
UNH = "UNH+1+ORDERS:D:96A:UN'"
UNZ = "UNZ+0+REF1'"
HEAD, TRAIL = (UNB[:-1], 0), "UNZ+0+REF1"
PIECES = [7, 64, 1 << 20]
TOLD = {
    "edifact.data-outside-interchange", "edifact.line-break-in-segment", "edifact.segment-cut-off", "edifact.unb-cut-off",
    "edifact.terminator-missing", "edifact.terminator-released", "edifact.binary-length",
}  # fmt: skip


@pytest.fixture
def cut_into(monkeypatch) -> Callable[[int], None]:
    """Pieces of another size, while the standard is told from all of the file as ever."""

    def cut(size: int) -> None:
        def told(chunks):
            made = source.Source(chunks)
            made.head = WHOLE[0]
            return made

        monkeypatch.setattr(source, "PIECE_BYTES", size)
        for module, name in LOOKS:  # As far as anybody looks for a header; small files would come in by that.
            monkeypatch.setattr(module, name, 128 if size < 128 else 1024)
        monkeypatch.setattr(reader, "Source", told)

    return cut


WHOLE = [b""]
LOOKS = [
    (reader, "START_CHARACTERS"), (envelope, "START_CHARACTERS"),
    (envelope, "MAX_HEADER_CHARS"), (delimiters, "MAX_HEADER_CHARS"),
]  # fmt: skip


def items_of(data: bytes, **limits: int) -> list:
    made, whole = [], b""
    WHOLE[0] = data
    for item in parsers.segments([data], Limits(**limits)):
        if isinstance(item, Segments | Raw):
            assert item.offset == len(whole)
            whole += item.data
            assert item.end == len(whole)
        made.append(item)
    assert whole == data, "every byte is handed out, in order"
    return made


def shown(data: bytes, **limits: int) -> list:
    """Segments with their offsets, raw kinds, and what was said of how the file is cut."""
    made = []
    for item in items_of(data, **limits):
        match item:
            case Segments():
                assert len(item.offsets) == len(item.texts) + 1
                made += zip(item.characters, item.offsets, strict=False)
            case Raw() if item.kind not in {"blank", "gap", "cut"}:
                made.append((item.kind, item.offset))
            case Finding() if item.code in TOLD:
                made.append((item.code.removeprefix("edifact."), item.offset))
    return made


def in_version_4(text: str) -> str:
    return text.replace("UNOC:3", "UNOC:4")


UNO = "UNO+P1+DM:1+A:B+9'"
CASES = [
    ("plain", UNB + UNH + "UNT+2+1'" + UNZ, [HEAD, (UNH[:-1], 50), ("UNT+2+1", 72), (TRAIL, 80)]),
    ("UNA", "UNA:+.? '" + UNB + UNZ, [("UNA:+.? ", 0), (UNB[:-1], 9), (TRAIL, 59)]),
    ("UNA and line breaks", "UNA:+.? '\r\n" + UNB + "\r\n" + UNZ + "\r\n", [("UNA:+.? ", 0), (UNB[:-1], 11), (TRAIL, 63)]),
    ("line breaks of all kinds", UNB + "\n" + UNH + "\r\n\r\nUNT+2+1'\r" + UNZ, [HEAD, (UNH[:-1], 51), ("UNT+2+1", 77), (TRAIL, 86)]),
    ("indented", UNB + "\n  " + UNH + "\tUNT+2+1' " + UNZ, [HEAD, (UNH[:-1], 53), ("UNT+2+1", 76), (TRAIL, 85)]),
    ("odd separators", "UNA*@.? #" + (UNB + UNZ).translate(str.maketrans(":+'", "*@#")), [("UNA*@.? ", 0), ("UNB@UNOC*3@SENDER*14@RECEIVER*14@260302*0915@REF1", 9), ("UNZ@0@REF1", 59)]),
    ("a line break ends segments", "UNA:+.? \n" + (UNB + UNZ).replace("'", "\n"), [("UNA:+.? ", 0), (UNB[:-1], 9), (TRAIL, 59)]),
    ("level B", (UNB + UNZ).translate(str.maketrans(":+'", "\x1f\x1d\x1c")), [(UNB[:-1].translate(str.maketrans(":+", "\x1f\x1d")), 0), ("UNZ\x1d0\x1dREF1", 50)]),
    ("other separators each", UNB + UNZ + "\nUNA*@.? #" + (UNB + UNZ).translate(str.maketrans(":+'", "*@#")) + UNB + UNZ,
     [HEAD, (TRAIL, 50), ("UNA*@.? ", 62), ("UNB@UNOC*3@SENDER*14@RECEIVER*14@260302*0915@REF1", 71), ("UNZ@0@REF1", 121), (UNB[:-1], 132), (TRAIL, 182)]),
    ("trailer missing, another UNA", UNB + UNH + "UNA:+.? '" + UNB + UNZ, [HEAD, (UNH[:-1], 50), ("UNA:+.? ", 72), (UNB[:-1], 81), (TRAIL, 131)]),
    ("trailer missing, other separators", UNB + UNH + "UNA*@.? #" + (UNB + UNZ).translate(str.maketrans(":+'", "*@#")),
     [HEAD, (UNH[:-1], 50), ("UNA*@.? ", 72), ("UNB@UNOC*3@SENDER*14@RECEIVER*14@260302*0915@REF1", 81), ("UNZ@0@REF1", 131)]),
    ("trailer missing, another standard", UNB + UNH + "MSH|^~\\&|A|B\r", [HEAD, (UNH[:-1], 50), ("MSH|^~\\&|A|B", 72)]),
    ("released terminator", UNB + "FTX+O?'CLOCK'" + UNZ, [HEAD, ("FTX+O?'CLOCK", 50), (TRAIL, 63)]),
    ("released release", UNB + "FTX+A??'" + UNZ, [HEAD, ("FTX+A??", 50), (TRAIL, 58)]),
    ("both", UNB + "FTX+A???'B??'" + UNZ, [HEAD, ("FTX+A???'B??", 50), (TRAIL, 63)]),
    ("nothing but", UNB + "????'?'?''" + UNZ, [HEAD, ("????", 50), ("?'?'", 55), (TRAIL, 60)]),
    ("released before a line break", UNB + "FTX+A?\r\nB'" + UNZ, [HEAD, ("line-break-in-segment", 50), ("FTX+A?B", 50), (TRAIL, 60)]),
    ("released terminator, line breaks", UNB + "\r\nFTX+O?'CLOCK'\r\n" + UNZ + "\r\n", [HEAD, ("FTX+O?'CLOCK", 52), (TRAIL, 67)]),
    ("release at the end of data", UNB + "FTX+WHAT?'DTM+1'" + UNZ, [HEAD, ("terminator-released", 50), ("FTX+WHAT?'DTM+1", 50), (TRAIL, 66)]),
    ("release at the end of the file", UNB + UNH + "UNZ+1+REF1?'", [HEAD, (UNH[:-1], 50), ("terminator-missing", 72), ("UNZ+1+REF1?'", 72)]),
    ("marks' characters in the text", UNB + "FTX+\x80\x81O?'C??\x80'FTX+\x81'" + UNZ, [HEAD, ("FTX+\x80\x81O?'C??\x80", 50), ("FTX+\x81", 64), (TRAIL, 70)]),
    ("space releases nothing", "UNA:+.  '" + UNB + "FTX+A?'" + UNZ, [("UNA:+.  ", 0), (UNB[:-1], 9), ("FTX+A?", 59), (TRAIL, 66)]),
    ("byte order mark and blanks", "\ufeff\r\n " + UNB + UNZ + "\r\n\x1a", [(UNB[:-1], 6), (TRAIL, 56)]),
    ("junk around", "// hi\n" + UNB + UNZ + "junk", [("data-outside-interchange", 0), (UNB[:-1], 6), (TRAIL, 56), ("data-outside-interchange", 67)]),
    ("junk before UNA", "mail\n\nUNA:+.? '\n" + UNB + UNZ, [("data-outside-interchange", 0), ("UNA:+.? ", 6), (UNB[:-1], 16), (TRAIL, 66)]),
    ("body alone", UNH + "UNT+2+1'", [("data-outside-interchange", 0)]),
    ("body behind UNA", "UNA:+.? '" + UNH + "UNT+2+1'", [("data-outside-interchange", 0)]),
    ("header's name in data", UNB + "FTX+UNB+UNOA:3'UNB'UNA'UNBX+1'" + UNZ, [HEAD, ("FTX+UNB+UNOA:3", 50), ("UNB", 65), ("UNA", 69), ("UNBX+1", 73), (TRAIL, 80)]),
    ("empty segments", UNB + "''" + UNZ, [HEAD, ("", 50), ("", 51), (TRAIL, 52)]),
    ("wrapped", UNB[:20] + "\n" + UNB[20:] + "FTX+A\nB'" + UNZ, [HEAD, ("line-break-in-segment", 0), ("FTX+AB", 51), (TRAIL, 59)]),
    ("cut in a segment", UNB + UNH + "LIN+1", [HEAD, (UNH[:-1], 50), ("segment-cut-off", 72)]),
    ("cut in the header", UNB[:30], [("unb-cut-off", 0)]),
    ("cut in a later header", UNB + UNZ + "UNA:+.? '", [HEAD, (TRAIL, 50), ("unb-cut-off", 61)]),
    ("trailer has no end", UNB + UNZ[:-1] + "\n", [HEAD, ("terminator-missing", 50), (TRAIL, 50)]),
    ("package", in_version_4(UNB) + UNO + "AB'UNZ+1'UNP+9+P1'" + UNZ, [(in_version_4(UNB)[:-1], 0), (UNO[:-1], 50), ("binary", 68), ("UNP+9+P1", 77), (TRAIL, 86)]),
    ("package of blanks", in_version_4(UNB) + UNO + "\r\n  '  \r\n\r\nUNP+9+P1'" + UNZ, [(in_version_4(UNB)[:-1], 0), (UNO[:-1], 50), ("binary", 68), ("UNP+9+P1", 79), (TRAIL, 88)]),
    ("package too short", in_version_4(UNB) + UNO + "AB'UNZ+1'UNP-UNP+9+P1'" + UNZ, [(in_version_4(UNB)[:-1], 0), (UNO[:-1], 50), ("binary", 68), ("binary-length", 50), ("binary", 77), ("UNP+9+P1", 81), (TRAIL, 90)]),
    ("package with security", in_version_4(UNB) + UNO.replace("+9'", "+9:1'") + "USH+1'AB'UNZ+1'UNP+9+P1'" + UNZ, [(in_version_4(UNB)[:-1], 0), ("UNO+P1+DM:1+A:B+9:1", 50), ("USH+1", 70), ("binary", 76), ("UNP+9+P1", 85), (TRAIL, 94)]),
    ("encrypted", in_version_4(UNB) + "USD+3'''UUSU+3'" + UNZ, [(in_version_4(UNB)[:-1], 0), ("USD+3", 50), ("binary", 56), ("USU+3", 59), (TRAIL, 65)]),
]  # fmt: skip


@pytest.mark.parametrize("size", PIECES)
@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_segments_stand_where_the_offsets_say(text, expected, size, cut_into):
    cut_into(size)
    kinds = []
    for one in shown(text.encode("latin-1" if "\x80" in text else "utf-8")):
        if not (one[0] == "binary" and kinds and kinds[-1][0] == "binary"):  # Data comes in as many parts as pieces.
            kinds.append(one)
    assert kinds == expected


@pytest.mark.parametrize("size", [7, 64])
def test_a_segment_too_long_to_hold_travels_in_parts(size, cut_into):
    cut_into(size)
    data = (UNB + UNH + "FTX+" + "x" * 30_000 + "'UNT+3+1'" + UNZ.replace("0", "1")).encode()
    told = shown(data, held_bytes=1000)
    assert told[:2] == [HEAD, (UNH[:-1], 50)]
    assert {kind for kind, _ in told[2:-2]} == {"segment"}
    assert told[-2:] == [("UNT+3+1", 30_077), ("UNZ+1+REF1", 30_085)]


@pytest.mark.parametrize("size", PIECES)
@pytest.mark.parametrize("prefix", ["", "A"])
@pytest.mark.parametrize("releases", range(40, 44))
def test_parts_of_a_long_segment_part_no_release_from_what_it_releases(releases, prefix, size, cut_into):
    cut_into(size)
    data = f"{UNB}{UNH}FTX+{'x' * 200}{prefix}{'?' * releases}'FTX+B'UNT+3+1'{UNZ}".encode()
    ends = [one for one in shown(data, held_bytes=20) if one[0] in {"FTX+B", "UNT+3+1"}]
    assert [text for text, _ in ends] == (["UNT+3+1"] if releases % 2 else ["FTX+B", "UNT+3+1"])


@pytest.mark.parametrize(
    ("level", "sent", "read"),
    [
        ("UNOC", "é".encode("latin-1"), "é"),
        ("UNOD", "ł".encode("iso8859-2"), "ł"),
        ("UNOE", "Ж".encode("iso8859-5"), "Ж"),
        ("UNOW", "Ж".encode(), "Ж"),
        ("UNOA", "Ж".encode(), "Ж"),
        ("UNOA", "€".encode("cp1252"), "€"),
        ("KECA", "Ж".encode(), "Ж"),
    ],
)
def test_text_is_read_in_the_character_set_of_the_interchange(level, sent, read):
    data = UNB.replace("UNOC", level).encode() + b"FTX+" + sent + b"'" + UNZ.encode()
    (segments,) = [item for item in items_of(data) if isinstance(item, Segments) and item.texts[0].startswith("FTX")]
    assert segments.elements(0)[0].text == read


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "cp037"])
def test_other_encodings_are_read_as_well(codec):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(codec, b"")
    data = mark + ("UNA:+.? '" + UNB + "FTX+O?'CLOCK'" + UNZ).encode(codec)
    assert [text for text, _ in shown(data)] == ["UNA:+.? ", UNB[:-1], "FTX+O?'CLOCK", TRAIL]


GOOD = (
    "UNA:+.?*'\r\n" + in_version_4(UNB) + "UNG+ORDERS+A+B+C+G1+UN+D:96A'" + UNH + "BGM+220'UNS+D'UGH+1'\r\nFTX+O?'C??'UGT+1'UNT+7+1'UNE+1+G1'"
    + UNO + "AB'UNZ+1'UNP+9+P1'UNZ+1+REF1'"
)  # fmt: skip


@pytest.mark.parametrize("size", PIECES)
def test_a_file_may_be_cut_off_anywhere(size, cut_into):
    cut_into(size)
    data = GOOD.encode()
    for length in range(len(data)):
        *_, last = items_of(data[:length])
        assert last.outcome in {"incomplete", "empty", "opaque"} or length == len(data) - 1, length
    *_, last = items_of(data)
    assert last.outcome == "complete"


def flat(data: bytes) -> list:
    """Events as they are, segments one by one."""
    made: list = []
    for item in items_of(data):
        if isinstance(item, Segments):
            ordinals = range(item.position, item.position + len(item))
            made += [
                (item.set, item.path, nth, *one) for nth, *one in zip(ordinals, item.texts, item.offsets, strict=False)
            ]
        elif not isinstance(item, Raw):
            made.append(item)
    return made


ODD = (
    GOOD.replace("BGM+220'", "BGM+2\n20'FTX+é??'FTX+A?'BGM+'''UNT+1'UNT+2+1'N1'" + UNH.replace("1", "2", 1)) + UNB + UNH
)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64])
@pytest.mark.parametrize("text", [GOOD, ODD])
def test_where_the_feed_is_cut_changes_nothing(text, size, cut_into):
    whole = flat(text.encode())
    cut_into(size)
    assert flat(text.encode()) == whole


@pytest.mark.parametrize("size", PIECES)
def test_data_of_a_package_ends_where_its_trailer_begins_however_far(size, cut_into):
    cut_into(size)
    data = f"{in_version_4(UNB)}{UNO}{'UNP-' * 201}UNP+9+P1'{UNZ}".encode()
    assert shown(data)[-2:] == [("UNP+9+P1", 872), (TRAIL, 881)]


def test_no_run_ends_at_a_released_terminator():
    segments = [f"FTX+?'?'?'?'?'{'x' * (nth % 7)}" for nth in range(3000)]
    data = "".join([UNB, UNH, *(f"{segment}'" for segment in segments), "UNT+3002+1'", UNZ]).encode()
    assert [text for text, _ in shown(data)][2:-2] == segments


def test_many_small_interchanges_are_not_cut_over_and_over():
    data = (UNB + UNH + "UNT+2+1'" + UNZ.replace("0", "1")).encode() * 8000
    *_, last = items_of(data)
    assert (last.interchanges, last.sets) == (8000, 8000)
