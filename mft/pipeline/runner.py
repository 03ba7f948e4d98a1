"""Takes transfers that were received through the stages behind that, each in one pass and one commit.

A thread with a parser process of its own claims a transfer, opens its sealed bytes, pipes them through the parser,
seals the records, and commits all that was found at once: the stages passed with a leaf for each, the envelope, the
findings, the events. Killed anywhere before that commit, the claim dies with us and the next runner begins anew from
the sealed original.
"""

import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

import mft
import parsers
from mft.clock import new_id
from mft.domain import ERRORS, STANDARD, TENANT, Arrival, Principal, Stage, printable
from mft.errors import Broken, Busy, MFTError, Refused, StageConflict
from mft.ledger import runners, transfers
from mft.ledger.database import Books, Readers, Row
from mft.ledger.objects import sealed_object
from mft.pipeline.acknowledge import Answered, Desk, Overtaken
from mft.pipeline.agreements import NOTHING_AGREED, Agreed, DirectoryNow
from mft.pipeline.companions import Witness, consult
from mft.pipeline.conclude import Conclude, SetRecords
from mft.pipeline.error_report import error_report
from mft.pipeline.evidence import speaks_of
from mft.pipeline.journal import Journal
from mft.pipeline.parse import Parser, ParserDied
from mft.pipeline.receive import Deposit
from mft.threads import watched
from mft.vault.store import ObjectWriter, Vault
from parsers.events import (
    Finished,
    GroupClosed,
    GroupOpened,
    Identified,
    InterchangeClosed,
    InterchangeOpened,
    RecordBatch,
    SetClosed,
    SetOpened,
)
from parsers.findings import Finding
from parsers.judged import Collector, JudgedInterchange
from partners.load import EMPTY

if TYPE_CHECKING:
    from mft.audit.log import Fact

_CLAIM_AT_ONCE: Final = 1  # More would let one long file keep the others from a thread that is free.
_POLL_SECONDS: Final = 5.0
_ATTEMPTS_MAX: Final = 3  # Of parsers that die.
_CLAIMS_MAX: Final = 8  # Of claims that came to nothing: the file may take the whole server down with it.
_INTERCHANGES_MAX: Final = 2_000  # Each may have an acknowledgment.
_SETS_MAX: Final = 10_000  # All of a file is one commit, which everybody else waits for.


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


class Release(msgspec.Struct, frozen=True, tag=True):
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


def release(journal: Journal, command: Release) -> None:
    runners.release(
        journal.books,
        command.transfer,
        runner=command.runner,
        attempt=command.attempt,
        at=journal.at,
        counts=command.counts,
    )
    journal.arrived = True


class TooManySets(Refused):
    code = "refused.too-many-sets"


