"""A small guide, files for it, and what is found in them."""

import parsers
from parsers.events import Quoted, SetClosed
from parsers.findings import Finding
from parsers.guides.terms import Judging, Terms

GUIDE = '''
id = "x12/004010/850-small"
standard = "x12"
set = "850"
versions = ["004010"]
title = "A small order"
unchecked = ["everything else"]

[sources]
A = "made up"

[codes]
purpose = ["00", "05"]
units = ["EA", "CA"]

[structure]
order = """
ST   R 1
BEG  R 1 : beginning
REF:customer S 1
+REF:vendor  R 1
loop N1 S 2 : party
  N1 R 1
  N3 S 2
loop PO1 R 3 : line
  PO1 R 1
  SAC N 1
  loop PID S 1
    PID R 1
CTT  S 1
SE   R 1
"""

[segments.ST]
elements = ["R ID 3/3 @[850]", "R AN 4/9"]
[segments.SE]
elements = ["R N0 1/10", "R AN 4/9"]
[segments.BEG]
elements = ["R ID 2/2 @purpose : purpose", "R AN 2/10 : order number", "S AN 1/5", "S DT 8/8 : order date", "S TM 4/8", "-"]
notes = ["C0405"]
[segments."REF:customer"]
elements = ["R ID 2/3 @[CO]", "S AN 1/5", "S AN 1/5"]
notes = ["R0203"]
[segments."REF:vendor"]
elements = ["R ID 2/3 @[VN]", "R AN 1/5"]
[segments.N1]
elements = ["R ID 2/3 @[BY,SE]", "S AN 1/20", "S ID 1/2", "S AN 2/13"]
notes = ["P0304"]
[segments.PO1]
elements = ["S AN 1/5", "R R 1/6 : quantity", "R ID 2/2 @units?", "S R 1/9 : price", ["S x2", "R AN 1/3", "S AN 1/3"], "S AN 1/3", "S AN 1/3"]
notes = ["E0607"]
[segments.CTT]
elements = ["R N0 1/6", "S N2 1/9"]

[[balance]]
loop = ""
total = "CTT01"
terms = ["+count(PO1)"]
source = "A"

[[balance]]
loop = ""
total = "CTT02"
terms = ["+PO1/PO102*PO104"]
implied = 2
source = "A"

[[check]]
kind = "gln"
at = "N104"
where = { N103 = ["UL"] }
source = "A"

[[situation]]
name = "vendor-of-buyer"
level = 4
loop = "N1"
when = { N101 = ["BY"] }
require = ["N104[N103=UL]"]
forbid = ["N302"]
message = "A buyer is named by its GLN."
hint = "Send N103 UL and the GLN in N104."
source = "A"
'''

_OF_THE_MAP = frozenset({"x12.no-records", "x12.not-a-number", "x12.not-a-date"})

CLEAN = (
    "ST*850*0001",
    "BEG*00*PO123",
    "REF*VN*1",
    "N1*SE*BIRCH TRADING",
    "PO1*1*2*EA*3.50*A:B^C",
    "PO1*2*1*CA*1",
    "CTT*2*800",
    "SE*8*0001",
)


def file_of(*segments: str) -> bytes:
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'BIRCH':15}*ZZ*{'CEDAR':15}*260302*0915*^*00501*000000001*0*T*:~"
    return (
        isa + "GS*PO*BIRCH*CEDAR*20260302*0915*1*X*004010~" + "~".join(segments) + "~GE*1*1~IEA*1*000000001~"
    ).encode()


def changed(at: int, *instead: str) -> bytes:
    """The clean file with other segments in the place of one, counted from 1, and SE01 told again."""
    segments = [*CLEAN[: at - 1], *instead, *CLEAN[at:]]
    if segments[-1].startswith("SE*"):
        segments[-1] = f"SE*{len(segments)}*0001"
    return file_of(*segments)


def judged(
    data: bytes,
    *overlays: str,
    guide: str = "x12/004010/850-small",
    levels: dict[int, str] | None = None,
    quote: str = "none",
) -> tuple[list[Finding], list[SetClosed], list[str]]:
    """Findings, sets and what was quoted."""
    terms = Terms(guide=guide, levels=levels or {})  # type: ignore[arg-type]  # Treatments.
    files = {f"{number}.toml": text for number, text in enumerate((GUIDE, *overlays))}
    judging = Judging(terms=(terms,), overlays=files, quote=quote)  # type: ignore[arg-type]  # A quote.
    events = list(parsers.read([data], judge=judging))
    return (
        [event for event in events if isinstance(event, Finding) and event.code not in _OF_THE_MAP],
        [event for event in events if isinstance(event, SetClosed)],
        [event.text for event in events if isinstance(event, Quoted)],
    )


def places(findings: list[Finding]) -> list[tuple[str, str, int | None, str | None]]:
    return [(one.code.removeprefix("x12."), one.path or "", one.position, one.element) for one in findings]
