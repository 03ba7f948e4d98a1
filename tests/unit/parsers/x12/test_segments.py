import pytest

import parsers
from parsers import Finding, Limits, Raw, Segments
from parsers.runs import FIRST_CHARACTERS, Terminator

ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260302*0915*^*00501*000000905*0*T*:~"
IEA = "IEA*0*000000905~"
TOLD = {
    "x12.data-outside-interchange", "x12.line-break-in-segment", "x12.segment-cut-off", "x12.isa-cut-off", "x12.terminator-missing"
}  # fmt: skip


def shown(data: bytes, size: int = 1 << 20, **limits: int) -> list:
    """Segments in short: "ISA@0", ("GS*HC", 106), and what was said of how the file is cut."""
    made, whole = [], b""
    for item in parsers.segments((data[at : at + size] for at in range(0, len(data), size)), Limits(**limits)):
        match item:
            case Segments():
                assert len(item.offsets) == len(item.texts) + 1
                assert item.offset == len(whole)
                whole += item.data
                made += [
                    f"ISA@{at}" if text.startswith(("ISA*00", "ISA|00")) else (text, at)
                    for text, at in zip(item.characters, item.offsets, strict=False)
                ]
            case Raw():
                assert item.offset == len(whole)
                whole += item.data
                made += [(item.kind, item.offset)] * (item.kind not in {"blank", "gap", "cut"})
            case Finding() if item.code in TOLD:
                made.append((item.code.removeprefix("x12."), item.offset))
    assert whole == data, "every byte is handed out, in order"
    return made


CASES = [
    ("plain", ISA + "ST*1~SE*2~" + IEA, ["ISA@0", ("ST*1", 106), ("SE*2", 111), ("IEA*0*000000905", 116)]),
    ("line breaks", ISA + "\r\nST*1~\r\nSE*2~\n" + IEA + "\r\n", ["ISA@0", ("ST*1", 108), ("SE*2", 115), ("IEA*0*000000905", 121)]),
    ("indented", ISA + "\n  ST*1~\n    SE*2~\n" + IEA, ["ISA@0", ("ST*1", 109), ("SE*2", 119), ("IEA*0*000000905", 125)]),
    ("indented by a tab, a piece apart", ISA + "ST*1~\tSE*2~" + IEA, ["ISA@0", ("ST*1", 106), ("SE*2", 112), ("IEA*0*000000905", 117)]),
    ("newline ends segments", (ISA + "ST*1~SE*2~" + IEA).replace("~", "\n"), ["ISA@0", ("ST*1", 106), ("SE*2", 111), ("IEA*0*000000905", 116)]),
    ("crlf ends segments", (ISA + "ST*1~" + IEA).replace("~", "\r\n"), ["ISA@0", ("ST*1", 107), ("IEA*0*000000905", 113)]),
    ("three bytes end segments", (ISA + "ST*1~" + IEA).replace("~", "…"), ["ISA@0", ("ST*1", 108), ("IEA*0*000000905", 115)]),
    ("byte order mark and blanks", "\ufeff\r\n " + ISA + IEA, ["ISA@6", ("IEA*0*000000905", 112)]),
    ("empty segments", ISA + "ST*1~~~SE*2~" + IEA, ["ISA@0", ("ST*1", 106), ("", 111), ("", 112), ("SE*2", 113), ("IEA*0*000000905", 118)]),
    ("blanks at the end", ISA + IEA + "\r\n\x1a\x00", ["ISA@0", ("IEA*0*000000905", 106)]),
    ("junk before", "// hi\n" + ISA + IEA, [("data-outside-interchange", 0), "ISA@6", ("IEA*0*000000905", 112)]),
    ("junk between", ISA + IEA + "\njunk\n" + ISA + IEA, ["ISA@0", ("IEA*0*000000905", 106), ("data-outside-interchange", 123), "ISA@128", ("IEA*0*000000905", 234)]),
    ("junk behind", ISA + IEA + "junk", ["ISA@0", ("IEA*0*000000905", 106), ("data-outside-interchange", 122)]),
    ("no header at all", "GS*HC*A~ISABEL", [("data-outside-interchange", 0)]),
    ("other separators", ISA + IEA + (ISA + "ST*1~" + IEA).replace("*", "|").replace("~", "'"), ["ISA@0", ("IEA*0*000000905", 106), "ISA@122", ("ST|1", 228), ("IEA|0|000000905", 233)]),
    ("trailer missing", ISA + "ST*1~" + ISA + IEA, ["ISA@0", ("ST*1", 106), "ISA@111", ("IEA*0*000000905", 217)]),
    ("trailer missing, other separators", ISA + "ST*1~\n" + (ISA + IEA).replace("*", "|").replace("~", "'"), ["ISA@0", ("ST*1", 106), "ISA@112", ("IEA|0|000000905", 218)]),
    ("trailer's name inside of data", ISA + "NTE*IEA*1~REF*XIEA*2~" + IEA, ["ISA@0", ("NTE*IEA*1", 106), ("REF*XIEA*2", 116), ("IEA*0*000000905", 127)]),
    ("header's name inside of data", ISA + "NTE*ISA*1~ISA~" + IEA, ["ISA@0", ("NTE*ISA*1", 106), ("ISA", 116), ("IEA*0*000000905", 120)]),
    ("cut in a segment", ISA + "ST*1~CLM*A", ["ISA@0", ("ST*1", 106), ("segment-cut-off", 111)]),
    ("cut behind a segment", ISA + "ST*1~\r\n", ["ISA@0", ("ST*1", 106)]),
    ("cut in the header", ISA[:70], [("isa-cut-off", 0)]),
    ("cut in a later header", ISA + "ST*1~" + ISA[:70], ["ISA@0", ("ST*1", 106), ("isa-cut-off", 111)]),
    ("trailer has no end", ISA + "ST*1~" + IEA[:-1] + "\n", ["ISA@0", ("ST*1", 106), ("terminator-missing", 111), ("IEA*0*000000905", 111)]),
    ("wrapped", ISA + "ST*1~NTE*AB\nCD~NTE*E\r\nF~" + IEA, ["ISA@0", ("ST*1", 106), ("line-break-in-segment", 111), ("NTE*ABCD", 111), ("NTE*EF", 121), ("IEA*0*000000905", 130)]),
    ("not ascii", ISA + "NM1*Müller~NM1*B~" + IEA, ["ISA@0", ("NM1*Müller", 106), ("NM1*B", 118), ("IEA*0*000000905", 124)]),
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 7, 64, 113, 1 << 20])
@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_segments_stand_where_the_offsets_say(text, expected, size):
    assert shown(text.encode(), size) == expected


