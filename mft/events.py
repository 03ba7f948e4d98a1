"""The catalogue of what we announce: one class an event, its fields the CloudEvents `data`.

Text out of a partner's file never stands here: names, counts, verdicts and references only. Breaking a field
means a new `.v2` type beside the old one.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event carries; `transfer` becomes the CloudEvents subject."""

    type: ClassVar[str]

    transfer: str
    connection: str
    partner: str
    standard: str | None = None
    usage: str | None = None

    def data(self) -> dict[str, Any]:
        """The payload: what is not already in the envelope, without what is unknown."""
        envelope = {"transfer", "partner", "standard", "usage"}
        return {k: v for k, v in asdict(self).items() if k not in envelope and v is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReceived(Event):
    """A file was received. It comes with the first verdict on the file, so that half a file is announced to nobody."""

    type = "mft.transfer.received.v1"
    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferParsed(Event):
    """The file's envelope was read to its end."""

    type = "mft.transfer.parsed.v1"
    interchanges: int
    sets: int
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsReady(Event):
    """Canonical records of one set or message can be fetched under `ref`."""

    type = "mft.records.ready.v1"
    ref: str
    set: str
    set_number: int
    records: int
    record_schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCompleted(Event):
    """Nothing is left to do. `opaque` says that the file is no EDI and goes on as it came."""

    type = "mft.transfer.completed.v1"
    name: str
    sets_accepted: int
    sets_rejected: int
    opaque: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferHeld(Event):
    """The file waits for a person or a newer parser, for the reason given."""

    type = "mft.transfer.held.v1"
    name: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferIncomplete(Event):
    """EDI without its trailer, cut off on its way, and no whole upload followed in time. Nothing else tells of it."""

    type = "mft.transfer.incomplete.v1"
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRejected(Event):
    """No set of the file could be accepted; the findings stand with the transfer."""

    type = "mft.transfer.rejected.v1"
    name: str
    sets_rejected: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferQuarantined(Event):
    """Reading the file failed in a way that another try would repeat."""

    type = "mft.transfer.quarantined.v1"
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDuplicate(Event):
    """All of the file came before, as the transfer `duplicate_of`: nothing of it is processed again."""

    type = "mft.transfer.duplicate.v1"
    name: str
    duplicate_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AckSent(Event):
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
class UploadStalled(Event):
    """An upload was broken off, or lies under a temporary name, and nothing has happened to it for long."""

    type = "mft.upload.stalled.v1"
    name: str
    stage: str
    size_bytes: int


CATALOGUE: tuple[type[Event], ...] = (
    TransferReceived,
    TransferParsed,
    RecordsReady,
    TransferCompleted,
    TransferHeld,
    TransferIncomplete,
    TransferRejected,
    TransferQuarantined,
    TransferDuplicate,
    AckSent,
    UploadStalled,
)
