"""People are told of trouble, once: by rules, in one message for all that is new, and again where nobody sees to it.

A rule looks for one kind of trouble that is older than it allows. What it finds of one subject (a partner, a sink, a
key) is one alert, however many files it is; it ends by itself when the trouble does. A message names partners, counts
and times, never a file.
"""

import json
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from mft.clock import now_us, rfc3339
from mft.errors import Broken, Busy, MFTError
from mft.ledger import alerts
from mft.ledger.database import Books, Row
from mft.pipeline.journal import Journal
from mft.threads import watched

_MINUTE_US: Final = 60_000_000
_LEFT_MAX: Final = 100  # Messages that wait for a channel; of more the oldest go.
_CLOCK_MINUTES: Final = 60  # For so long a step of the clock is news.
STAGES: Final = ("held", "quarantined", "incomplete", "unsupported", "rejected", "received")
"""Stages that a rule may look for; `received` is what waits to be worked on."""
TROUBLES: Final = (*STAGES, "unsent", "dead", "log", "key", "disk", "clock")
"""What a rule may look for: beside stages events that a sink has not taken yet, or refused for too long, leaves
without a number or checkpoints that stay on this host, keys near their end, a disk nearly full, a clock that stepped.
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """When people are told, and who. `to` and `escalate_to` are mail addresses; none: those that are told anyway."""

    name: str
    when: str
    after_minutes: int = 0
    partner: str = ""
    doubt: str = ""
    to: tuple[str, ...] = ()
    escalate_minutes: int = 0
    escalate_to: tuple[str, ...] = ()


DEFAULT_RULES: Final = (
    Rule("quarantined", "quarantined"),
    Rule("held", "held", after_minutes=60),
    Rule("incomplete", "incomplete", after_minutes=60),
    Rule("unsupported", "unsupported", after_minutes=60),
    Rule("waiting", "received", after_minutes=15),
    Rule("unsent", "unsent", after_minutes=15),
    Rule("dead", "dead"),
    Rule("log", "log", after_minutes=15),
    Rule("key", "key"),
    Rule("disk", "disk"),
    Rule("clock", "clock"),
)


class Trouble(msgspec.Struct, frozen=True):
    """What a rule found of one subject."""

    rule: str
    subject: str
    words: str
    count: int
    since: int


class SeeTroubles(msgspec.Struct, frozen=True, tag=True):
    """All the trouble there is: what is new is raised, what is no more has ended."""

    found: tuple[Trouble, ...]


class Told(msgspec.Struct, frozen=True, tag=True):
    """People have been told of these alerts, once more where they were escalated."""

    alerts: tuple[str, ...]
    escalated: bool


class Untold(msgspec.Struct, frozen=True, tag=True):
    """A channel began to fail. `error` is the class of the error."""

    channel: str
    error: str


class AcknowledgeAlert(msgspec.Struct, frozen=True, tag=True):
    """Somebody sees to it."""

    alert: str
    actor: str


def see_troubles(journal: Journal, command: SeeTroubles) -> None:
    books = journal.books
    known = {(row["rule"], row["subject"]): row for row in alerts.open_alerts(books)}
    for one in command.found:
        row = known.pop((one.rule, one.subject), None)
        if row is None:
            about: dict[str, Any] = {"rule": one.rule, "subject": one.subject, "words": one.words}
            alert = alerts.raise_alert(books, **about, count=one.count, since=one.since, at=journal.at)
            journal.leaf("alert.raised", actor="server", facts={"alert": alert, "rule": one.rule})
        elif (row["count"], row["words"]) != (one.count, one.words):
            alerts.recount(books, row["id"], count=one.count, words=one.words)
    alerts.stamp(books, "ended_at", [row["id"] for row in known.values()], at=journal.at)


def told(journal: Journal, command: Told) -> None:
    alerts.stamp(journal.books, "escalated_at" if command.escalated else "told_at", command.alerts, at=journal.at)


def untold(journal: Journal, command: Untold) -> None:
    facts = {"channel": command.channel, "error": command.error}
    journal.leaf("alert.unsent", actor="server", result="refused", facts=facts)


def acknowledge_alert(journal: Journal, command: AcknowledgeAlert) -> None:
    """Raises Missing: there is no such alert, or somebody sees to it already."""
    row = alerts.acknowledge(journal.books, command.alert, by=command.actor, at=journal.at)
    journal.leaf("alert.acknowledged", actor=command.actor, facts={"alert": row["id"], "rule": row["rule"]})


# --- What there is


class _Sight(NamedTuple):
    """What a rule looks at: what was so at `until` or before counts. `data` lies on the disk that may be full."""

    books: Books
    rule: Rule
    until: int
    now: int
    data: Path


def look(books: Books, rules: Sequence[Rule], *, now: int, data: Path) -> Iterator[Trouble]:
    """All the trouble that rules look for; `data` as in `_Sight`."""
    for rule in rules:
        sight = _Sight(books, rule, now - rule.after_minutes * _MINUTE_US, now, data)
        yield from (_standing if rule.when in STAGES else _OTHERS[rule.when])(sight)


def _standing(sight: _Sight) -> Iterator[Trouble]:
    rule = sight.rule
    found = alerts.standing(sight.books, rule.when, until=sight.until, partner=rule.partner, doubt=rule.doubt)
    for row in found:
        count, partner = row["transfers"], row["partner"]
        files = "1 file" if count == 1 else f"{count:,} files"
        stands = "waits to be worked on" if rule.when == "received" else rule.when
        yield Trouble(rule.name, partner, f"{files} of {partner}: {stands}", count, row["since"])


def _unsent(sight: _Sight) -> Iterator[Trouble]:
    for row in alerts.unsent(sight.books, until=sight.until):
        words = f"{row['events']:,} events wait for the sink {row['sink']}"
        yield Trouble(sight.rule.name, row["sink"], words, row["events"], row["since"])


def _dead(sight: _Sight) -> Iterator[Trouble]:
    for row in alerts.dead_letters(sight.books):
        letters = "1 event" if row["events"] == 1 else f"{row['events']:,} events"
        words = f"{letters} refused by the sink {row['sink']} for too long: see `mft events dead list`"
        yield Trouble(sight.rule.name, row["sink"], words, row["events"], row["since"])


def _log(sight: _Sight) -> Iterator[Trouble]:
    row = alerts.unnumbered(sight.books, until=sight.until)
    if row["leaves"]:
        words = f"{row['leaves']:,} leaves of the audit log wait for their number"
        yield Trouble(sight.rule.name, "numbers", words, row["leaves"], row["since"])
    for place in alerts.unanchored(sight.books, until=sight.until):
        words = f"{place['destination']} takes no checkpoint"
        yield Trouble(sight.rule.name, place["destination"], words, 1, place["failed_at"])


def _key(sight: _Sight) -> Iterator[Trouble]:
    for row in alerts.ending_keys(sight.books):
        left = row["days_left"]
        words = "is over" if left < 0 else f"ends within {left} {'day' if left == 1 else 'days'}"
        yield Trouble(sight.rule.name, row["key_id"], f"key {row['key_id']} {words}", 1, row["at"])


def _disk(sight: _Sight) -> Iterator[Trouble]:
    usage = shutil.disk_usage(sight.data)
    if usage.free < least_free(usage.total):
        yield Trouble(sight.rule.name, "disk", f"{usage.free >> 20:,} MiB are free for {sight.data}", 1, sight.now)


def least_free(total: int) -> int:
    """So many bytes of a disk should be free."""
    return max(total // 20, 1 << 30)


def _clock(sight: _Sight) -> Iterator[Trouble]:
    row = alerts.clock_steps(sight.books, since=sight.now - _CLOCK_MINUTES * _MINUTE_US)
    if row["steps"]:
        yield Trouble(sight.rule.name, "clock", "the clock of this host stepped", row["steps"], row["since"])


_OTHERS: Final[dict[str, Callable[[_Sight], Iterator[Trouble]]]] = {
    "unsent": _unsent,
    "dead": _dead,
    "log": _log,
    "key": _key,
    "disk": _disk,
    "clock": _clock,
}


# --- Who is told


class Message(NamedTuple):
    """To people; `alerts` for programs. `to` are mail addresses; none: those of the channel."""

    subject: str
    text: str
    alerts: list[dict[str, Any]]
    to: tuple[str, ...] = ()


class Channel(Protocol):
    """A way to people. `tell` returns when the other side has the message; else it raises OSError or MFTError."""

    id: str

    def tell(self, message: Message) -> None: ...


def message(rows: Sequence[Row], host: str, *, to: tuple[str, ...] = (), again: bool = False) -> Message:
    """One message for some alerts."""
    first = rows[0]["words"]
    more = f", and {len(rows) - 1:,} more" if len(rows) > 1 else ""
    lines = [f"{rfc3339(row['since'])[:16]}Z  {row['words']}  (rule {row['rule']}, alert {row['id']})" for row in rows]
    opening = "Nobody has acknowledged this yet:" if again else "Since when (UTC), and what:"
    closing = "Acknowledge one with `mft alerts ack ALERT`; `mft alerts list` shows all that is open."
    about = ("id", "rule", "subject", "words", "count", "since", "raised_at")
    return Message(
        f"mft on {host}: {'still: ' if again else ''}{first}{more}",
        "\n".join([opening, "", *lines, "", closing, ""]),
        [{name: row[name] for name in about} for row in rows],
        to,
    )


@dataclass(slots=True)
class Alerts:
    """A thread that looks for trouble, and tells of it until it is told.

    Error handling: what no channel takes is told anew at the next look; what one alone does not take, it gets later,
    while we run. A leaf says when one begins to fail.
    """

    rules: Sequence[Rule]
    channels: Sequence[Channel]
    readers: Callable[[], Books]
    commit: Callable[[SeeTroubles | Told | Untold], None]
    on_broken: Callable[[Broken], None]
    host: str
    data: Path
    look_seconds: float
    _failing: set[str] = field(default_factory=set, init=False)
    _left: dict[str, deque[Message]] = field(default_factory=dict, init=False)  # By channel.
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        self._thread = watched("alerts", self._run, self.on_broken)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def look(self, now: int) -> None:
        """Look once, and tell what is to be told."""
        found = tuple(look(self.readers(), self.rules, now=now, data=self.data))
        if found or alerts.open_alerts(self.readers()):
            self.commit(SeeTroubles(found))
        if not self.channels:
            return
        self._send_what_was_left()
        rows = [row for row in alerts.open_alerts(self.readers()) if row["acknowledged_at"] is None]
        self._tell([row for row in rows if row["told_at"] is None], escalated=False)
        self._tell([row for row in rows if self._is_late(row, now)], escalated=True)

    def _is_late(self, row: Row, now: int) -> bool:
        rule = self._rule(row)
        waits = rule.escalate_minutes * _MINUTE_US if rule else 0
        return bool(waits) and row["escalated_at"] is None and now - row["raised_at"] >= waits

    def _rule(self, row: Row) -> Rule | None:
        return next((rule for rule in self.rules if rule.name == row["rule"]), None)

    def _tell(self, rows: list[Row], *, escalated: bool) -> None:
        by_people: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            rule = self._rule(row)
            to = (rule.escalate_to or rule.to if escalated else rule.to) if rule else ()
            by_people.setdefault(to, []).append(row)
        for to, some in by_people.items():
            if self._send(message(some, self.host, to=to, again=escalated)):
                self.commit(Told(tuple(row["id"] for row in some), escalated))

    def _send(self, said: Message) -> bool:
        """Returns whether somebody took it."""
        missed = [channel for channel in self.channels if not self._reaches(channel, said)]
        if len(missed) == len(self.channels):
            return False
        for channel in missed:
            self._left.setdefault(channel.id, deque(maxlen=_LEFT_MAX)).append(said)
        return True

    def _send_what_was_left(self) -> None:
        for channel in self.channels:
            left = self._left.get(channel.id)
            while left and self._reaches(channel, left[0]):
                left.popleft()

    def _reaches(self, channel: Channel, said: Message) -> bool:
        try:
            channel.tell(said)
        except (OSError, MFTError) as error:
            if channel.id not in self._failing:
                self._failing.add(channel.id)
                self.commit(Untold(channel.id, type(error).__name__))
            return False
        self._failing.discard(channel.id)
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(Busy):  # The ledger's disk is full: what is to be told stays so.
                self.look(now_us())
            self._stop.wait(self.look_seconds)


def as_json(said: Message) -> bytes:
    """What a webhook gets: `text` as many chat servers take it, and the alerts."""
    return json.dumps({"text": f"{said.subject}\n{said.text}", "alerts": said.alerts}).encode()
