"""One reading of a file: what its parser says is collected, records are sealed as they come, and a verdict is made.

Nothing of it counts until the `Conclude` that it ends in is committed.
"""

import json
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgspec

import mft
import parsers
from mft.clock import new_id
from mft.domain import ERRORS, STANDARD, TENANT, Arrival, Doubt, Principal, Stage, printable
from mft.errors import Refused
from mft.ledger.acknowledgments import HELD
from mft.ledger.database import Books, Row
from mft.ledger.objects import sealed_object
from mft.pipeline import doubts
from mft.pipeline.acknowledge import Answered, Desk
from mft.pipeline.agreements import NOTHING_AGREED, Agreed
from mft.pipeline.companions import Witness
from mft.pipeline.conclude import Child, Conclude, SetRecords
from mft.pipeline.doubts import Contents
from mft.pipeline.error_report import error_report
from mft.pipeline.evidence import speaks_of
from mft.pipeline.receive import Deposit
from mft.vault.store import ObjectWriter, Reader, Vault
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

if TYPE_CHECKING:
    from mft.audit.log import Fact

_PIECE: Final = 1 << 20
_INTERCHANGES_MAX: Final = 2_000  # Each may have an acknowledgment.
_SETS_MAX: Final = 10_000  # All of a file is one commit, which everybody else waits for.


class TooManySets(Refused):
    code = "refused.too-many-sets"


