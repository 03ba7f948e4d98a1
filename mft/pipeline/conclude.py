"""The verdict on a transfer, in one commit: its stage, its parts, its records, its leaves, its events.

What one pass over the bytes found out comes as a `Conclude`; nothing of it counts until this is committed.
"""

import json
from typing import Any, Final

import msgspec

from mft.audit.log import Fact
from mft.clock import new_id
from mft.domain import TENANT, Arrival, Doubt, Principal, SealedObject, Stage, printable
from mft.events import (
    AckSent,
    Event,
    RecordsReady,
    TransferCompleted,
    TransferDuplicate,
    TransferHeld,
    TransferParsed,
    TransferQuarantined,
    TransferReceived,
    TransferRejected,
)
from mft.ledger import content, deliveries, flow_holds, runners, transfers, uploads
from mft.ledger.acknowledgments import add_acknowledgment, came_before
from mft.ledger.database import Row
from mft.ledger.objects import insert_object
from mft.ledger.record_parts import supersede
from mft.pipeline.acknowledge import Acknowledged, CameBefore, Overtaken
from mft.pipeline.companions import Witness
from mft.pipeline.journal import Journal
from mft.pipeline.receive import Deposit, deposit, place
from parsers.findings import Finding

_TOLD_US: Final = 43_200_000_000  # A name that does not come whole is told of once; half a day later it is news again.


class SetRecords(msgspec.Struct, frozen=True):
    """The sealed canonical records of one set."""

    position: int
    set: str
    map_version: str
    record_schema: str
    records: int
    sealed: SealedObject


class Child(msgspec.Struct, frozen=True):
    """A part of a file that goes its own way from here on, as a transfer of its own.

    Attributes:
        kind: `member` of an archive or what was wrapped, `interchange` of a file that holds several.
        doubt: where it may not pass, why.
    """

    transfer: str
    kind: str
    name: bytes
    sealed: SealedObject
    sha256: bytes
    evidence: dict[str, Any] = {}
    feed: str | None = None
    doubt: Doubt | None = None


class Planned(msgspec.Struct, frozen=True):
    """Where a file goes on to, or one interchange of it: then with its position and the bytes that it is."""

    route: str
    interchange: int
    start_offset: int | None
    end_offset: int | None
    name_bytes: bytes


class Conclude(msgspec.Struct, frozen=True, tag=True):
    """All that one pass found out about a transfer.

    `passed` are the stages in order, the last of them where it now stands, with the facts of each one's leaf; `found`
    the columns of the transfer; the parts the rows of their tables without `transfer_id`. `came_before` is what the
    acknowledgments were made with; `duplicate_of` the transfer that all of it was sent with before; `new_since` since
    when no other file with the same bytes may have been processed.
    """

    transfer: str
    runner: str
    attempt: int
    connection: str
    partner: str
    name: str
    size_bytes: int
    passed: tuple[tuple[str, dict[str, Fact]], ...]
    found: dict[str, Any]
    evidence: dict[str, Any] = {}
    witnesses: tuple[Witness, ...] = ()
    opaque: bool = False
    interchanges: tuple[dict[str, Any], ...] = ()
    groups: tuple[dict[str, Any], ...] = ()
    sets: tuple[dict[str, Any], ...] = ()
    findings: tuple[Finding, ...] = ()
    records: tuple[SetRecords, ...] = ()
    report: Deposit | None = None
    acknowledgments: tuple[Acknowledged, ...] = ()
    came_before: tuple[CameBefore, ...] = ()
    duplicate_of: str | None = None
    children: tuple[Child, ...] = ()
    new_since: int | None = None
    deliveries: tuple[Planned, ...] = ()


