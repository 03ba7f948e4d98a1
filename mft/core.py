"""The core: the only writer of the ledger. What is to be written reaches it as commands, plain data.

Whoever is in the same process calls `submit`; everybody else sends the same commands over a socket, see
`command_socket`. Commands that wait are committed together, each in a savepoint of its own.
"""

import fcntl
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
from sqlalchemy import insert, select

from mft.audit.log import Fact
from mft.clock import go_on_behind, new_id, now_us
from mft.domain import TENANT
from mft.errors import Broken, HomeInUse
from mft.ledger.database import Books, Ledger, Writer
from mft.ledger.outbox import last_event
from mft.ledger.profiles import keep_profile
from mft.ledger.tables import INSTALLATION
from mft.pipeline import (
    acknowledge,
    alerts,
    anchor,
    conclude,
    control_numbers,
    deadlines,
    deliver,
    emit,
    erase,
    keys,
    mailbox,
    receipts,
    receive,
    redact,
    reissue,
    release,
    replay,
    retention,
    runner,
    scan,
    small_objects,
)
from mft.pipeline.journal import Journal
from mft.pipeline.subscriptions import Subscriptions
from mft.records import cache

_INSTALLATION = select(INSTALLATION.c.id).limit(1)
_INSTALL = insert(INSTALLATION)


class Note(msgspec.Struct, frozen=True, tag=True):
    """Something happened that only the audit log keeps."""

    kind: str
    actor: str
    connection: str | None = None
    transfer: str | None = None
    result: str = "ok"
    facts: dict[str, Fact] = {}
    private: dict[str, str] = {}


class KeepProfile(msgspec.Struct, frozen=True, tag=True):
    """A partner file, a guide beside them, the routes or our own settings are in force, as they stand in `body`."""

    digest: str
    subject: str
    name: str
    body: str
    kind: Literal["connection", "guide", "routes", "settings"] = "connection"


class Reload(msgspec.Struct, frozen=True, tag=True):
    """Read the partner files again. Only a running server can."""

    actor: str


class ReloadKeys(msgspec.Struct, frozen=True, tag=True):
    """Read the folder of keys again: answered with the id of the key that seals, by retention class."""

    actor: str


class ChangeSigningKey(msgspec.Struct, frozen=True, tag=True):
    """Put the signing key in `audit-next.key` into force: answered with the vkeys `old` and `new`."""

    actor: str


Request = Reload | ReloadKeys | ChangeSigningKey
"""What is asked of the one who runs a home, who does more for it than write the ledger."""

Command = (
    receive.Begin
    | receive.Resume
    | receive.Keep
    | receive.Receive
    | receive.Heard
    | receive.Salvage
    | receive.Deposit
    | mailbox.Rename
    | mailbox.Remove
    | mailbox.SetModified
    | mailbox.MakeFolder
    | mailbox.RemoveFolder
    | mailbox.Fetched
    | runner.StartRunner
    | runner.EndRunner
    | runner.Claim
    | runner.GiveBack
    | acknowledge.AllocateNumbers
    | control_numbers.ResetNumbers
    | conclude.Conclude
    | replay.Supersede
    | release.ReleaseHeld
    | release.RejectHeld
    | release.AddFlowHold
    | release.LiftFlowHold
    | emit.ClaimSink
    | emit.Settled
    | emit.SinkGone
    | reissue.MoveConsumer
    | reissue.ForgetConsumer
    | reissue.ReplayEvents
    | reissue.RetryDead
    | reissue.DropDead
    | reissue.DropUnsent
    | deliver.FileDelivered
    | deliver.FileNotDelivered
    | deliver.RetryDelivery
    | deadlines.Due
    | scan.ScannerBack
    | erase.Erase
    | retention.EraseDue
    | retention.Swept
    | retention.MakeHold
    | retention.LiftHold
    | redact.Redact
    | small_objects.BlobsMoved
    | keys.KeepKey
    | keys.Rewrap
    | keys.Emptied
    | keys.Shred
    | keys.EraseShredded
    | keys.TellExpiring
    | alerts.SeeTroubles
    | alerts.Told
    | alerts.Untold
    | alerts.AcknowledgeAlert
    | anchor.Anchored
    | anchor.AnchorFailed
    | receipts.PutReceipts
    | receipts.EndReceipts
    | cache.KeepPart
    | cache.DropPart
    | cache.LeaveUncached
    | Note
    | KeepProfile
)


def note(journal: Journal, command: Note) -> None:
    journal.leaf(
        command.kind,
        actor=command.actor,
        connection=command.connection,
        transfer=command.transfer,
        result=command.result,
        facts=command.facts,
        private=command.private,
    )


def keep(journal: Journal, command: KeepProfile) -> None:
    keep_profile(
        journal.books,
        digest=command.digest,
        subject=command.subject,
        name=command.name,
        body=command.body,
        at=journal.at,
        kind=command.kind,
    )


