"""ACK: what HL7 v2 answers to messages that came in a file, one by one or in a batch.

A sender asks in MSH-15 for "accept" acknowledgments (CA, CE, CR) and in MSH-16 for those of the application (AA, AE,
AR). In the original mode both are empty: on a line every message is answered then, of a file only when that is agreed.

Spec: HL7 v2.5.1 chapters 2.9 (acknowledgments), 2.10.3 (batches), 2.15 (MSA, ERR); v2.4 chapter 2.16.5 (ERR).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from parsers.acknowledgment import Answer, Numbers, Verdict, Wish, overall, rejects, unsupported
from parsers.findings import Finding
from parsers.hl7.delimiters import Delimiters, read_header, unescape
from parsers.hl7.envelope import CHARSETS
from parsers.hl7.writer import Writer
from parsers.judged import JudgedInterchange, JudgedSet
from parsers.segments import Value

ANSWERS = frozenset({"ACK", "MCF"})
"""Messages that are acknowledgments themselves, by MSH-9.1."""

WANTED = {"AL": {True, False}, "ER": {False}, "SU": {True}, "NE": set[bool]()}
"""MSH-15 and MSH-16 (table 0155): whether it is answered when it is accepted, and when it is not."""

UNSUPPORTED_TYPE, DUPLICATE = "200", "205"

CODES = {
    "segment-unknown": "100",
    "segment-unexpected": "100",
    "segment-not-used": "100",
    "segment-missing": "100",
    "loop-missing": "100",
    "segment-repeats": "100",
    "loop-repeats": "100",
    "segment-out-of-place": "100",
    "line-not-a-segment": "100",
    "element-missing": "101",
    "elements-conditional": "101",
    "code-unknown": "103",
}
"""Table 0357, what is wrong; everything else is 102, a value that is not of its type."""

_NOT_OF_ITS_TYPE = "102"
_TEXTS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "205": "Duplicate key identifier",
}
_TABLE = "HL70357"
_LOCATED_SINCE, _STRUCTURE_SINCE = "2.5", "2.4"
_ELEMENT = re.compile(r"[A-Z0-9]{3}-(\d{1,3})(?:\.(\d{1,3}))?(?:\.(\d{1,3}))?")
_ORDINAL = re.compile(r"(?:^|/)[A-Z0-9]{3}(?:\[(\d{1,6})\])?(?:/[0-9-]+)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Attributes:
    code: MSA-1.
    errors: for each its code of table 0357, and the finding, None for what is wrong with the whole message.
    """

    to: JudgedSet
    code: str
    errors: tuple[tuple[str, Finding | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    interchange: JudgedInterchange
    batch: bool
    replies: tuple[Reply, ...]


def answer(interchange: JudgedInterchange, wish: Wish, *, duplicate: bool) -> Answer | None:
    """See `parsers.acknowledgment.answer`."""
    messages = [one for one in interchange.all_sets() if (one.opened.identifier or ("",))[0] not in ANSWERS]
    messages.sort(key=lambda one: one.opened.index)
    whole = wish.all_or_nothing and any(rejects(one, wish) for one in messages)
    sets: dict[int, Verdict] = {}
    replies = []
    for one in messages:
        accepted = not (duplicate or whole or rejects(one, wish))
        sets[one.opened.index] = "accepted" if accepted else "rejected"
        mode = _mode(one, wish, accepted=accepted)
        if mode is not None:
            replies.append(_reply(one, wish, mode, accepted=accepted, duplicate=duplicate))
    if not replies:
        return None
    closed = interchange.closed
    batch = bool(interchange.groups) or (closed is not None and closed.trailer_seen)
    usages = {one.opened.usage for one in messages}
    return Answer(
        standard="hl7", kinds=("hl7",), usage=usages.pop() if len(usages) == 1 else None, verdict=overall(sets),
        sets=sets, groups=0, messages=len(replies),
        body=Body(interchange=interchange, batch=batch, replies=tuple(replies)),
    )  # fmt: skip


def write(answer: Answer, numbers: Numbers, at: datetime) -> bytes:
    """See `parsers.acknowledgment.write`. All ACKs stand in one file, in the order of their messages."""
    body: Body = answer.body
    writer = Writer()
    several = body.batch or len(body.replies) > 1
    data = []
    if body.batch:
        opened, own = body.interchange.opened, _separators(body.replies[0].to)
        parties = (opened.receiver, opened.receiver_qualifier, opened.sender, opened.sender_qualifier)
        data.append(
            writer.batch(
                *(_parts(text, own) for text in parties), _moment(at), "", "", "", str(numbers.interchange),
                _parts(opened.control_number, own),
            )
        )  # fmt: skip
    for nth, reply in enumerate(body.replies, 1):
        number = f"{numbers.interchange}.{nth}" if several else str(numbers.interchange)
        data.append(_encoded(b"".join(_ack(writer, reply, number, at)), reply))
    if body.batch:
        data.append(writer.end_batch())
    return b"".join(data)


# --- what is said ---


def _mode(judged: JudgedSet, wish: Wish, *, accepted: bool) -> str | None:
    """What MSA-1 begins with: C accepts, A is of the application or of the original mode; None where nobody asks.

    We stand before the application: where both are asked for, the second one is its own.
    """
    opened = judged.opened
    accept, application = opened.accept_acknowledgment, opened.application_acknowledgment
    if not accept and not application:
        return "A" if wish.kind == "hl7" else None
    if accepted in WANTED.get(accept or "", ()):
        return "C"
    return "A" if accepted in WANTED.get(application or "", ()) else None


def _reply(judged: JudgedSet, wish: Wish, mode: str, *, accepted: bool, duplicate: bool) -> Reply:
    if accepted:
        return Reply(to=judged, code=f"{mode}A", errors=())
    if duplicate:
        return Reply(to=judged, code=f"{mode}R", errors=((DUPLICATE, None),))
    if unsupported(judged, wish):
        return Reply(to=judged, code=f"{mode}R", errors=((UNSUPPORTED_TYPE, None),))
    errors = [(CODES.get(one.code.partition(".")[2], _NOT_OF_ITS_TYPE), one) for one in judged.errors()]
    return Reply(to=judged, code=f"{mode}E", errors=tuple(errors))  # None: it was rejected with the others.


def _ack(writer: Writer, reply: Reply, number: str, at: datetime) -> Iterator[bytes]:
    opened, own = reply.to.opened, _separators(reply.to)
    version = opened.version or "2.3"
    event = opened.identifier[1] if len(opened.identifier) > 1 else ""
    kind = ("ACK", event, "ACK") if version >= _STRUCTURE_SINCE else ("ACK", event) if event else ("ACK",)
    parties = (opened.receiver, opened.receiver_qualifier, opened.sender, opened.sender_qualifier)
    yield writer.message(
        *(_parts(text, own) for text in parties), _moment(at), "", kind, number, opened.usage or "P", version,
        "", "", "", "", "", _charset(reply.to),
    )  # fmt: skip
    yield writer.segment("MSA", reply.code, _parts(opened.control_number, own))
    if version >= _LOCATED_SINCE:
        for code, finding in reply.errors:
            yield writer.segment("ERR", "", *_located(code, finding))
    elif reply.errors:
        yield writer.segment("ERR", [_place(finding, (code, _TEXTS[code], _TABLE)) for code, finding in reply.errors])


def _located(code: str, finding: Finding | None) -> Iterator[Value]:
    """ERR-2 to ERR-8: place, code, severity; where in the message it is by our count, and what it is, in words."""
    yield _place(finding)
    yield (code, _TEXTS[code], _TABLE)
    yield "E"
    yield ""
    yield ""
    yield f"segment {finding.position} of the message" if finding and finding.position else ""
    yield finding.message if finding else ""


def _place(finding: Finding | None, code: Value = "") -> Value:
    """Segment, which of its name, field, repetition and component: ERL. Before 2.5 the code is fourth: ELD."""
    parts: list[Value] = ["", "", ""]
    component = ""
    if finding is not None and finding.segment:
        ordinal = _ORDINAL.search(finding.path or "") if finding.segment != "MSH" else None
        element = _ELEMENT.fullmatch(finding.element or "")
        parts = [finding.segment[:3], (ordinal and ordinal[1]) or "1", element[1] if element else ""]
        component = (element[2] or "") if element else ""
    parts += [code] if code else ["", component]
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return tuple(parts)


# --- words ---


def _separators(judged: JudgedSet) -> Delimiters:
    """Those that the sender's own fields are written with."""
    return read_header(f"MSH{judged.opened.separators or '|'}")


def _parts(text: str | None, own: Delimiters) -> Value:
    """A field of the sender's, taken apart, so that it can be written in our separators."""
    if not text:
        return ""
    repetitions = [
        tuple(
            tuple(_plain(unescape(part, own)) for part in component.split(own.subcomponent))
            for component in one.split(own.component)
        )
        for one in text.split(own.repetition)
    ]
    return [_flat(tuple(map(_flat, one))) for one in repetitions]


def _flat(parts: tuple[Value, ...]) -> Value:
    return parts[0] if len(parts) == 1 else parts


def _plain(text: str) -> str:
    """Without what does not print, so that no line of ours can end in the middle."""
    return "".join(mark if mark.isprintable() else "?" for mark in text)


def _moment(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S%z}"


def _charset(judged: JudgedSet) -> str:
    """The first that the message declares in MSH-18; the others are for escapes, which we do not write."""
    return (judged.opened.charset or "").split(_separators(judged).repetition)[0].strip()


def _encoded(text: bytes, reply: Reply) -> bytes:
    """In the character set that the message declares, and its acknowledgment too."""
    charset = CHARSETS.get(_charset(reply.to), "utf-8")
    return text if charset == "utf-8" else text.decode().encode(charset, "replace")