def conclude(journal: Journal, command: Conclude) -> None:
    """Nothing of this pass counts when it raises.

    Raises:
        StageConflict: the claim was lost.
        Overtaken: the same interchange was concluded in the meantime, or a hold lifted; another pass will know of it.
    """
    books, transfer = journal.books, command.transfer
    for known in command.came_before:
        rows = came_before(books, known.key, since=known.since, but=transfer)
        if tuple((row["transfer_id"], row["position"]) for row in rows) != known.seen:
            raise Overtaken("the same interchange came with another file, which was first")
    if command.new_since is not None:
        row = transfers.transfer_row(books, transfer)
        if content.same_content(books, row, since=command.new_since) is not None:
            raise Overtaken("the same bytes came with another file, which was first")
    hold = command.found["flow_hold"]
    if hold is not None and not flow_holds.is_in_force(books, hold):
        raise Overtaken("the hold was lifted meanwhile")
    stages = [Stage(stage) for stage, _ in command.passed]
    runners.advance(
        books,
        transfer,
        stages,
        runner=command.runner,
        attempt=command.attempt,
        at=journal.at,
        found=command.found,
    )
    of_transfer = {"transfer_id": transfer, "tenant_id": TENANT}
    transfers.add_parts(books, "interchange", ({**of_transfer, **row} for row in command.interchanges))
    transfers.add_parts(books, "functional_group", ({**of_transfer, **row} for row in command.groups))
    transfers.add_parts(books, "transaction_set", ({**of_transfer, **row} for row in command.sets))
    transfers.add_parts(
        books,
        "finding",
        (
            {
                **of_transfer,
                "position": position,
                "code": finding.code,
                "severity": finding.severity,
                "body": msgspec.json.encode(finding).decode(),
            }
            for position, finding in enumerate(command.findings, start=1)
        ),
    )
    supersede(books, transfer, [records.position for records in command.records])
    for records in command.records:
        insert_object(books, records.sealed, at=journal.at)
    transfers.add_parts(
        books,
        "records",
        (
            {
                **of_transfer,
                "set_position": records.position,
                "map_version": records.map_version,
                "record_schema": records.record_schema,
                "records": records.records,
                "object_id": records.sealed.id,
                "created_at": journal.at,
            }
            for records in command.records
        ),
    )
    if command.evidence:
        transfers.add_evidence(books, transfer, command.evidence)
    for witness in command.witnesses:
        _bear_witness(journal, command.connection, witness)
    for stage, facts in command.passed:
        journal.leaf(f"transfer.{stage}", actor="server", connection=command.connection, transfer=transfer, facts=facts)
    _settle_name(journal, transfers.transfer_row(books, transfer))
    for event in _events(command, stages[-1]):
        journal.announce(event)
    if command.report is not None:
        deposit(journal, command.report)
    for acknowledged in command.acknowledgments:
        _acknowledge(journal, command, acknowledged)
    if command.children:
        parent = transfers.transfer_row(books, transfer)
        for child in command.children:
            _part(journal, command, parent, child)
    for planned in command.deliveries:
        row = {"id": new_id(), "transfer_id": transfer, **msgspec.structs.asdict(planned)}
        deliveries.add(books, row, at=journal.at)  # Ids are made in here: their order is the ledger's.


def _part(journal: Journal, command: Conclude, parent: Row, child: Child) -> None:
    """Enter a part as a transfer that arrived as its parent did, and that its sender does not see."""
    about: dict[str, Any] = {"connection": command.connection, "transfer": child.transfer}
    stage = Stage.HELD if child.doubt else Stage.RECEIVED
    principal = Principal(
        parent["connection"],
        command.partner,
        parent["account"] or "",
        parent["key_fingerprint"] or "",
        parent["profile_hash"],
    )
    arrival = Arrival(
        principal,
        parent["door"],
        parent["source_address"] or "",
        parent["client_version"] or "",
        bytes(parent["folder_bytes"]),
        child.name,
        child.feed,
        parent["retention"],
    )
    insert_object(journal.books, child.sealed, at=journal.at)
    transfers.insert_transfer(
        journal.books,
        child.transfer,
        arrival,
        at=journal.at,
        stage=stage,
        size_bytes=child.sealed.plain_size,
        listed=False,
        sha256=child.sha256,
        object_id=child.sealed.id,
        parent=parent["id"],
        root=parent["root_id"],
        reason=child.doubt.words if child.doubt else None,
        doubt=child.doubt.code if child.doubt else None,
        evidence=json.dumps(child.evidence) if child.evidence else None,
    )
    journal.leaf(
        "transfer.split-off",
        actor="server",
        facts={"parent": parent["id"], "kind": child.kind, "size_bytes": child.sealed.plain_size},
        private={"name": printable(child.name), "sha256": child.sha256.hex()},
        **about,
    )
    if child.doubt is None:
        journal.arrived = True
        return
    journal.leaf("transfer.held", actor="server", facts={"doubt": child.doubt.code}, **about)
    name, words = printable(child.name), child.doubt.words
    journal.announce(TransferHeld(**about, partner=command.partner, name=name, stage=stage.value, reason=words))


