"""Takes transfers that were received through the stages behind that, each in one pass and one commit.

A thread with a parser process of its own claims a transfer, opens its sealed bytes, pipes them through the parser,
seals the records, and commits all that was found at once: the stages passed with a leaf for each, the envelope, the
findings, the events. Killed anywhere before that commit, the claim dies with us and the next runner begins anew from
the sealed original.
"""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

import mft
from mft.clock import new_id
from mft.domain import Stage, printable
from mft.errors import Broken, Busy, MFTError, StageConflict
from mft.ledger import runners, transfers
from mft.ledger.database import Readers, Row
from mft.ledger.objects import sealed_object
from mft.pipeline.acknowledge import Overtaken
from mft.pipeline.agreements import Agreed, DirectoryNow
from mft.pipeline.companions import consult
from mft.pipeline.conclude import Conclude
from mft.pipeline.journal import Journal
from mft.pipeline.parse import Parser, ParserDied
from mft.pipeline.pgp import NO_KEYS, PgpKeys, sweep_homes
from mft.pipeline.reading import Reading, columns_found
from mft.pipeline.route import routed
from mft.pipeline.scan import MALWARE, NO_SCANNER, Scanning
from mft.pipeline.unwrap import Unwrapping, no_message, wrapped_in
from mft.threads import watched
from mft.vault.store import Vault
from partners.load import EMPTY

if TYPE_CHECKING:
    from mft.audit.log import Fact

_CLAIM_AT_ONCE: Final = 1  # More would let one long file keep the others from a thread that is free.
_POLL_SECONDS: Final = 5.0
_ATTEMPTS_MAX: Final = 3  # Of parsers that die.
_CLAIMS_MAX: Final = 8  # Of claims that came to nothing: the file may take the whole server down with it.


class Claim(msgspec.Struct, frozen=True, tag=True):
    """A runner has a hand free."""

    runner: str
    most: int


class StartRunner(msgspec.Struct, frozen=True, tag=True):
    runner: str
    boot_id: str
    pid: int


class EndRunner(msgspec.Struct, frozen=True, tag=True):
    runner: str


class GiveBack(msgspec.Struct, frozen=True, tag=True):
    """The attempt failed, another may not."""

    transfer: str
    runner: str
    attempt: int
    counts: bool = True


def node() -> str:
    return socket.gethostname()


