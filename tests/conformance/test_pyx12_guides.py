"""pyx12 judges the same sets by the same guides: real files, and seeded mutations of right ones.

Both must come to the same verdict, and to the same first place; where they do not, `reason` has to know why.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator

import pytest

import parsers
from parsers.events import GroupOpened, SetClosed
from parsers.findings import Finding
from parsers.guides.terms import Judging
from tests import corpus
from tests.conformance import pyx12_oracle
from tests.corpus import ROOT, ROWS

pytestmark = [
    corpus.needed,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # pyx12 leaves files open.
]

ALIASES = ((b"005010X222A2", b"005010X222A1"), (b"005010X223A3", b"005010X223A2"))
"""pyx12 gives a whole file up for a guide's newer name."""

ADDENDA = {
    "004010X091": "A1", "004010X092": "A1", "004010X096": "A1", "004010X098": "A1",
    "005010X220": "A1", "005010X221": "A1", "005010X222": "A1", "005010X223": "A2", "005010X231": "A1",
}  # fmt: skip
"""And for its older one."""
_BARE = re.compile(f"(?:{'|'.join(ADDENDA)})(?![A-Z0-9])".encode())


def as_they_read(data: bytes) -> bytes:
    """Without what pyx12 gives a file up for: a mark at the beginning, blanks between segments, other names of guides."""
    data = data.removeprefix(b"\xef\xbb\xbf").strip()
    terminator = data[105:106]
    data = re.sub(re.escape(terminator) + rb"\s*", lambda _: terminator, data)
    for alias, name in ALIASES:
        data = data.replace(alias, name)
    return _BARE.sub(lambda found: found[0] + ADDENDA[found[0].decode()].encode(), data)


BASES = (
    "x12/LinuxForHealth-x12/837_005010X222A2/demo.autoaccident.837",
    "x12/LinuxForHealth-x12/837_005010X222A2/demo.cob.example3.B.837",
    "x12/LinuxForHealth-x12/837_005010X222A2/demo.drug.example10.1.837",
    "x12/LinuxForHealth-x12/834_005010X220A1/add-dependent.834",
    "x12/LinuxForHealth-x12/834_005010X220A1/enroll-employee-multiple-products.834",
    "x12/keironstoddart-edi-835-parser/test_edi_835_files/emedny_sample.txt",
)
MUTATIONS_OF_EACH = 50
LARGE_BYTES = 20_000


class Ours:
    """What we say of one set. `group_guide` is the guide that its group names."""

    def __init__(self, closed: SetClosed, findings: list[Finding], group_guide: str) -> None:
        self.group_guide = group_guide
        self.accepted = closed.verdict in {"accepted", "unsupported"}
        self.guide = closed.guide
        self.errors = [one for one in findings if one.severity == "error"]
        self.others = [one for one in findings if one.severity != "error"]

    @property
    def first(self) -> int | None:
        """Counts are of the whole set: they name no segment for them."""
        places = (one.position for one in self.errors if one.position and not one.code.startswith("x12.se0"))
        return min(places, default=None)


def ours(data: bytes) -> list[Ours]:
    made: list[Ours] = []
    findings: list[Finding] = []
    version = ""
    for event in parsers.read([data], judge=Judging()):
        if isinstance(event, Finding) and event.set is not None:
            findings.append(event)
        elif isinstance(event, GroupOpened):
            version = event.version or ""
        elif isinstance(event, SetClosed):
            made.append(Ours(event, findings, version))
            findings = []
    return made


def first_place(theirs: pyx12_oracle.Judged) -> int | None:
    """Of the whole set they say nothing but counts."""
    return min((said.position for said in theirs.said if said.position), default=None)


def reason(mine: Ours, theirs: pyx12_oracle.Judged) -> str | None:
    """Why the two may differ on a set; None when nothing explains it."""
    codes = {one.code.removeprefix("x12.") for one in mine.errors}
    if mine.guide is not None and version_of(mine.guide) != version_of(mine.group_guide):
        return "GS08 and ST03 name two guides, and we follow ST03"
    warned = {one.code.removeprefix("x12.") for one in mine.others}
    if codes & {"hl-number", "hl-parent", "hl-child-code"}:
        return "we compare HL01, HL02 and HL04 with the levels that are there"
    if warned & {"code-unknown"}:
        return "a code of an external list: pyx12's lists have no date, so that we only warn"
    if warned & {"trailing-separators", "trailing-blanks"}:
        return "separators or blanks at an end: a warning of ours"
    if theirs.accepted and codes <= {"segment-missing", "loop-missing"}:
        return "they do not miss what a turn of a loop lacks when another begins at once"
    if not theirs.accepted and codes <= {"segment-missing", "loop-missing"}:
        return "of what is missing before SE they name the segment before"
    first = first_place(theirs)
    if (
        first is not None
        and mine.first == first + 1
        and {one.code for one in theirs.said if one.position == first} == {"3"}
    ):
        return "of what is missing they name the segment before"
    return None


