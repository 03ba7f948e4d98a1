import pytest

from parsers.x12 import tokenizer
from parsers.x12.tokenizer import Batch, Kind, Oddity, Opening, tokenize

ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260302*0915*^*00501*000000905*0*T*:~"
IEA = "IEA*0*000000905~"


def shown(data: bytes, size: int = 1 << 20) -> list:
    """Tokens in short: "ISA@0", ("GS*HC", 106), Kind."""
    made = []
    for token in tokenize(data[at : at + size] for at in range(0, len(data), size)):
        match token:
            case Opening(_, offset):
                made.append(f"ISA@{offset}")
            case Batch(segments, starts):
                assert len(starts) == len(segments) + 1
                made += zip(segments, starts, strict=False)
            case Oddity(kind, offset):
                made.append((kind, offset))
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
    ("junk before", "// hi\n" + ISA + IEA, [(Kind.GAP, 0), "ISA@6", ("IEA*0*000000905", 112)]),
    ("junk between", ISA + IEA + "\njunk\n" + ISA + IEA, ["ISA@0", ("IEA*0*000000905", 106), (Kind.GAP, 123), "ISA@128", ("IEA*0*000000905", 234)]),
    ("junk behind", ISA + IEA + "junk", ["ISA@0", ("IEA*0*000000905", 106), (Kind.GAP, 122)]),
    ("no header at all", "GS*HC~ISABEL", [(Kind.GAP, 0)]),
    ("other separators", ISA + IEA + (ISA + "ST*1~" + IEA).replace("*", "|").replace("~", "'"), ["ISA@0", ("IEA*0*000000905", 106), "ISA@122", ("ST|1", 228), ("IEA|0|000000905", 233)]),
    ("trailer missing", ISA + "ST*1~" + ISA + IEA, ["ISA@0", ("ST*1", 106), "ISA@111", ("IEA*0*000000905", 217)]),
    ("trailer missing, other separators", ISA + "ST*1~\n" + (ISA + IEA).replace("*", "|").replace("~", "'"), ["ISA@0", ("ST*1", 106), "ISA@112", ("IEA|0|000000905", 218)]),
    ("trailer's name inside of data", ISA + "NTE*IEA*1~REF*XIEA*2~" + IEA, ["ISA@0", ("NTE*IEA*1", 106), ("REF*XIEA*2", 116), ("IEA*0*000000905", 127)]),
    ("header's name inside of data", ISA + "NTE*ISA*1~ISA~" + IEA, ["ISA@0", ("NTE*ISA*1", 106), ("ISA", 116), ("IEA*0*000000905", 120)]),
    ("cut in a segment", ISA + "ST*1~CLM*A", ["ISA@0", ("ST*1", 106), (Kind.CUT_SEGMENT, 111)]),
    ("cut behind a segment", ISA + "ST*1~\r\n", ["ISA@0", ("ST*1", 106)]),
    ("cut in the header", ISA[:70], [(Kind.CUT_HEADER, 0)]),
    ("cut in a later header", ISA + "ST*1~" + ISA[:70], ["ISA@0", ("ST*1", 106), (Kind.CUT_HEADER, 111)]),
    ("trailer has no end", ISA + "ST*1~" + IEA[:-1] + "\n", ["ISA@0", ("ST*1", 106), (Kind.UNTERMINATED, 111), ("IEA*0*000000905", 111)]),
    ("wrapped", ISA + "ST*1~NTE*AB\nCD~NTE*E\r\nF~" + IEA, ["ISA@0", ("ST*1", 106), (Kind.LINE_BREAK, 111), ("NTE*ABCD", 111), ("NTE*EF", 121), ("IEA*0*000000905", 130)]),
    ("not ascii", ISA + "NM1*Müller~NM1*B~" + IEA, ["ISA@0", ("NM1*Müller", 106), ("NM1*B", 118), ("IEA*0*000000905", 124)]),
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 7, 64, 113, 1 << 20])
@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_segments_stand_where_the_offsets_say(text, expected, size):
    assert shown(text.encode(), size) == expected


def test_windows_text_is_decoded_segment_by_segment():
    data = (ISA + "NM1*M\udcfcller~").encode(errors="surrogateescape") + "NM1*Jürgen~".encode() + IEA.encode()
    assert [segment for segment, _ in shown(data)[1:3]] == ["NM1*Müller", "NM1*Jürgen"]


def test_a_segment_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(tokenizer, "MAX_SEGMENT_CHARS", 100)
    data = (ISA + "ST*1~NTE*" + "x" * 1000 + "~SE*2~" + IEA).encode()
    assert shown(data, 50) == ["ISA@0", ("ST*1", 106), (Kind.TOO_LONG, 111), ("SE*2", 1116), ("IEA*0*000000905", 1121)]