def test_windows_text_is_decoded_segment_by_segment():
    data = (ISA + "NM1*M\udcfcller~").encode(errors="surrogateescape") + "NM1*Jürgen~".encode() + IEA.encode()
    assert [segment for segment, _ in shown(data)[1:3]] == ["NM1*Müller", "NM1*Jürgen"]


@pytest.mark.parametrize(
    ("encoding", "line_break"),
    [
        *(
            (encoding, line_break)
            for encoding in ("cp037", "utf-16-le", "utf-16-be", "utf-16")
            for line_break in ("", "\n")
        ),
        ("cp037", "\x85"),
    ],
)
def test_other_encodings_are_read_as_they_are(encoding, line_break):
    data = (ISA + "ST*1~NM1*Müller~SE*3~" + IEA).replace("~", "~" + line_break).encode(encoding)
    unit = 1 if encoding == "cp037" else 2
    found = [text for text in shown(data) if isinstance(text, tuple)]
    assert [text for text, _ in found] == ["ST*1", "NM1*Müller", "SE*3", "IEA*0*000000905"]
    assert found[0][1] == (106 + len(line_break)) * unit + (encoding == "utf-16") * 2


def test_a_segment_too_long_to_hold_travels_in_parts():
    data = (ISA + "ST*1~NTE*" + "x" * 3_000_000 + "~SE*2~" + IEA).encode()
    told = shown(data, held_bytes=1000)
    assert told[:2] == ["ISA@0", ("ST*1", 106)]
    assert {kind for kind, _ in told[2:-2]} == {"segment"}
    assert told[-2:] == [("SE*2", 3_000_116), ("IEA*0*000000905", 3_000_121)]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "cp037", "utf-16-le"])
def test_a_component_separator_beyond_ascii(encoding):
    """The broken bar is one on mainframes."""
    data = (ISA.replace(":~", "¦~") + "ST*1~SV1*HC¦1~SE*3~" + IEA).encode(encoding)
    (first, *_) = (
        item for item in parsers.segments([data]) if isinstance(item, Segments) and item.texts[0][:2] == "SV"
    )
    (service,) = first.elements(0)
    assert [(part.name, part.text) for part in service.components] == [("SV101-1", "HC"), ("SV101-2", "1")]
    assert first.syntax.component == "¦"


@pytest.mark.parametrize("tail", ["\u5158~", "\ud83d~", ":\u5158", ":\ud83d"])
def test_separators_that_are_no_bytes(tail):
    data = (ISA[:-2] + tail + f"ST*1{tail[-1]}SE*2{tail[-1]}").encode("utf-16-le", "surrogatepass")
    assert b"".join(item.data for item in parsers.segments([data]) if isinstance(item, Segments | Raw)) == data


def test_many_binary_segments_are_each_cut_once(monkeypatch):
    cut = []
    whole = Terminator.cut
    monkeypatch.setattr(
        Terminator, "cut", lambda self, source, text: cut.append(len(text)) or whole(self, source, text)
    )
    data = (ISA + "ST*1~" + "BIN*1*a~" * 2_000).encode()
    list(parsers.segments([data]))
    assert max(cut) <= 2 * FIRST_CHARACTERS