class Reading:
    """What one reading of a file collects. Records are sealed as they come; a set's are kept only if it is accepted."""

    def __init__(self, vault: Vault, job: Row, agreed: Agreed = NOTHING_AGREED) -> None:
        self._vault = vault
        self._job = job
        self._waived = frozenset((job["waived"] or "").split())
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
        self._aside: dict[int, Doubt] = {}  # Interchanges that wait as transfers of their own.
        self._children: list[Child] = []
        self._new_since: int | None = None

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
                    "trading_partner": None,
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
        self._forget(self._children)
        self._children.clear()

    def _forget(self, made: Sequence[SetRecords | Child]) -> None:
        for one in made:
            if one.sealed.blob is None:
                self._vault.remove(one.sealed.id)

    def weigh(self, books: Books, doubt: Doubt | None) -> Doubt | None:
        """What holds the file, if a `doubt` is not known already. Interchanges that may not pass are set aside."""
        assert self.identified is not None
        assert self.finished is not None
        outcome = self.finished.outcome
        if outcome in {"empty", "incomplete"}:
            return doubt
        contents = Contents(
            self.identified.standard,
            len(self.sets),
            {row["set_code"] for row in self.sets.values()},
            bool(self.interchanges) and all(row["control_number"] for row in self.interchanges.values()),
        )
        whole = doubts.of_file(books, self._job, self._agreed, contents)
        known = [doubt] if doubt else []
        first = next((one for one in chain(known, whole) if one.code not in self._waived), None)
        if first is not None:
            return first
        if "duplicate" not in self._waived:
            self._new_since = doubts.new_since(self._job, self._agreed, contents)
        self.findings += doubts.remarks(books, self._job, self._agreed, contents)
        for index, row in self.interchanges.items():
            partner = self._agreed.trading_partner(row)
            row["trading_partner"] = partner.name if partner else None
            found = doubts.of_interchange(row, self._job, self._agreed)
            if found is not None and found.code not in self._waived:
                self._aside[index] = found
        if self._aside and len(self._aside) == len(self.interchanges):
            return next(iter(self._aside.values()))
        return None

    def answer(self, books: Books, submit: Callable[[Any], Any]) -> None:
        """Make what goes back to the sender, and let what is refused with it not flow on."""
        if self.finished is None or self.finished.outcome != "complete":
            return  # Half a file is not answered: the whole one may follow.
        if self._aside:
            self._set_aside(books)
        desk = Desk(job=self._job, agreed=self._agreed, books=books, vault=self._vault, submit=submit)
        taken = [row for row in self.sets.values() if row["verdict"] != HELD]
        understood = {"accepted", "rejected"} & {row["verdict"] for row in taken} or any(row["guide"] for row in taken)
        answered = self._answered = desk.answered  # Already now: what it seals is forgotten with the rest.
        desk.answer([one for one in self._judged if one.opened.index not in self._aside], quiet=not understood)
        for index, verdict in answered.refused.items():
            row = self.sets[index]
            if row["verdict"] == "accepted" or row["interchange"] in answered.verdicts:
                row |= {"verdict": verdict, "records": 0}
        for index, verdict in answered.verdicts.items():
            self.interchanges[index]["verdict"] = verdict
        self._keep_accepted()
        self.findings += answered.findings

    def _keep_accepted(self) -> None:
        """Forget the records of sets that did not stay accepted."""
        refused = [one for one in self.records if self.sets[one.position]["verdict"] != "accepted"]
        self._forget(refused)
        self.records = [one for one in self.records if one not in refused]

    def _set_aside(self, books: Books) -> None:
        """Have interchanges that may not pass wait, each as a transfer of its own, with nothing processed of it."""
        reader = self._vault.open(sealed_object(books, self._job["object_id"]))
        try:
            for index, doubt in self._aside.items():
                row = self.interchanges[index]
                row["verdict"] = HELD
                self._children.append(self._cut_out(reader, row, doubt))
        finally:
            reader.close()
        for row in self.sets.values():
            if row["interchange"] in self._aside:
                row |= {"verdict": HELD, "records": 0}
        self._keep_accepted()
        gone = {row["position"] for row in self.sets.values() if row["verdict"] == HELD}
        self.findings = [one for one in self.findings if one.set not in gone]  # They are found again when it passes.

    def _cut_out(self, reader: Reader, row: dict[str, Any], doubt: Doubt) -> Child:
        writer = self._vault.writer(TENANT, retention=self._retention)
        at, end = row["start_offset"], row["end_offset"] or reader.size
        try:
            while at < end:
                piece = reader.read_at(at, min(_PIECE, end - at))
                writer.append(piece)
                writer.flush()
                at += len(piece)
            sealed, sha256 = writer.finish()
        except BaseException:
            writer.abandon()
            raise
        stem, dot, ending = self._job["name_bytes"].rpartition(b".")
        name = b"%s.%d%s%s" % (stem if dot else ending, row["position"], dot, ending if dot else b"")
        return Child(
            new_id(), "interchange", name, sealed, sha256, {"interchange": row["position"]}, self._job["feed"], doubt
        )

    def _duplicate_of(self) -> str | None:
        """The transfer that all of this one came with before."""
        found = self._answered.duplicate_of
        return next(iter(found.values())) if found and len(found) + len(self._aside) == len(self.interchanges) else None

    def conclusion(self, runner: str, partner: str, witnesses: tuple[Witness, ...], doubt: Doubt | None) -> Conclude:
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
            case "empty" if self._may_be_empty:
                opaque = True  # That it is there is all that it says.
                passed.append((Stage.DONE.value, {"sets_accepted": 0, "sets_rejected": 0}))
            case outcome if doubt is not None and outcome not in {"empty", "incomplete"}:
                self.abandon()
                reason = doubt.words
                passed.append((Stage.HELD.value, {"doubt": doubt.code}))
            case "opaque":
                opaque = True
                passed.append((Stage.DONE.value, {"sets_accepted": 0, "sets_rejected": 0}))
            case "empty":
                reason = finished.reason or "the file is empty"
                doubt = Doubt("empty", reason)
                passed.append((Stage.HELD.value, {"doubt": doubt.code}))
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
                reason = _partly(rejected, unsupported, len(self._answered.duplicate_of), len(self._aside))
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
        held = doubt if stage is Stage.HELD else None
        told = self._agreed.feed.parts(self._job["name_bytes"])
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
            found=columns_found(
                standard=identified.standard,
                version=identified.version,
                sets=json.dumps(sorted({row["set_code"] for row in self.sets.values() if row["set_code"]})),
                usage=usages.pop() if len(usages) == 1 else None,
                sets_accepted=accepted if stage is Stage.DONE else 0,
                sets_rejected=rejected,
                parser_version=mft.__version__,
                map_version=" ".join(sorted({records.map_version for records in self.records})) or None,
                reason=reason,
                doubt=held.code if held else None,
                flow_hold=held.flow_hold if held else None,
                entity=told.entity,
                sequence=told.sequence,
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
            children=tuple(self._children),
            new_since=self._new_since if stage is Stage.DONE else None,
        )
        errors = any(finding.severity == "error" for finding in self.findings)
        if stage is Stage.INCOMPLETE or (errors and stage in {Stage.DONE, Stage.REJECTED}):
            verdict = f"{stage.value}: {reason}" if reason else stage.value
            conclusion = msgspec.structs.replace(conclusion, report=self._report(verdict))
        return conclusion

    @property
    def _may_be_empty(self) -> bool:
        """An empty file says something by being there: of another one, or of its feed; or an operator let it pass."""
        accepted = self._agreed.feed.empty == "accept" or "empty" in self._waived
        return accepted or speaks_of(self._job["name_bytes"], 0) is not None

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
    "parser_version", "map_version", "reason", "doubt", "flow_hold", "entity", "sequence",
)  # fmt: skip


def columns_found(**columns: Any) -> dict[str, Any]:
    """All columns of what was found, None where nothing is said."""
    return {**dict.fromkeys(_FOUND), "sets_accepted": 0, "sets_rejected": 0, **columns}


def _partly(rejected: int, unsupported: int, duplicates: int, held: int) -> str | None:
    parts = []
    if duplicates:
        parts.append(f"{duplicates} {'interchange' if duplicates == 1 else 'interchanges'} came before")
    if held:
        waits = (
            "interchange waits as a transfer of its own" if held == 1 else "interchanges wait as transfers of their own"
        )
        parts.append(f"{held} {waits}")
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
