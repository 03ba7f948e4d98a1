"""What goes back for the interchanges of a file: what came before, what is rejected for it, and the answers themselves.

Nothing here is in the ledger until the file's `Conclude` is committed; only the control numbers are allocated before,
because they stand inside of bytes that are sealed first. A crash in between burns them.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from mft.clock import new_id
from mft.domain import STANDARD, TENANT, Arrival, Principal, Stage
from mft.errors import Busy, Missing
from mft.ledger.acknowledgments import DUPLICATE, InterchangeKey, acknowledgments_of, came_before
from mft.ledger.control_numbers import Scope, allocate
from mft.ledger.database import Books, Row
from mft.ledger.objects import sealed_object
from mft.pipeline.agreements import Agreed, wish
from mft.pipeline.journal import Journal
from mft.pipeline.receive import Deposit
from mft.vault.store import Vault
from parsers.acknowledgment import STANDARDS, Answer, Numbers, Wish, answer, rejects, write
from parsers.findings import Finding, Location
from parsers.judged import JudgedInterchange, JudgedSet
from partners.agreement import Agreement
from partners.template import plain

if TYPE_CHECKING:
    from mft.audit.log import Fact

_DAY_US: Final = 86_400_000_000
_PIECE: Final = 1 << 20
_BLANKS: Final = b" \r\n\0\x1a"
_FORCED: Final[Mapping[str, Literal["auto", "contrl", "hl7"]]] = {"x12": "auto", "edifact": "contrl", "hl7": "hl7"}
"""What to ask for, so as to learn the verdict also where nothing goes back."""

_NAMED: Final = {"hl7": "ack"}
"""Kinds that are called otherwise in the name of a file."""


class Overtaken(Busy):
    """Another file with the same interchange was concluded while this one was read."""

    code = "busy.overtaken"


class AllocateNumbers(msgspec.Struct, frozen=True, tag=True):
    """Take control numbers: of each scope so many. They are used at once, or never."""

    wanted: tuple[tuple[Scope, int], ...]


class CameBefore(msgspec.Struct, frozen=True):
    """What was known of earlier interchanges of a key when the file was answered: their transfers and positions."""

    key: InterchangeKey
    since: int
    seen: tuple[tuple[str, int], ...]


class Acknowledged(msgspec.Struct, frozen=True):
    """An acknowledgment, sealed and ready to lie in a partner's folder. `repeats` is the transfer it was made for."""

    interchange: int
    standard: str
    kinds: tuple[str, ...]
    verdict: str
    control_number: str
    deposit: Deposit
    repeats: str | None = None


