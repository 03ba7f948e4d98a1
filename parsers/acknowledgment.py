"""What goes back for an interchange: the syntax answer that its standard has, out of what was found in it.

    for interchange in interchanges(events):
        reply = answer(interchange, Wish())
        if reply is not None:
            data = write(reply, Numbers(interchange=next_isa13, groups=next_gs06s), now)

Nothing here keeps books: control numbers, and whether an interchange came before, are told by the caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Literal

import msgspec

from parsers.judged import JudgedInterchange, JudgedSet

STANDARDS = {
    "x12": "parsers.x12.acknowledgment",
    "edifact": "parsers.edifact.acknowledgment",
    "hl7": "parsers.hl7.acknowledgment",
}
"""Standards with an acknowledgment, imported when the first is made: modules with `answer` and `write` as below."""

KINDS = {"ta1": "x12", "997": "x12", "999": "x12", "contrl": "edifact", "hl7": "hl7"}

Verdict = Literal["accepted", "partial", "rejected"]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the agreement says of acknowledgments.

    Attributes:
        kind: "auto": X12 groups get the 999 where their guide is of HIPAA 5010, else the 997, and all others what they
            ask for themselves. A kind by its name: this, whether they ask or not; of other standards nothing. "ta1":
            no group is acknowledged. "none": nothing at all.
        receipt: TA1, and CONTRL that says no more than "received", go back where the sender asks for them.
            Without it a TA1 goes back only to reject.
        all_or_nothing: one rejected set rejects its X12 group, its EDIFACT interchange, its HL7 batch.
        without_guide: what becomes of sets that no guide judged.
    """

    kind: Literal["auto", "none", "ta1", "997", "999", "contrl", "hl7"] = "auto"
    all_or_nothing: bool = False
    receipt: bool = True
    without_guide: Literal["reject", "accept"] = "reject"


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """Our own control numbers.

    Attributes:
        interchange: ISA13, UNB 0020, BHS-11; MSH-10 of a single HL7 acknowledgment, else what each MSH-10 begins with.
        groups: GS06, one for each of `Answer.groups`.
    """

    interchange: int | str
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An acknowledgment that lacks nothing but its control numbers and the time.

    Attributes:
        kinds: "ta1", "997", "999", "contrl", "hl7"; those that the file has, in its order.
        usage: as the interchange said: "P", "T"; None where it does not.
        verdict: on the whole of what it answers.
        sets: the ordinal of each set that it answers, and "accepted" or "rejected". It may reject what
            `SetClosed.verdict` accepted: with its envelope, as a duplicate, or because all or nothing was agreed.
        groups: functional groups that the file will have; each needs a control number.
        messages: of acknowledgments in it: 997s and 999s, CONTRL, ACKs.
        body: what the standard's own module made.
    """

    standard: str
    kinds: tuple[str, ...]
    usage: str | None
    verdict: Verdict
    sets: Mapping[int, Verdict]
    groups: int
    messages: int
    body: Any


def answer(interchange: JudgedInterchange, wish: Wish, *, duplicate: bool = False) -> Answer | None:
    """What the sender of this interchange is told; None when nothing goes back.

    Args:
        duplicate: its control number came before: it is rejected for that, unread.
    """
    standard = interchange.opened.standard
    if wish.kind == "none" or standard not in STANDARDS or KINDS.get(wish.kind, standard) != standard:
        return None
    made: Answer | None = import_module(STANDARDS[standard]).answer(interchange, wish, duplicate=duplicate)
    return made


def write(answer: Answer, numbers: Numbers, at: datetime) -> bytes:
    """The acknowledgment as a file.

    Args:
        at: aware; dates and times are written as it has them.

    Raises:
        ValueError: there are fewer group numbers than groups, or a number is longer than the standard allows.
    """
    if len(numbers.groups) < answer.groups:
        raise ValueError(f"the acknowledgment has {answer.groups} groups, and {len(numbers.groups)} numbers for them")
    data: bytes = import_module(STANDARDS[answer.standard]).write(answer, numbers, at)
    return data


def rejects(judged: JudgedSet, wish: Wish) -> bool:
    """Whether a set is rejected by itself."""
    return judged.failed or unsupported(judged, wish)


def unsupported(judged: JudgedSet, wish: Wish) -> bool:
    """No guide judged it, and no error had to be found for that."""
    return judged.guide is None and not judged.failed and wish.without_guide == "reject"


def overall(verdicts: Mapping[int, Verdict]) -> Verdict:
    """The verdict on several sets."""
    rejected = sum(verdict == "rejected" for verdict in verdicts.values())
    return "accepted" if not rejected else "rejected" if rejected == len(verdicts) else "partial"
