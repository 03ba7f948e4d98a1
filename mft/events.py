"""The catalogue of what we announce: one class an event, its fields the CloudEvents `data`.

Text out of a partner's file never stands here: names, counts, verdicts and references only. Breaking a field
means a new `.v2` type beside the old one.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event carries. `about` names the field that becomes the CloudEvents subject."""

    type: ClassVar[str]
    about: ClassVar[str]

    connection: str | None = None
    partner: str | None = None
    standard: str | None = None
    usage: str | None = None

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
    transfer: str
    connection: str
    partner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReceived(TransferEvent):
    """A file was received. It comes with the first verdict on the file, so that half a file is announced to nobody."""

    type = "mft.transfer.received.v1"
    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferParsed(TransferEvent):
    """The file's envelope was read to its end."""

    type = "mft.transfer.parsed.v1"
    interchanges: int
    sets: int
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsReady(TransferEvent):
    """Canonical records of one set or message can be fetched under `ref`.

    A sink that wants them inline gets them as `content`, `masked` or not; or hears why they were `left_out`.
    """

    type = "mft.records.ready.v1"
    ref: str
    set: str
    set_number: int
    records: int
    record_schema: str
    trading_partner: str | None = None
    content: tuple[dict[str, Any], ...] | None = None
    masked: bool | None = None
    left_out: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCompleted(TransferEvent):
    """Nothing is left to do. `opaque` says that the file is no EDI and goes on as it came."""

    type = "mft.transfer.completed.v1"
    name: str
    sets_accepted: int
    sets_rejected: int
    opaque: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferHeld(TransferEvent):
    """The file waits for a person or a newer parser, for the reason given."""

    type = "mft.transfer.held.v1"
    name: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReleased(TransferEvent):
    """The file waits no more: it is worked on as if it came now."""

    type = "mft.transfer.released.v1"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferIncomplete(TransferEvent):
    """EDI without its trailer, cut off on its way, and no whole upload followed in time. Nothing else tells of it."""

    type = "mft.transfer.incomplete.v1"
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRejected(TransferEvent):
    """No set of the file could be accepted; the findings stand with the transfer."""

    type = "mft.transfer.rejected.v1"
    name: str
    sets_rejected: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferQuarantined(TransferEvent):
    """Reading the file failed in a way that another try would repeat."""

    type = "mft.transfer.quarantined.v1"
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDuplicate(TransferEvent):
    """All of the file came before, as the transfer `duplicate_of`: nothing of it is processed again."""

    type = "mft.transfer.duplicate.v1"
    name: str
    duplicate_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AckSent(TransferEvent):
    """An acknowledgment lies ready for the sender of an interchange, under `name`, as the transfer `ack`.

    `repeated` says that it is an earlier one once more, because the same interchange came again.
    """

    type = "mft.ack.sent.v1"
    ack: str
    folder: str
    name: str
    kinds: str
    verdict: str
    control_number: str
    interchange: int
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySucceeded(TransferEvent):
    """A file has gone by a route: it lies under `name` in `target`, a folder or a partner's mailbox."""

    type = "mft.delivery.succeeded.v1"
    delivery: str
    route: str
    target: str
    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed(TransferEvent):
    """A file could not go by a route: it is tried again, or was `given_up`. Told at the first failure, at each other
    `error`, and at the end.
    """

    type = "mft.delivery.failed.v1"
    delivery: str
    route: str
    name: str
    error: str
    given_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadStalled(TransferEvent):
    """An upload was broken off, or lies under a temporary name, and nothing has happened to it for long."""

    type = "mft.upload.stalled.v1"
    name: str
    stage: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyExpiring(Event):
    """A key comes to its end, or is past it when `days_left` is negative: a partner's (`use` is "ssh"), or one of ours
    that is older than was agreed ("host", "bucket", "signing"). Told at `[keys] warn_days`, at 7, at 1, and when it is
    over.
    """

    type = "mft.key.expiring.v1"
    about = "key"
    key: str
    use: str
    days_left: int


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