class _Pass:
    """What one pass over a file collects. Records are sealed as they come; a set's are kept only if it is accepted."""

    def __init__(self, vault: Vault, job: Row, agreed: Agreed = NOTHING_AGREED) -> None:
        self._vault = vault
        self._job = job
        self._retention: str = job["retention"] or STANDARD
        self._agreed = agreed
        self._collector = Collector()
        self._judged: list[JudgedInterchange] = []
        self._answered = Answered()
        self.identified: Identified | None = None
        self.finished: Finished | None = None
        self.interchanges: dict[int, dict[str, Any]] = {}
        self.groups: dict[int, dict[str, Any]] = {}
        self.sets: dict[int, dict[str, Any]] = {}
        self.findings: list[Finding] = []
        self.records: list[SetRecords] = []
        self._open: dict[int, ObjectWriter] = {}

    def take(self, event: parsers.Event) -> None:
        ended = self._collector.take(event)
        if ended is not None:
            self._judged.append(ended)
        match event:
            case RecordBatch():
                writer = self._open.get(event.set)
                if writer is None:
                    writer = self._open[event.set] = self._vault.writer(TENANT, retention=self._retention)
                writer.append(event.ndjson)
                writer.flush()
            case Finding():
                self.findings.append(event)
            case InterchangeOpened():
                if len(self.interchanges) >= _INTERCHANGES_MAX:
                    raise TooManySets(f"more than {_INTERCHANGES_MAX:,} interchanges in one file: send it in parts")
                self.interchanges[event.index] = {
                    "position": event.index,
                    "standard": event.standard,
                    "version": event.version,
                    "sender": event.sender,
                    "sender_qualifier": event.sender_qualifier,
                    "receiver": event.receiver,
                    "receiver_qualifier": event.receiver_qualifier,
                    "control_number": event.control_number,
                    "usage": event.usage,
                    "start_offset": event.offset,
                    "end_offset": None,
                    "verdict": None,
                }
            case GroupOpened():
                self.groups[event.index] = {
                    "position": event.index,
                    "interchange": event.interchange,
                    "functional_id": event.functional_id,
                    "sender": event.sender,
                    "receiver": event.receiver,
                    "control_number": event.control_number,
                    "version": event.version,
                    "start_offset": event.offset,
                    "end_offset": None,
                    "verdict": None,
                }
            case SetOpened():
                if len(self.sets) >= _SETS_MAX:
                    raise TooManySets(f"more than {_SETS_MAX:,} sets or messages in one file: send it in parts")
                self.sets[event.index] = {
                    "position": event.index,
                    "interchange": event.interchange,
                    "functional_group": event.group,
                    "set_code": event.set,
                    "version": event.version,
                    "control_number": event.control_number,
                    "usage": event.usage,
                    "sender": event.sender,
                    "receiver": event.receiver,
                    "start_offset": event.offset,
                    "end_offset": None,
                    "verdict": None,
                    "records": 0,
                    "guide": None,
                    "guide_hash": None,
                    "map_version": None,
                }
            case SetClosed():
                self._close_set(event)
            case GroupClosed():
                self.groups[event.index] |= {"end_offset": event.end_offset, "verdict": event.verdict}
            case InterchangeClosed():
                self.interchanges[event.index] |= {"end_offset": event.end_offset, "verdict": event.verdict}
            case Identified():
                self.identified = event
            case Finished():
                self.finished = event

    def _close_set(self, event: SetClosed) -> None:
        row = self.sets[event.index]
        row |= {
            "end_offset": event.end_offset,
            "verdict": event.verdict,
            "guide": event.guide,
            "guide_hash": event.guide_hash,
            "map_version": event.map_version,
        }
        writer = self._open.pop(event.index, None)
        if writer is None:
            return
        if event.verdict != "accepted":
            writer.abandon()
            return
        assert event.map_version is not None
        assert event.record_schema is not None
        row["records"] = event.records
        try:
            sealed, _ = writer.finish()
        except BaseException:
            writer.abandon()
            raise
        self.records.append(
            SetRecords(
                event.index,
                row["set_code"] or "",
                event.map_version,
                event.record_schema,
                event.records,
                sealed,
            )
        )

    def abandon(self) -> None:
        """Nothing of this pass counts: forget what was sealed."""
        for writer in self._open.values():
            writer.abandon()
        self._open.clear()
        self._forget(self.records)
        self.records.clear()
        for sent in self._answered.sent:
            if sent.deposit.sealed.blob is None:
                self._vault.remove(sent.deposit.sealed.id)
        self._answered.sent.clear()

    def _forget(self, records: list[SetRecords]) -> None:
        for one in records:
            if one.sealed.blob is None:
                self._vault.remove(one.sealed.id)

    def answer(self, books: Books, submit: Callable[[Any], Any]) -> None:
        """Make what goes back to the sender, and let what is refused with it not flow on."""
        if self.finished is None or self.finished.outcome != "complete":
            return  # Half a file is not answered: the whole one may follow.
        desk = Desk(job=self._job, agreed=self._agreed, books=books, vault=self._vault, submit=submit)
        verdicts = {row["verdict"] for row in self.sets.values()}
        understood = verdicts & {"accepted", "rejected"} or any(row["guide"] for row in self.sets.values())
        answered = self._answered = desk.answered  # Already now: what it seals is forgotten with the rest.
        desk.answer(self._judged, quiet=not understood)
        for index, verdict in answered.refused.items():
            row = self.sets[index]
            if row["verdict"] == "accepted" or row["interchange"] in answered.verdicts:
                row |= {"verdict": verdict, "records": 0}
        for index, verdict in answered.verdicts.items():
            self.interchanges[index]["verdict"] = verdict
        refused = [one for one in self.records if self.sets[one.position]["verdict"] != "accepted"]
        self._forget(refused)
        self.records = [one for one in self.records if one not in refused]
        self.findings += answered.findings

    def _duplicate_of(self) -> str | None:
        """The transfer that all of this one came with before."""
        found = self._answered.duplicate_of
        return next(iter(found.values())) if found and len(found) == len(self.interchanges) else None

    def conclusion(self, runner: str, partner: str, witnesses: tuple[Witness, ...], doubt: str | None) -> Conclude:
        """The verdict on the whole file, ready to be committed. With a `doubt` about it, it is held."""
        identified, finished = self.identified, self.finished
        assert identified is not None
        assert finished is not None
        verdicts = [row["verdict"] for row in self.sets.values()]
        accepted, rejected = verdicts.count("accepted"), verdicts.count("rejected")
        unsupported = verdicts.count("unsupported")
        duplicate_of = self._duplicate_of()
        parsed: tuple[str, dict[str, Fact]] = (
            Stage.PARSED.value,
            {
                "interchanges": len(self.interchanges),
                "sets": len(self.sets),
                "findings": len(self.findings),
            },
        )
        validated: tuple[str, dict[str, Fact]] = (
            Stage.VALIDATED.value,
            {
                "findings": len(self.findings),
                "sets_accepted": accepted,
                "sets_rejected": rejected,
                "guides": " ".join(sorted({row["guide"] for row in self.sets.values() if row["guide"]})) or None,
                "profile": self._agreed.profile,
            },
        )
        acknowledged: list[tuple[str, dict[str, Fact]]] = []
        if sent := self._answered.sent:
            kinds = " ".join(sorted({kind for one in sent for kind in one.kinds}))
            acknowledged = [(Stage.ACKNOWLEDGED.value, {"kinds": kinds, "sent": len(sent)})]
        passed: list[tuple[str, dict[str, Fact]]] = [
            (Stage.IDENTIFIED.value, {"standard": identified.standard, "version": identified.version})
        ]
        opaque, reason = False, finished.reason
        match finished.outcome:
            case "empty" if speaks_of(self._job["name_bytes"], 0) is not None:
                opaque = True  # That it is there is all that it says.
                passed.append((Stage.DONE.value, {"sets_accepted": 0, "sets_rejected": 0}))
            case outcome if doubt is not None and outcome not in {"empty", "incomplete"}:
                self.abandon()
                reason = doubt
                passed.append((Stage.HELD.value, {}))
            case "opaque":
                opaque = True
                passed.append((Stage.DONE.value, {"sets_accepted": 0, "sets_rejected": 0}))
            case "empty":
                reason = finished.reason or "the file is empty"
                passed.append((Stage.HELD.value, {}))
            case "unsupported":
                passed.append((Stage.UNSUPPORTED.value, {"standard": identified.standard}))
            case "incomplete":
                self.abandon()  # What is not whole is announced to nobody.
                passed.append((Stage.INCOMPLETE.value, {}))
            case "complete" if duplicate_of is not None:
                self.findings.clear()  # They stand with the file that was first.
                ended: dict[str, Fact] = {"sets_accepted": 0, "sets_rejected": 0, "duplicate_of": duplicate_of}
                passed += [parsed, *acknowledged, (Stage.DONE.value, ended)]
                reason = f"duplicate of {duplicate_of}"
            case "complete" if accepted:
                count = sum(records.records for records in self.records)
                passed += [
                    parsed,
                    validated,
                    (Stage.CANONICALIZED.value, {"records": count}),
                    *acknowledged,
                    (Stage.DONE.value, {"sets_accepted": accepted, "sets_rejected": rejected}),
                ]
                reason = _partly(rejected, unsupported, len(self._answered.duplicate_of))
            case "complete" if rejected:
                passed += [
                    parsed,
                    validated,
                    *acknowledged,
                    (Stage.REJECTED.value, {"sets_rejected": rejected, "findings": len(self.findings)}),
                ]
                reason = self._first_error() or "no set could be accepted"
            case _:
                guided = any(row["guide"] for row in self.sets.values())
                passed += [
                    parsed,
                    *([validated] if guided else []),
                    *acknowledged,
                    (Stage.UNSUPPORTED.value, {"standard": identified.standard}),
                ]
                reason = reason or _no_map(self.sets)
        stage = Stage(passed[-1][0])
        usages = {row["usage"] for row in self.interchanges.values()} - {None}
        job = self._job
        conclusion = Conclude(
            transfer=job["id"],
            runner=runner,
            attempt=job["attempt"],
            connection=job["connection"],
            partner=partner,
            name=printable(job["name_bytes"]),
            size_bytes=job["size_bytes"],
            passed=tuple(passed),
            opaque=opaque,
            found=_found(
                standard=identified.standard,
                version=identified.version,
                sets=json.dumps(sorted({row["set_code"] for row in self.sets.values() if row["set_code"]})),
                usage=usages.pop() if len(usages) == 1 else None,
                sets_accepted=accepted if stage is Stage.DONE else 0,
                sets_rejected=rejected,
                parser_version=mft.__version__,
                map_version=" ".join(sorted({records.map_version for records in self.records})) or None,
                reason=reason,
            ),
            evidence=_trailer(self.interchanges, finished),
            witnesses=witnesses,
            interchanges=tuple(self.interchanges.values()),
            groups=tuple(self.groups.values()),
            sets=tuple(self.sets.values()),
            findings=tuple(self.findings),
            records=tuple(self.records),
            acknowledgments=tuple(self._answered.sent),
            came_before=tuple(self._answered.came_before),
            duplicate_of=duplicate_of,
        )
        errors = any(finding.severity == "error" for finding in self.findings)
        if stage is Stage.INCOMPLETE or (errors and stage in {Stage.DONE, Stage.REJECTED}):
            verdict = f"{stage.value}: {reason}" if reason else stage.value
            conclusion = msgspec.structs.replace(conclusion, report=self._report(verdict))
        return conclusion

    def _first_error(self) -> str | None:
        return next((f.message for f in self.findings if f.severity == "error"), None)

    def _report(self, verdict: str) -> Deposit:
        job = self._job
        text = error_report(
            printable(job["name_bytes"]),
            transfer=job["id"],
            size_bytes=job["size_bytes"],
            received_at=job["received_at"],
            verdict=verdict,
            findings=self.findings,
        )
        sealed, sha256 = self._vault.seal(TENANT, text.encode(), retention=self._retention)
        name = job["name_bytes"] + b"." + job["id"].encode() + b".txt"
        principal = Principal(job["connection"], "", "", "", job["profile_hash"])
        arrival = Arrival(principal, "server", "", "", ERRORS, name, retention=job["retention"])
        return Deposit(new_id(), arrival, sealed, sha256, parent=job["id"])