@dataclass(slots=True, kw_only=True)
class Answered:
    """Attributes:
    sent: what goes back.
    refused: sets that must not flow on, by their ordinal: "rejected" or "duplicate".
    verdicts: of interchanges that came before, by their ordinal: "rejected" or "duplicate".
    duplicate_of: the transfer that such an interchange came with.
    findings: about the interchanges as a whole.
    """

    sent: list[Acknowledged] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    verdicts: dict[int, str] = field(default_factory=dict)
    duplicate_of: dict[int, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    came_before: list[CameBefore] = field(default_factory=list)


def allocate_numbers(journal: Journal, command: AllocateNumbers) -> list[list[int]]:
    return [allocate(journal.books, scope, count, at=journal.at) for scope, count in command.wanted]


@dataclass(slots=True)
class _Reply:
    """An answer that lacks its numbers."""

    interchange: JudgedInterchange
    agreement: Agreement
    answer: Answer


class Desk:
    """Answers the interchanges of one file.

    Error handling: raises what the vault and the ledger raise; nothing counts then, but the numbers are burned.
    """

    def __init__(self, *, job: Row, agreed: Agreed, books: Books, vault: Vault, submit: Callable[[Any], Any]) -> None:
        self._job = job
        self._agreed = agreed
        self._books = books
        self._vault = vault
        self._submit = submit
        self.answered = Answered()
        self._replies: list[_Reply] = []
        self._here: dict[InterchangeKey, list[Row]] = {}  # What this file has had so far.

    def answer(self, interchanges: Sequence[JudgedInterchange], *, quiet: bool) -> None:
        """Judge the interchanges as a whole, and answer them, in `answered`.

        Args:
            quiet: nothing new goes back: the file waits for somebody who understands it.
        """
        mine = [one for one in interchanges if one.closed is not None and one.opened.standard in STANDARDS]
        agreements = [self._agreed.on(one) for one in mine]
        for interchange, agreement in zip(mine, agreements, strict=True):
            _prepare(interchange, agreement)
        if not quiet:
            self._all_or_nothing(mine, agreements)
        for interchange, agreement in zip(mine, agreements, strict=True):
            if not self._came_before(interchange, agreement):
                self._decide(interchange, agreement, quiet=quiet)
        self._write()

    def _decide(self, interchange: JudgedInterchange, agreement: Agreement, *, quiet: bool) -> None:
        """What is true of an interchange that is new, whether its sender is told or not."""
        self._refuse(
            (index for index, said in _verdicts(interchange, agreement).items() if said == "rejected"), "rejected"
        )
        reply = answer(interchange, wish(agreement))
        if reply is not None and not quiet:
            self._replies.append(_Reply(interchange, agreement, reply))

    def _refuse(self, sets: Iterator[int], verdict: str) -> None:
        self.answered.refused.update(dict.fromkeys(sets, verdict))

    # --- all or nothing ---

    def _all_or_nothing(self, interchanges: Sequence[JudgedInterchange], agreements: Sequence[Agreement]) -> None:
        """One rejected set rejects all that the file has under such an agreement, in whatever group it stands."""
        bound = [one for one, agreement in zip(interchanges, agreements, strict=True) if agreement.all_or_nothing]
        if not any(_fails(one) for one in bound):
            return
        told = False
        for interchange in bound:
            for judged in interchange.all_sets():
                if judged.failed:
                    continue
                finding = _about(interchange, "all-or-nothing", _ALL_OR_NOTHING, judged)
                judged.findings.append((finding, None))
                judged.error_levels.add(finding.level)
                if not told:
                    self.answered.findings.append(finding)
                    told = True

    # --- what came before ---

    def _came_before(self, interchange: JudgedInterchange, agreement: Agreement) -> bool:
        """Whether it was sent before, be it in this very file; then it is dealt with."""
        key, job = _key(self._job, interchange), self._job
        if key is None or not agreement.duplicate_days:
            return False
        since = job["received_at"] - agreement.duplicate_days * _DAY_US
        rows = came_before(self._books, key, since=since, but=job["id"])
        seen = tuple((row["transfer_id"], row["position"]) for row in rows)
        self.answered.came_before.append(CameBefore(key, since, seen))
        here = self._row(interchange)
        in_this_file = self._here.setdefault(key, [])
        rows += in_this_file
        in_this_file.append(here)
        for row in rows:
            if self._same(row, here):
                if row["stage"] == Stage.REJECTED and "accepted" in _verdicts(interchange, agreement).values():
                    break  # Today we see it otherwise. Nothing of it was ever processed, so it is new.
                self._again(interchange, agreement, row)
                return True
        first = next((row["transfer_id"] for row in rows if row["stage"] != Stage.REJECTED), None)
        if first is not None:
            return self._number_used(interchange, agreement, first)
        return False

    def _again(self, interchange: JudgedInterchange, agreement: Agreement, row: Row) -> None:
        """The very same interchange once more: nothing of it is processed."""
        index, answered = interchange.opened.index, self.answered
        answered.duplicate_of[index] = row["transfer_id"]
        answered.verdicts[index] = DUPLICATE
        self._refuse((one.opened.index for one in interchange.all_sets()), DUPLICATE)
        if agreement.duplicates == "silent" or agreement.acknowledge == "none":
            return
        if agreement.duplicates == "repeat":
            self._repeat(interchange, agreement, row)
        elif (reply := answer(interchange, wish(agreement), duplicate=True)) is not None:
            self._replies.append(_Reply(interchange, agreement, reply))

    def _number_used(self, interchange: JudgedInterchange, agreement: Agreement, first: str) -> bool:
        """The control number came with other content. Returns False where that is merely worth telling."""
        several = interchange.opened.standard == "hl7" and len(list(interchange.all_sets())) > 1
        passes = several or agreement.number_used == "flag"
        message, hint = _NUMBER_USED
        words = (message.format(first=first), hint)
        finding = _about(interchange, "interchange-duplicate", words, None, warning=passes)
        self.answered.findings.append(finding)
        if passes:  # A file of messages has no number of its own, either: its first message's stands for it.
            return False
        interchange.findings.append((finding, None))
        interchange.error_levels.add(finding.level)
        self.answered.verdicts[interchange.opened.index] = "rejected"
        self._refuse((one.opened.index for one in interchange.all_sets()), "rejected")
        reply = answer(interchange, wish(agreement), duplicate=True)
        if reply is not None and agreement.duplicates != "silent":
            self._replies.append(_Reply(interchange, agreement, reply))
        return True

    def _row(self, interchange: JudgedInterchange) -> Row:
        """An interchange of this file, as the ledger will have it."""
        assert interchange.closed is not None
        return {
            "transfer_id": self._job["id"],
            "position": interchange.opened.index,
            "start_offset": interchange.opened.offset,
            "end_offset": interchange.closed.end_offset,
            "stage": None,
            "sha256": self._job["sha256"],
            "object_id": self._job["object_id"],
        }

    def _same(self, one: Row, other: Row) -> bool:
        """Whether two interchanges are the same bytes, but for blanks behind their end."""
        at = [(row["start_offset"], row["end_offset"] or row["start_offset"]) for row in (one, other)]
        if bytes(one["sha256"]) == bytes(other["sha256"]) and at[0] == at[1]:
            return True
        size, longer = sorted(end - start for start, end in at)
        if longer - size > _PIECE:
            return False
        try:
            readers = [self._vault.open(sealed_object(self._books, row["object_id"])) for row in (one, other)]
        except Missing:
            return False  # Its content was forgotten.
        try:
            for begin in range(0, size, _PIECE):
                most = min(_PIECE, size - begin)
                pieces = {reader.read_at(start + begin, most) for reader, (start, _) in zip(readers, at, strict=True)}
                if len(pieces) > 1:
                    return False
            rests = (
                reader.read_at(start + size, end - start - size)
                for reader, (start, end) in zip(readers, at, strict=True)
            )
            return not any(rest.strip(_BLANKS) for rest in rests)
        finally:
            for reader in readers:
                reader.close()

    def _repeat(self, interchange: JudgedInterchange, agreement: Agreement, row: Row) -> None:
        """The acknowledgment of the first time once more, byte for byte."""
        rows = acknowledgments_of(self._books, row["transfer_id"])
        first = next((one for one in rows if one["interchange"] == row["position"]), None)
        if first is None:
            return  # Nothing went back then.
        try:
            sealed = sealed_object(self._books, first["object_id"])
        except Missing:
            return  # It was forgotten.
        reader = self._vault.open(sealed)
        try:
            content = b"".join(reader.chunks())
        finally:
            reader.close()
        self._send(
            interchange,
            agreement,
            content,
            kinds=tuple(first["kinds"].split()),
            verdict=first["verdict"],
            control_number=first["control_number"],
            usage=interchange.opened.usage,
            repeats=row["transfer_id"],
        )

    # --- writing ---

    def _write(self) -> None:
        """Give every answer its numbers, all of them in one transaction, and seal it."""
        if not self._replies:
            return
        wanted: list[tuple[Scope, int]] = []
        for reply in self._replies:
            wanted += [(_scope(reply, "interchange"), 1), (_scope(reply, "group"), reply.answer.groups)]
        allocated = self._submit(AllocateNumbers(tuple(wanted)))
        now = datetime.now(UTC)
        for nth, reply in enumerate(self._replies):
            (number,), groups = allocated[2 * nth], allocated[2 * nth + 1]
            made = reply.answer
            self._send(
                reply.interchange,
                reply.agreement,
                write(made, Numbers(interchange=number, groups=tuple(groups)), now),
                kinds=made.kinds,
                verdict=made.verdict,
                control_number=f"{number:09}" if made.standard == "x12" else str(number),
                usage=made.usage,
            )

    def _send(
        self,
        interchange: JudgedInterchange,
        agreement: Agreement,
        content: bytes,
        *,
        kinds: tuple[str, ...],
        verdict: str,
        control_number: str,
        usage: str | None,
        repeats: str | None = None,
    ) -> None:
        job, opened, transfer = self._job, interchange.opened, new_id()
        sealed, sha256 = self._vault.seal(TENANT, content, retention=job["retention"] or STANDARD)
        name, *others = _names(agreement, job["name_bytes"], kinds[-1], opened.control_number, control_number, transfer)
        principal = Principal(job["connection"], "", "", "", self._agreed.profile or job["profile_hash"])
        arrival = Arrival(principal, "server", "", "", agreement.ack_folder.encode(), name, retention=job["retention"])
        facts: dict[str, Fact] = {"kinds": " ".join(kinds), "verdict": verdict, "control_number": control_number}
        deposit = Deposit(
            transfer,
            arrival,
            sealed,
            sha256,
            parent=job["id"],
            others=tuple(others),
            standard=opened.standard,
            sets=json.dumps([_NAMED.get(kind, kind).upper() for kind in kinds]),
            usage=usage,
            facts=facts,
        )
        self.answered.sent.append(
            Acknowledged(opened.index, opened.standard, kinds, verdict, control_number, deposit, repeats)
        )


_ALL_OR_NOTHING: Final = (
    "Another set of the file was rejected, and it was agreed that all of a file is taken or nothing.",
    "Mend what is said of the other set, and send the whole file again.",
)
_NUMBER_USED: Final = (
    "The interchange's control number came before, with other content: see transfer {first}.",
    "Give each interchange a number of its own; the same one only to send the very same bytes again.",
)


def _about(
    interchange: JudgedInterchange,
    code: str,
    words: tuple[str, str],
    judged: JudgedSet | None,
    *,
    warning: bool = False,
) -> Finding:
    standard = interchange.opened.standard
    at = judged.opened if judged else interchange.opened
    place = Location(standard=standard, set=judged.opened.index if judged else None, offset=at.offset)
    message, hint = words
    return Finding.at(place, f"{standard}.{code}", message, hint, severity="warning" if warning else "error")


def _prepare(interchange: JudgedInterchange, agreement: Agreement) -> None:
    """Say of sets without a guide that were understood that they were; and keep quoted values out where so agreed."""
    for judged in interchange.all_sets():
        closed = judged.closed
        if closed is not None and closed.guide is None and closed.verdict == "accepted":
            judged.closed = msgspec.structs.replace(closed, guide="")
    if not agreement.quote_codes:
        for owner in (interchange, *interchange.groups, *interchange.all_sets()):
            owner.findings[:] = [(finding, None) for finding, _ in owner.findings]


def _verdicts(interchange: JudgedInterchange, agreement: Agreement) -> Mapping[int, str]:
    """Of each set, by its ordinal: also where its sender wants no answer, or only one on the whole interchange."""
    forced = msgspec.structs.replace(wish(agreement), kind=_FORCED[interchange.opened.standard])
    said = answer(interchange, forced)
    return said.sets if said else {}


def _fails(interchange: JudgedInterchange) -> bool:
    return (
        interchange.failed
        or any(group.failed for group in interchange.groups)
        or any(rejects(judged, Wish()) for judged in interchange.all_sets())
    )


def _key(job: Row, interchange: JudgedInterchange) -> InterchangeKey | None:
    opened = interchange.opened
    if not opened.control_number:
        return None
    return InterchangeKey(
        connection=job["connection"],
        standard=opened.standard,
        sender=opened.sender,
        sender_qualifier=opened.sender_qualifier,
        receiver=opened.receiver,
        receiver_qualifier=opened.receiver_qualifier,
        control_number=opened.control_number,
        usage=opened.usage,
    )


def _scope(reply: _Reply, kind: str) -> Scope:
    opened = reply.interchange.opened
    return Scope(
        own=f"{opened.receiver_qualifier or ''}:{opened.receiver or ''}",
        partner=f"{opened.sender_qualifier or ''}:{opened.sender or ''}",
        standard=opened.standard,
        kind=kind,
        usage=reply.answer.usage or "",
    )


def _names(
    agreement: Agreement, name: bytes, kind: str, control_number: str | None, number: str, transfer: str
) -> Iterator[bytes]:
    """What an acknowledgment may be called: the later ones for when another file lies under the earlier."""
    now = datetime.now(UTC)
    kind = _NAMED.get(kind, kind)
    fields = {
        "name": name,
        "stem": name.rpartition(b".")[0] or name,
        "kind": kind.encode(),
        "control_number": plain(control_number),
        "date": f"{now:%Y%m%d}".encode(),
        "time": f"{now:%H%M%S}".encode(),
        "number": number.encode(),
    }
    first = agreement.ack_called(fields)
    yield first
    stem, dot, ending = first.rpartition(b".")
    for more in (number, transfer):
        yield stem + b"." + more.encode() + dot + ending if dot else ending + b"." + more.encode()
