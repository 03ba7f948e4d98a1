"""What comes out of `parsers.read`, in the order it is met: the one contract between parsers and the server.

    Identified ( InterchangeOpened ( GroupOpened? ( SetOpened RecordBatch* SetClosed )* GroupClosed? )*
    InterchangeClosed )* Finished, with a Finding anywhere between the first and the last.

Events travel as msgpack: `msgspec.msgpack.Encoder().encode(event)` on one side and
`msgspec.msgpack.Decoder(Event).decode(data)` on the other. The Structs go as tagged arrays, a Finding as a map.

A set's records come before its verdict, because a set may be larger than memory: what consumes RecordBatch
holds it until SetClosed says "accepted". `index` is an ordinal over the whole file, from 1, for each kind by
itself; offsets are bytes of the file, from 0, ends exclusive.
"""

from typing import Literal

import msgspec

from parsers.findings import Finding

Standard = Literal[
    "x12",
    "edifact",
    "tradacoms",
    "hl7",
    "hl7-xml",
    "swift-mt",
    "iso20022",
    "nacha",
    "bai2",
    "fedwire",
    "csv",
    "fixed-width",
    "json",
    "xml",
    "pdf",
    "html",
    "text",
    "binary",
    "empty",
]
Wrapping = Literal["gzip", "zip", "tar", "pgp", "smime", "mime"]
Verdict = Literal["accepted", "rejected", "incomplete", "unsupported"]
Outcome = Literal["complete", "incomplete", "unsupported", "opaque", "empty"]


class _Event(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Array-like, so that a Finding may stand beside them in the union without a tag of its own."""


class Identified(_Event, frozen=True, kw_only=True):
    """What the first bytes say, whatever the name of the file. Always the first event, once.

    Attributes:
        version: as the standard writes it ("00501", "2.5.1", "D96A", "pacs.008.001.08"), None where unknown.
        encoding: "ascii", "utf-8", "latin-1", "utf-16-le", "utf-16-be", "ebcdic"; None for binary content.
        wrapped: the outer wrapping, of which nothing has been unwrapped: `standard` is then "binary", or "text" below
            mail headers.
    """

    standard: Standard
    version: str | None = None
    encoding: str | None = None
    wrapped: Wrapping | None = None


class InterchangeOpened(_Event, frozen=True, kw_only=True):
    """X12 ISA, HL7 FHS or BHS, or a bare HL7 file's first MSH.

    Parties and control number are text as sent, None when absent or longer than the standard allows. For HL7,
    `sender` is the sending application (MSH-3) and `sender_qualifier` the sending facility (MSH-4).

    Attributes:
        sent_at: X12 only: ISA09 and ISA10, when they are ten digits.
        acknowledgment: what the sender asks for, as sent: ISA14, UNB 0031.
        sender_route, receiver_route: EDIFACT only: the addresses behind the parties', UNB 0008 and 0014.
    """

    index: int
    standard: Standard
    version: str | None
    sender: str | None
    sender_qualifier: str | None
    receiver: str | None
    receiver_qualifier: str | None
    control_number: str | None
    usage: str | None
    offset: int
    sent_at: str | None = None
    acknowledgment: str | None = None
    sender_route: str | None = None
    receiver_route: str | None = None


class GroupOpened(_Event, frozen=True, kw_only=True):
    """X12 GS, EDIFACT UNG, BAI2 02; of HL7 a batch (BHS) within a file of batches, which has no functional id.

    Only EDIFACT's parties have qualifiers here.
    """

    interchange: int
    index: int
    functional_id: str | None
    sender: str | None
    receiver: str | None
    control_number: str | None
    version: str | None
    offset: int
    sender_qualifier: str | None = None
    receiver_qualifier: str | None = None


class SetOpened(_Event, frozen=True, kw_only=True):
    """X12 ST or HL7 MSH.

    Attributes:
        group: None where the standard has none, or the set stands outside of any.
        set: ST01 ("837") or MSH-9.1^MSH-9.2 ("ADT^A01").
        version: the implementation guide, ST03 or else GS08; MSH-12 for HL7.
        sender: HL7 only; X12 names the parties in the interchange and the group.
        identifier: what the header says of the type, as sent, part by part: ST01 and ST03, UNH S009, MSH-9.
        accept_acknowledgment, application_acknowledgment: when HL7's sender wants them, MSH-15 and MSH-16.
        charset: MSH-18, as sent.
        separators: HL7 only: MSH-1 and MSH-2, which the parties are written with.
    """

    interchange: int
    group: int | None
    index: int
    set: str | None
    version: str | None
    control_number: str | None
    usage: str | None
    offset: int
    sender: str | None = None
    sender_qualifier: str | None = None
    receiver: str | None = None
    receiver_qualifier: str | None = None
    identifier: tuple[str, ...] = ()
    accept_acknowledgment: str | None = None
    application_acknowledgment: str | None = None
    charset: str | None = None
    separators: str = ""


class RecordBatch(_Event, frozen=True, kw_only=True):
    """Canonical records of the set that is open: one JSON object a line, about 256 KiB a batch.

    A record is whole within its batch; one larger than a batch makes a batch of its own.
    """

    set: int
    ndjson: bytes
    count: int


class SetClosed(_Event, frozen=True, kw_only=True):
    """Attributes:
    verdict: "rejected" when an error finding lies in its structure; "incomplete" when the file or the interchange
        was cut off inside; "unsupported" when no map for it exists, so that there are no records.
    record_schema: "claim/1", None when unsupported.
    map_version: "837p-1", None when unsupported.
    guide: the id of the guide that judged it, None when there is none on the shelf, or nobody asked for judgement.
    guide_hash: of everything that guide was made of.
    """

    index: int
    verdict: Verdict
    end_offset: int
    records: int
    record_schema: str | None
    map_version: str | None
    guide: str | None = None
    guide_hash: str | None = None


class GroupClosed(_Event, frozen=True, kw_only=True):
    """`verdict` judges the group's own envelope; each of its sets has one of its own. `sets` is our count."""

    index: int
    end_offset: int
    verdict: Verdict
    sets: int


class InterchangeClosed(_Event, frozen=True, kw_only=True):
    """`verdict` judges the interchange's own envelope.

    Attributes:
        trailer_seen: False also for a bare HL7 message, which has no trailer to send and yet is accepted.
    """

    index: int
    end_offset: int
    verdict: Verdict
    trailer_seen: bool


class Quoted(_Event, frozen=True, kw_only=True):
    """What the finding before it speaks of, as it was sent. It comes only when `Judging.quote` asks for it."""

    text: str


class Finished(_Event, frozen=True, kw_only=True):
    """Always the last event, once, after the last byte has been consumed.

    Attributes:
        outcome: "complete": every interchange has its end, whatever the verdicts; "incomplete": a trailer never came;
            "unsupported": a standard that has no parser yet, or wrapped content; "opaque": no EDI; "empty": blank.
        reason: why it is not complete, or why there are no records; plain words with a place, no values.
    """

    outcome: Outcome
    interchanges: int
    sets: int
    records: int
    size_bytes: int
    reason: str | None = None


Event = (
    Identified
    | InterchangeOpened
    | GroupOpened
    | SetOpened
    | RecordBatch
    | SetClosed
    | GroupClosed
    | InterchangeClosed
    | Finding
    | Quoted
    | Finished
)
"""Every event, as a union that msgspec decodes."""
