"""The catalogue of what we announce: one class an event, its fields the CloudEvents `data`.

Text out of a partner's file never stands here: names, counts, verdicts and references only. Breaking a field
means a new `.v2` type beside the old one. Docstrings, and the words beside a field's type, are what consumers read
(`mft.event_catalogue`).
"""

from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

TransferId = Annotated[str, "Id of the transfer."]
ConnectionId = Annotated[str, "Id of the line that the file came or goes by."]
PartnerName = Annotated[str, "As its partner file is named."]
FileName = Annotated[str, "The file's name, as its sender gave it; what cannot be printed is escaped."]
FileSize = Annotated[int, "Of the whole file."]
Reason = Annotated[str, "Why, in words for people, without anything out of the file."]
Rejected = Annotated[int, "How many did not pass."]
DeliveryId = Annotated[str, "Id of this way of the file: each attempt and its success tell the same."]
RouteName = Annotated[str, "As routes.toml names it."]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event carries. `about` names the field that becomes the CloudEvents subject."""

    type: ClassVar[str]
    about: ClassVar[str]

    connection: ConnectionId | None = None
    partner: PartnerName | None = None
    standard: Annotated[str | None, "Of the file, so far as it is known: x12, edifact, hl7, swift-mt, pdf …"] = None
    usage: Annotated[str | None, "As the interchange says: P is for production, T a test, D for debugging."] = None

    @property
    def subject(self) -> str:
        return str(getattr(self, self.about))

    def data(self) -> dict[str, Any]:
        """The payload: what is not already in the envelope, without what is unknown."""
        envelope = {self.about, "partner", "standard", "usage"}
        return {k: v for k, v in asdict(self).items() if k not in envelope and v is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferEvent(Event):
    """Something happened to a transfer, which came or goes over a partner's connection."""

    about = "transfer"
    transfer: TransferId
    connection: ConnectionId
    partner: PartnerName


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReceived(TransferEvent):
    """A file was received. It comes with the first verdict on the file, so that half a file is announced to nobody."""

    type = "mft.transfer.received.v1"
    name: FileName
    size_bytes: FileSize


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferParsed(TransferEvent):
    """The file's envelope was read to its end."""

    type = "mft.transfer.parsed.v1"
    interchanges: Annotated[int, "How many the file has."]
    sets: Annotated[int, "How many sets or messages the file has."]
    findings: Annotated[int, "How much is wrong with it, or noteworthy; 0: nothing."]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsReady(TransferEvent):
    """Canonical records of one set or message can be fetched under `ref`.

    A sink that wants them inline gets them as `content`, `masked` or not; or hears why they were `left_out`.
    """

    type = "mft.records.ready.v1"
    ref: Annotated[str, "Where the records are: `mft records get REF`."]
    set: Annotated[str, "The set or message: 850, ORDERS, ADT^A01, MT940."]
    set_number: Annotated[int, "Its position in the file, from 1."]
    records: Annotated[int, "How many there are."]
    record_schema: Annotated[str, "Type and version of the records: claim/1."]
    trading_partner: Annotated[str | None, "Whom the interchange is from, where a partner file names several."] = None
    content: Annotated[
        tuple[dict[str, Any], ...] | None, 'The records themselves, in a sink with `records = "inline"`.'
    ] = None
    masked: Annotated[bool | None, "Comes with `content`: what tells of persons is masked there."] = None
    left_out: Annotated[
        str | None, "Why there is no `content` in such a sink: too-large, erased, no-masks, unreadable."
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCompleted(TransferEvent):
    """Nothing is left to do. `opaque` says that the file is no EDI and goes on as it came."""

    type = "mft.transfer.completed.v1"
    name: FileName
    sets_accepted: Annotated[int, "How many passed."]
    sets_rejected: Rejected
    opaque: Annotated[bool, "Nothing was parsed: there are no sets."]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferHeld(TransferEvent):
    """The file waits for a person or a newer parser, for the reason given."""

    type = "mft.transfer.held.v1"
    name: FileName
    stage: Annotated[str, "Where it waits: held, unsupported."]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReleased(TransferEvent):
    """The file waits no more: it is worked on as if it came now."""

    type = "mft.transfer.released.v1"
    name: FileName


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferIncomplete(TransferEvent):
    """EDI without its trailer, cut off on its way, and no whole upload followed in time. Nothing else tells of it."""

    type = "mft.transfer.incomplete.v1"
    name: FileName
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRejected(TransferEvent):
    """No set of the file could be accepted; the findings stand with the transfer."""

    type = "mft.transfer.rejected.v1"
    name: FileName
    sets_rejected: Rejected
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferQuarantined(TransferEvent):
    """Reading the file failed in a way that another try would repeat."""

    type = "mft.transfer.quarantined.v1"
    name: FileName
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDuplicate(TransferEvent):
    """All of the file came before, as the transfer `duplicate_of`: nothing of it is processed again."""

    type = "mft.transfer.duplicate.v1"
    name: FileName
    duplicate_of: Annotated[str, "Id of the transfer that came first."]


@dataclass(frozen=True, slots=True, kw_only=True)
class AckSent(TransferEvent):
    """An acknowledgment lies ready for the sender of an interchange, under `name`, as the transfer `ack`.

    `repeated` says that it is an earlier one once more, because the same interchange came again.
    """

    type = "mft.ack.sent.v1"
    ack: Annotated[str, "Id of the transfer that the acknowledgment is."]
    folder: Annotated[str, "The mailbox folder where it lies."]
    name: Annotated[str, "Of the acknowledgment, in that folder."]
    kinds: Annotated[str, "What it is, apart by blanks: ta1, 997, 999, contrl, hl7."]
    verdict: Annotated[str, "On the interchange: accepted, partial, rejected."]
    control_number: Annotated[str, "Of the acknowledgment, as it stands there."]
    interchange: Annotated[int, "Position in the file of what is answered, from 1."]
    repeated: Annotated[bool, "It is an earlier one once more."]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySucceeded(TransferEvent):
    """A file has gone by a route: it lies under `name` in `target`, a folder or a partner's mailbox."""

    type = "mft.delivery.succeeded.v1"
    delivery: DeliveryId
    route: RouteName
    target: Annotated[str, "A folder's path; or a partner and the folder of its mailbox: globex:/outbound."]
    name: Annotated[str, "What it is called there."]
    size_bytes: Annotated[int, "Of what was delivered: a part of the file, where the route splits it."]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed(TransferEvent):
    """A file could not go by a route: it is tried again, or was `given_up`. Told at the first failure, at each other
    `error`, and at the end.
    """

    type = "mft.delivery.failed.v1"
    delivery: DeliveryId
    route: RouteName
    name: Annotated[str, "What it is to be called there."]
    error: Annotated[str, "Why not, as a stable code: disk-full, folder-missing …"]
    given_up: Annotated[bool, "Nobody tries again, unless an operator asks for it."]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadStalled(TransferEvent):
    """An upload was broken off, or lies under a temporary name, and nothing has happened to it for long."""

    type = "mft.upload.stalled.v1"
    name: FileName
    stage: Annotated[str, "partial: broken off; receiving: under a temporary name."]
    size_bytes: Annotated[int, "Of what has arrived."]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyExpiring(Event):
    """A key comes to its end, or is past it when `days_left` is negative: a partner's (`use` is "ssh"), a PGP key
    ("pgp"), or one of ours that is older than was agreed ("host", "bucket", "signing"). Told at `[keys] warn_days`, at
    7, at 1, and when it is over.
    """

    type = "mft.key.expiring.v1"
    about = "key"
    key: Annotated[str, "What names the key: its fingerprint; of keys of ours their id."]
    use: Annotated[str, "What it is for: ssh, pgp, host, bucket, signing."]
    days_left: Annotated[int, "Until its end; negative: days since."]


CATALOGUE: tuple[type[Event], ...] = (
    TransferReceived,
    TransferParsed,
    RecordsReady,
    TransferCompleted,
    TransferHeld,
    TransferReleased,
    TransferIncomplete,
    TransferRejected,
    TransferQuarantined,
    TransferDuplicate,
    AckSent,
    DeliverySucceeded,
    DeliveryFailed,
    UploadStalled,
    KeyExpiring,
)