def _acknowledge(journal: Journal, command: Conclude, sent: Acknowledged) -> None:
    name = place(journal, sent.deposit)
    kinds = " ".join(sent.kinds)
    add_acknowledgment(
        journal.books,
        {
            "transfer_id": command.transfer,
            "interchange": sent.interchange,
            "tenant_id": TENANT,
            "standard": sent.standard,
            "kinds": kinds,
            "verdict": sent.verdict,
            "control_number": sent.control_number,
            "outbound_id": sent.deposit.transfer,
            "repeats": sent.repeats,
            "at": journal.at,
        },
    )
    journal.announce(
        AckSent(
            transfer=command.transfer,
            connection=command.connection,
            partner=command.partner,
            standard=sent.standard,
            usage=sent.deposit.usage,
            ack=sent.deposit.transfer,
            folder=printable(sent.deposit.arrival.folder),
            name=printable(name),
            kinds=kinds,
            verdict=sent.verdict,
            control_number=sent.control_number,
            interchange=sent.interchange,
            repeated=sent.repeats is not None,
        )
    )


def _bear_witness(journal: Journal, connection: str, witness: Witness) -> None:
    transfers.add_evidence(journal.books, witness.transfer, witness.evidence)
    if witness.spoken:
        transfers.add_evidence(journal.books, witness.companion, witness.spoken)
    matches = None if witness.matches is None else int(witness.matches)
    journal.leaf(
        "transfer.evidence",
        actor="server",
        connection=connection,
        transfer=witness.transfer,
        facts={"kind": witness.kind, "matches": matches},
    )


def _settle_name(journal: Journal, row: Row) -> None:
    """A later upload of a name takes the place of those that were cut off, whichever of them was read first."""
    if row["stage"] in {Stage.HELD, Stage.QUARANTINED}:
        return
    if row["stage"] == Stage.INCOMPLETE and (whole := uploads.whole_since(journal.books, row)) is not None:
        _supersede(journal, row, by=whole)
        return
    for older in uploads.incomplete_before(journal.books, row):
        _supersede(journal, {**row, "id": older["id"]}, by=row["id"])
        if older["told_at"] is not None and row["received_at"] - older["told_at"] < _TOLD_US:
            uploads.mark_told(journal.books, row["id"], at=older["told_at"])


def _supersede(journal: Journal, row: Row, *, by: str) -> None:
    uploads.end_upload(journal.books, row["id"], Stage.SUPERSEDED, f"superseded by transfer {by}", at=journal.at)
    journal.leaf("transfer.superseded", actor="server", connection=row["connection"], transfer=row["id"])


def _events(command: Conclude, stage: Stage) -> list[Event]:
    about: dict[str, Any] = {
        "transfer": command.transfer,
        "connection": command.connection,
        "partner": command.partner,
        "standard": command.found["standard"],
        "usage": command.found["usage"],
    }
    name, reason = command.name, command.found["reason"] or ""
    rejected = command.found["sets_rejected"]
    if stage is Stage.INCOMPLETE:
        return []  # Half a file is news for an operator, and only if the whole one does not follow.
    events: list[Event] = [TransferReceived(**about, name=name, size_bytes=command.size_bytes)]
    if Stage.PARSED in {stage for stage, _ in command.passed}:
        events.append(
            TransferParsed(
                **about,
                interchanges=len(command.interchanges),
                sets=len(command.sets),
                findings=len(command.findings),
            )
        )
    usages = {row["position"]: row["usage"] for row in command.interchanges}
    partners = {row["position"]: row["trading_partner"] for row in command.interchanges}
    within = {row["position"]: row["interchange"] for row in command.sets}
    events += (
        RecordsReady(
            **about | {"usage": usages.get(within.get(records.position))},
            trading_partner=partners.get(within.get(records.position)),
            ref=f"mft:/transfers/{command.transfer}/records/{records.position}@{records.map_version}",
            set=records.set,
            set_number=records.position,
            records=records.records,
            record_schema=records.record_schema,
        )
        for records in command.records
    )
    if command.duplicate_of is not None:
        events.append(TransferDuplicate(**about, name=name, duplicate_of=command.duplicate_of))
    elif stage is Stage.DONE:
        accepted = command.found["sets_accepted"]
        events.append(
            TransferCompleted(**about, name=name, sets_accepted=accepted, sets_rejected=rejected, opaque=command.opaque)
        )
    elif stage is Stage.REJECTED:
        events.append(TransferRejected(**about, name=name, sets_rejected=rejected, reason=reason))
    elif stage is Stage.QUARANTINED:
        events.append(TransferQuarantined(**about, name=name, reason=reason))
    else:
        events.append(TransferHeld(**about, name=name, stage=stage.value, reason=reason))
    return events