def boot_id() -> str:
    """Changes with every start of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def start_runner(journal: Journal, command: StartRunner) -> None:
    runners.register_runner(
        journal.books,
        command.runner,
        boot_id=command.boot_id,
        pid=command.pid,
        node=journal.node,
        at=journal.at,
    )


def end_runner(journal: Journal, command: EndRunner) -> None:
    runners.end_runner(journal.books, command.runner, at=journal.at)


def claim(journal: Journal, command: Claim) -> list[Row]:
    return runners.claim(journal.books, command.runner, most=command.most, at=journal.at)


def give_back(journal: Journal, command: GiveBack) -> None:
    runners.release(
        journal.books,
        command.transfer,
        runner=command.runner,
        attempt=command.attempt,
        at=journal.at,
        counts=command.counts,
    )
    journal.arrived = True


class Runner:
    """Threads that work on transfers until they are stopped, each with its parser process.

    Error handling: a file that kills its parser three times, or takes too long once, is quarantined. A broken disk or
    ledger ends a thread, and `on_broken` is told.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        readers: Readers,
        submit: Callable[[Any], Any],
        on_broken: Callable[[Broken], None],
        threads: int,
        memory_mib: int,
        seconds: int,
        directory: DirectoryNow = lambda: EMPTY,
        pgp: PgpKeys = NO_KEYS,
        scanning: Scanning = NO_SCANNER,
    ) -> None:
        self.id: Final = new_id()
        self._directory = directory
        self._pgp = pgp
        self._scanning = scanning
        self._seconds = seconds
        self._vault = vault
        self._readers = readers
        self._submit = submit
        self._limits = {"memory_mib": memory_mib, "seconds": seconds}
        self._arrived = threading.Event()
        self._stop = threading.Event()
        self._threads = [watched(f"runner-{number}", self._run, on_broken) for number in range(1, threads + 1)]

    def start(self) -> None:
        sweep_homes()
        self._submit(StartRunner(self.id, boot_id(), os.getpid()))
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """A transfer waits."""
        self._arrived.set()

    def stop(self) -> None:
        """Finish the files in hand, and end."""
        self._stop.set()
        self._arrived.set()
        for thread in self._threads:
            thread.join()
        self._submit(EndRunner(self.id))

    def _run(self) -> None:
        parser = Parser(**self._limits)
        try:
            while not self._stop.is_set():
                self._arrived.clear()  # Before the claim: what arrives behind it wakes us again.
                try:
                    jobs = self._submit(Claim(self.id, _CLAIM_AT_ONCE))
                except Busy:
                    jobs = []
                for job in jobs:
                    if self._stop.is_set():
                        self._give_back(job, counts=False)
                    else:
                        self._work(parser, job)
                if not jobs:
                    self._arrived.wait(_POLL_SECONDS)
        finally:
            parser.close()

    def _work(self, parser: Parser, job: Row) -> None:
        partner = transfers.transfer_row(self._readers.get(), job["id"])["profile_name"]
        if job["attempt"] > _CLAIMS_MAX:
            self._quarantine(job, partner, f"was begun {job['attempt'] - 1} times and never finished")
            return
        agreed = Agreed(self._directory(), job["connection"], job["feed"])
        found: Reading | Unwrapping
        found = reading = Reading(self._vault, job, agreed)
        try:
            opened = self._vault.open(sealed_object(self._readers.get(), job["object_id"]))
            try:
                waived = (job["waived"] or "").split()
                wrapped = wrapped_in(opened, agreed)
                seen = no_message(job, agreed, wrapped)
                if seen is None or seen.code in waived:
                    seen = self._scanning.look(opened.chunks(), opened.size, waived) if agreed.feed.scan else None
                if seen is not None:
                    stage = Stage.QUARANTINED if seen.code == MALWARE else Stage.HELD
                    self._set_aside(job, partner, stage, seen.words, doubt=seen.code)
                    return
                if wrapped is None:
                    for event in parser.read(opened.chunks(), agreed.judging):
                        reading.take(event)
                else:
                    found = Unwrapping(self._vault, job, agreed, wrapped, keys=self._pgp, seconds=self._seconds)
                    found.run(self._readers.get(), opened)
            finally:
                opened.close()
            witnesses, doubt = consult(self._readers.get(), self._vault, job)
            doubt = found.weigh(self._readers.get(), doubt)
            if doubt is None and isinstance(found, Reading):
                found.answer(self._readers.get(), self._submit)
            self._submit(routed(found.conclusion(self.id, partner, witnesses, doubt), job, agreed))
        except Broken:
            raise  # The commit may have come through after all: what it speaks of stays for the next start.
        except StageConflict:
            found.abandon()  # Somebody else has it.
        except Overtaken:
            found.abandon()
            self._give_back(job, counts=False)  # The next pass knows what came before.
        except Busy:  # No room on the disk: that is not the file's fault, and some may come.
            found.abandon()
            self._stop.wait(_POLL_SECONDS)
            self._give_back(job, counts=False)
        except ParserDied as error:
            found.abandon()
            if job["attempt"] < _ATTEMPTS_MAX:
                self._give_back(job)
            else:
                self._quarantine(job, partner, f"{error}, {job['attempt']} times")
        except MFTError as error:
            found.abandon()
            self._quarantine(job, partner, str(error))
        except Exception as error:  # noqa: BLE001  One file's trouble is that file's: parked, and the next one goes on.
            found.abandon()
            self._quarantine(job, partner, f"a fault of mft itself ({type(error).__name__})")

    def _give_back(self, job: Row, *, counts: bool = True) -> None:
        """Let the transfer be tried again; with a full disk, once there is room to say so."""
        while True:
            try:
                self._submit(GiveBack(job["id"], self.id, job["attempt"], counts))
            except StageConflict:
                return
            except Busy:
                if self._stop.wait(_POLL_SECONDS):
                    return  # `EndRunner`, or the next start, frees it.
            else:
                return

    def _quarantine(self, job: Row, partner: str, reason: str) -> None:
        self._set_aside(job, partner, Stage.QUARANTINED, reason)

    def _set_aside(self, job: Row, partner: str, stage: Stage, reason: str, *, doubt: str | None = None) -> None:
        """It is not read."""
        facts: dict[str, Fact] = {"doubt": doubt} if stage is Stage.HELD else {"attempts": job["attempt"]}
        conclusion = Conclude(
            transfer=job["id"],
            runner=self.id,
            attempt=job["attempt"],
            connection=job["connection"],
            partner=partner,
            name=printable(job["name_bytes"]),
            size_bytes=job["size_bytes"],
            passed=((stage.value, facts),),
            found=columns_found(parser_version=mft.__version__, reason=reason, doubt=doubt),
        )
        try:
            self._submit(conclusion)
        except StageConflict:
            return  # Somebody else has it.
        except Busy:
            self._give_back(job)