def version_of(guide: str) -> str:
    """Without addenda: 005010X222."""
    return guide.partition("/")[2][:10] or guide[:10]


def compared(data: bytes) -> Iterator[tuple[str, Ours, pyx12_oracle.Judged]]:
    theirs = pyx12_oracle.judge(data)
    mine = ours(data)
    if theirs is None or len(theirs) != len(mine):
        return
    for one, other in zip(mine, theirs, strict=True):
        if one.guide is not None:
            same = one.accepted == other.accepted and (one.accepted or one.first == first_place(other))
            yield ("same" if same else reason(one, other) or "unexplained"), one, other


def segments_of(path: str) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """What stands before the set, the set, and what stands behind it."""
    data = (ROOT / path).read_bytes()
    for alias, name in ALIASES:
        data = data.replace(alias, name)
    segments = [segment.strip() for segment in data.split(b"~") if segment.strip()]
    begin = next(at for at, segment in enumerate(segments) if segment.startswith(b"ST*"))
    end = next(at for at, segment in enumerate(segments) if segment.startswith(b"SE*"))
    return segments[:begin], segments[begin : end + 1], segments[end + 1 :]


def mutated(body: list[bytes], dice: random.Random) -> list[bytes]:
    """One thing is wrong, or not quite as it was."""
    made = list(body)
    at = dice.randrange(1, len(made) - 1)
    kind = dice.choice(["drop", "twice", "swap", "blank", "long", "code", "date", "number", "more", "tag"])
    elements = made[at].split(b"*")
    which = dice.randrange(1, len(elements))
    match kind:
        case "drop":
            del made[at]
        case "twice":
            made.insert(at, made[at])
        case "swap" if at + 2 < len(made):
            made[at], made[at + 1] = made[at + 1], made[at]
        case "tag":
            made.insert(at, b"ZZ9*1")
        case _:
            changes = {"blank": b"", "long": b"X" * 90, "code": b"QQ", "date": b"20261301", "number": b"12A4"}
            elements[which] = changes.get(kind, elements[which] + b"7")
            if not elements[-1]:
                return mutated(body, dice)  # A separator at the end is a story of its own.
            made[at] = b"*".join(elements)
    return made


def file_of(path: str) -> bytes:
    """Mutations of one set, each a set of its own."""
    head, body, tail = segments_of(path)
    dice = random.Random(path)  # noqa: S311  Dice, not keys.
    sets: list[bytes] = []
    for number in range(1, MUTATIONS_OF_EACH + 1):
        made = mutated(body, dice)
        control = b"%04d" % number
        opening = made[0].split(b"*")
        opening[2] = control
        sets += [b"*".join(opening), *made[1:-1], b"SE*%d*%s" % (len(made), control)]
    group = tail[0].split(b"*")
    group[1] = b"%d" % MUTATIONS_OF_EACH
    return b"~".join([*head, *sets, b"*".join(group), *tail[1:]]) + b"~"


@pytest.mark.parametrize("path", BASES)
def test_mutations(path: str) -> None:
    found = list(compared(file_of(path)))
    assert len(found) == MUTATIONS_OF_EACH
    why = Counter(said for said, _, _ in found)
    unexplained = [
        (sorted(other.said), [(one.code, one.position, one.element) for one in mine.errors])
        for said, mine, other in found
        if said == "unexplained"
    ]
    assert not unexplained, (why, unexplained[:3])
    assert why["same"] > MUTATIONS_OF_EACH // 2


def test_real_files() -> None:
    """Every set of the corpus that both have a guide for."""
    why: Counter[str] = Counter()
    for row in ROWS:
        if row["format"] != "x12" or not row["set"].startswith(("837", "835", "834", "820", "277", "999")):
            continue
        data = corpus.data_of(row)
        if len(data) > LARGE_BYTES:
            continue
        why.update(said for said, _, _ in compared(as_they_read(data)))
    assert not why["unexplained"], why
    assert why["same"] > 80
