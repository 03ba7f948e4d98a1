"""How sinks stand: what waits for each, since when, and why; as rows for people, and as metrics."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mft.ledger import flow_holds, outbox
from mft.ledger.database import Books

_METRICS: Final = (
    ("mft_sink_up", "1 while the sink takes what it is given, 0 while it cannot be reached."),
    ("mft_sink_held", "1 while an operator holds the sink back, or it wants no more."),
    ("mft_sink_waiting_events", "Events that wait for the sink, parked ones among them."),
    ("mft_sink_parked_events", "Those that were refused, and set aside to be tried again."),
    ("mft_sink_oldest_unsent_seconds", "Age of the oldest event that waits."),
    ("mft_sink_blocked_lanes", "Partners whose events wait behind one that was refused."),
    ("mft_sink_refused_attempts", "Attempts so far for events that were refused, and are tried again."),
    ("mft_sink_failed_attempts", "Attempts since the sink could be reached last."),
    ("mft_sink_dead_events", "Events that were refused for too long."),
)


def sink_states(books: Books, kinds: Mapping[str, str], *, now: int) -> list[dict[str, Any]]:
    """Of each sink, `kinds` of which are configured by name, and others that events wait for."""
    reached = {row["name"]: row for row in outbox.sinks(books)}
    depths = outbox.depths(books)
    names = [*kinds, *sorted({row["sink"] for row in depths} - kinds.keys())]
    return [
        _state(books, name, kinds.get(name), reached.get(name), [row for row in depths if row["sink"] == name], now)
        for name in names
    ]


def _state(
    books: Books, name: str, kind: str | None, reached: Mapping[str, Any] | None, depths: Sequence[Any], now: int
) -> dict[str, Any]:
    unsent = [row for row in depths if row["state"] != outbox.DEAD]
    refused = outbox.refused(books, name)
    failing = reached["failing_since"] if reached else None
    return {
        "sink": name,
        "kind": kind,
        "waiting": sum(row["events"] for row in unsent),
        "parked": sum(row["events"] for row in unsent if row["state"] == outbox.PARKED),
        "dead": sum(row["events"] for row in depths if row["state"] == outbox.DEAD),
        "oldest_at": min((row["since"] for row in unsent), default=None),
        "oldest_seconds": max(0, now - min((row["since"] for row in unsent), default=now)) // 1_000_000,
        "failing_since": failing,
        "error": reached["error"] if reached else None,
        "failed_attempts": reached["attempts"] if reached else 0,
        "held": flow_holds.is_sink_held(books, name),
        "refused": [
            {key: row[key] for key in ("id", "lane", "state", "error", "attempts", "due_at")} for row in refused
        ],
    }


def as_metrics(states: Sequence[Mapping[str, Any]]) -> str:
    """The same in Prometheus' text format (version 0.0.4)."""
    lines = []
    for name, words in _METRICS:
        lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
        lines += [f'{name}{{sink="{state["sink"]}"}} {_value(name, state)}' for state in states]
    return "\n".join(lines) + "\n"


def _value(name: str, state: Mapping[str, Any]) -> int:
    match name:
        case "mft_sink_up":
            return int(state["failing_since"] is None)
        case "mft_sink_held":
            return int(state["held"])
        case "mft_sink_waiting_events":
            return int(state["waiting"])
        case "mft_sink_parked_events":
            return int(state["parked"])
        case "mft_sink_oldest_unsent_seconds":
            return int(state["oldest_seconds"])
        case "mft_sink_blocked_lanes":
            return sum(row["state"] == outbox.WAITING for row in state["refused"])
        case "mft_sink_refused_attempts":
            return sum(row["attempts"] for row in state["refused"])
        case "mft_sink_failed_attempts":
            return int(state["failed_attempts"])
    return int(state["dead"])