_FOUND: Final = (
    "standard", "version", "sets", "usage", "sets_accepted", "sets_rejected",
    "parser_version", "map_version", "reason",
)  # fmt: skip


def _found(**columns: Any) -> dict[str, Any]:
    """All columns of what was found, None where nothing is said."""
    return {**dict.fromkeys(_FOUND), "sets_accepted": 0, "sets_rejected": 0, **columns}


def _partly(rejected: int, unsupported: int, duplicates: int) -> str | None:
    parts = []
    if duplicates:
        parts.append(f"{duplicates} {'interchange' if duplicates == 1 else 'interchanges'} came before")
    if rejected:
        parts.append(f"{rejected} {'set was' if rejected == 1 else 'sets were'} rejected")
    if unsupported:
        parts.append(f"{unsupported} {'set has' if unsupported == 1 else 'sets have'} no map yet")
    return "partly done: " + " and ".join(parts) if parts else None


def _no_map(sets: dict[int, dict[str, Any]]) -> str:
    if not sets:
        return "the interchange holds no transaction set"
    codes = sorted({row["set_code"] for row in sets.values() if row["set_code"]})
    return f"no map yet for {', '.join(codes) or 'its sets'}"


def _trailer(interchanges: dict[int, dict[str, Any]], finished: Finished) -> dict[str, Any]:
    if not interchanges:
        return {}
    return {"trailer": "missing" if finished.outcome == "incomplete" else "seen"}


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
    ) -> None:
        self.id: Final = new_id()
        self._directory = directory
        self._vault = vault
        self._readers = readers
        self._submit = submit
        self._limits = {"memory_mib": memory_mib, "seconds": seconds}
        self._arrived = threading.Event()
        self._stop = threading.Event()
        self._threads = [watched(f"runner-{number}", self._run, on_broken) for number in range(1, threads + 1)]

    def start(self) -> None:
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
        agreed = Agreed(self._directory(), job["connection"])
        found = _Pass(self._vault, job, agreed)
        try:
            opened = self._vault.open(sealed_object(self._readers.get(), job["object_id"]))
            try:
                for event in parser.read(opened.chunks(), agreed.judging):
                    found.take(event)
            finally:
                opened.close()
            witnesses, doubt = consult(self._readers.get(), self._vault, job)
            if doubt is None:
                found.answer(self._readers.get(), self._submit)
            self._submit(found.conclusion(self.id, partner, witnesses, doubt))
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
                self._submit(Release(job["id"], self.id, job["attempt"], counts))
            except StageConflict:
                return
            except Busy:
                if self._stop.wait(_POLL_SECONDS):
                    return  # `EndRunner`, or the next start, frees it.
            else:
                return

    def _quarantine(self, job: Row, partner: str, reason: str) -> None:
        conclusion = Conclude(
            transfer=job["id"],
            runner=self.id,
            attempt=job["attempt"],
            connection=job["connection"],
            partner=partner,
            name=printable(job["name_bytes"]),
            size_bytes=job["size_bytes"],
            passed=((Stage.QUARANTINED.value, {"attempts": job["attempt"]}),),
            found=_found(parser_version=mft.__version__, reason=reason),
        )
        try:
            self._submit(conclusion)
        except StageConflict:
            return  # Somebody else has it.
        except Busy:
            self._give_back(job)