HANDLERS: Mapping[type, Callable[[Journal, Any], Any]] = {
    receive.Begin: receive.begin,
    receive.Resume: receive.resume,
    receive.Keep: receive.keep,
    receive.Receive: receive.receive,
    receive.Heard: receive.hear,
    receive.Salvage: receive.salvage,
    receive.Deposit: receive.deposit,
    mailbox.Rename: mailbox.rename,
    mailbox.Remove: mailbox.remove,
    mailbox.SetModified: mailbox.set_modified,
    mailbox.MakeFolder: mailbox.make_folder,
    mailbox.RemoveFolder: mailbox.remove_folder,
    mailbox.Fetched: mailbox.fetched,
    runner.StartRunner: runner.start_runner,
    runner.EndRunner: runner.end_runner,
    runner.Claim: runner.claim,
    runner.GiveBack: runner.give_back,
    acknowledge.AllocateNumbers: acknowledge.allocate_numbers,
    control_numbers.ResetNumbers: control_numbers.reset_numbers,
    conclude.Conclude: conclude.conclude,
    replay.Supersede: replay.supersede,
    release.ReleaseHeld: release.release_held,
    release.RejectHeld: release.reject_held,
    release.AddFlowHold: release.add_flow_hold,
    release.LiftFlowHold: release.lift_flow_hold,
    emit.ClaimSink: emit.claim_sink,
    emit.Settled: emit.settled,
    emit.SinkGone: emit.sink_gone,
    reissue.MoveConsumer: reissue.move_consumer,
    reissue.ForgetConsumer: reissue.forget_consumer,
    reissue.ReplayEvents: reissue.replay_events,
    reissue.RetryDead: reissue.retry_dead,
    reissue.DropDead: reissue.drop_dead,
    reissue.DropUnsent: reissue.drop_unsent,
    deliver.FileDelivered: deliver.file_delivered,
    deliver.FileNotDelivered: deliver.file_not_delivered,
    deliver.RetryDelivery: deliver.retry_delivery,
    deadlines.Due: deadlines.due,
    scan.ScannerBack: scan.scanner_back,
    erase.Erase: erase.erase,
    retention.EraseDue: retention.erase_due,
    retention.Swept: retention.swept,
    retention.MakeHold: retention.make_hold,
    retention.LiftHold: retention.lift_hold,
    redact.Redact: redact.redact,
    small_objects.BlobsMoved: small_objects.blobs_moved,
    keys.KeepKey: keys.keep_key,
    keys.Rewrap: keys.rewrap,
    keys.Emptied: keys.emptied,
    keys.Shred: keys.shred,
    keys.EraseShredded: keys.erase_shredded,
    keys.TellExpiring: keys.tell_expiring,
    alerts.SeeTroubles: alerts.see_troubles,
    alerts.Told: alerts.told,
    alerts.Untold: alerts.untold,
    alerts.AcknowledgeAlert: alerts.acknowledge_alert,
    anchor.Anchored: anchor.anchored,
    anchor.AnchorFailed: anchor.anchor_failed,
    receipts.PutReceipts: receipts.put_receipts,
    receipts.EndReceipts: receipts.end_receipts,
    cache.KeepPart: cache.keep_part,
    cache.DropPart: cache.drop_part,
    cache.LeaveUncached: cache.leave_uncached,
    Note: note,
    KeepProfile: keep,
}


def install(books: Books) -> str:
    """This installation's id; made at the first call."""
    row = books.first(_INSTALLATION)
    if row is None:
        row = {"id": new_id(), "tenant_id": TENANT, "created_at": now_us()}
        books.execute(_INSTALL, row)
    return str(row["id"])


class Core:
    """Carries out commands, and wakes whoever waits for what they did.

    Resource handling: `close` commits what is queued.
    Error handling: `on_broken` is called once, from the writer's thread, when disk or ledger have failed; every command
    from then on fails with the same error.

    `remove_object` is called, behind the commit, for each object that was forgotten.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        subscriptions: Subscriptions,
        on_broken: Callable[[Broken], None] | None = None,
        remove_object: Callable[[str], None] | None = None,
    ) -> None:
        self.writer = Writer(ledger, on_broken=on_broken)
        self.installation = self.writer.run(install)
        if last := self.writer.run(last_event):
            go_on_behind(last)  # Events are sorted by their ids, also when the clock was set back while nobody ran.
        self._source = f"urn:mft:{self.installation}"
        self._node = runner.node()
        self._subscriptions = subscriptions
        self._happened: set[str] = set()
        self._remove_object = remove_object
        self._forgotten: list[str] = []
        self._wake: dict[str, list[Callable[[], None]]] = {"noted": [], "arrived": [], "announced": []}
        self.writer.after_commit(self._committed)
        self.writer.after_rollback(self._rolled_back)

    def on(self, what: str, wake: Callable[[], None]) -> None:
        """Have `wake` called after a commit in which something was `noted`, has `arrived` or was `announced`."""
        self._wake[what].append(wake)

    def submit(self, command: Command) -> Future[Any]:
        """Queue a command; the future resolves when it is durable, or has the error it was refused with."""
        handler = HANDLERS[type(command)]
        return self.writer.submit(lambda books: self._carry_out(handler, books, command))

    def run(self, command: Command) -> Any:
        """Carry a command out and wait until it is durable."""
        return self.submit(command).result()

    def close(self) -> None:
        self.writer.close()

    def _carry_out(self, handler: Callable[[Journal, Any], Any], books: Books, command: Command) -> Any:
        journal = Journal(books, now_us(), self._source, self._node, self._subscriptions)
        result = handler(journal, command)
        self._happened.update(what for what in self._wake if getattr(journal, what))
        self._forgotten += journal.forgotten
        return result

    def _rolled_back(self) -> None:
        """Nothing of it happened: what it would have forgotten is still known."""
        self._forgotten.clear()
        self._happened.clear()

    def _committed(self) -> None:
        forgotten, self._forgotten = self._forgotten, []
        for object_id in forgotten:
            if self._remove_object is not None:
                with suppress(OSError):  # What stays behind is set aside at the next start.
                    self._remove_object(object_id)
        for what in self._happened:
            for wake in self._wake[what]:
                wake()
        self._happened.clear()


class HomeLock:
    """One process at a time writes a home. The kernel drops the lock with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        """Raises HomeInUse, with the pid of the holder."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            home = path.parent.parent
            raise HomeInUse(f"another mft (pid {pid}) works on {home}: stop it first, or use another home") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._fd)
