"""Which routes a file goes by, decided when its verdict is, and committed with it.

Only what is `done` is routed. What was held, rejected or came before goes nowhere, be it a whole file or an interchange
of one: a file with such an interchange goes in parts, those that may. A test goes by routes for tests alone, and a file
that has both goes in parts to either. A part that waited and is released is routed when it is done.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mft.clock import moment
from mft.domain import Stage
from mft.ledger.acknowledgments import DUPLICATE, HELD
from mft.ledger.database import Row
from mft.pipeline.agreements import Agreed
from mft.pipeline.conclude import Conclude, Planned
from mft.pipeline.doubts import says_test
from partners.load import Directory
from partners.route import Piece, Route
from partners.strict_toml import line_of
from partners.template import plain

if TYPE_CHECKING:
    from partners.feed import Usage

_STOPPED: Final = {HELD, DUPLICATE, "rejected", "incomplete"}
"""Verdicts with which an interchange or a set goes nowhere."""

_SINKS: Final = {"file"}


@dataclass(frozen=True, slots=True)
class Part:
    """An interchange that may pass, with where it lies."""

    piece: Piece
    position: int
    start: int
    end: int | None
    control_number: str | None


@dataclass(frozen=True, slots=True)
class Journey:
    """What a route is asked about.

    Attributes:
        file: the file as such, for where it has no interchanges.
        parts: its interchanges that may pass.
        whole: all of them may.
        wrapped: what is in it became transfers of their own; `inner`: it is one of these.
    """

    transfer: str
    received_at: int
    file: Piece
    parts: tuple[Part, ...] = ()
    whole: bool = True
    wrapped: bool = False
    inner: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What one route does with a file; where that is nothing, why."""

    route: Route
    planned: tuple[Planned, ...] = ()
    why: str = ""


def routed(command: Conclude, job: Row, agreed: Agreed) -> Conclude:
    """A verdict together with where the file goes by it."""
    if command.passed[-1][0] != Stage.DONE or command.duplicate_of is not None or not agreed.routes.routes:
        return command
    journey = journey_of(
        job,
        agreed,
        partner=command.partner,
        standard=command.found["standard"] or "",
        interchanges=command.interchanges,
        sets=command.sets,
        wrapped=any(child.kind == "member" for child in command.children),
    )
    planned = tuple(one for route in agreed.routes.routes for one in decide(route, journey).planned)
    return msgspec.structs.replace(command, deliveries=planned)


def journey_of(
    job: Row,
    agreed: Agreed,
    *,
    partner: str,
    standard: str,
    interchanges: Sequence[Mapping[str, Any]],
    sets: Sequence[Mapping[str, Any]],
    wrapped: bool = False,
) -> Journey:
    """From rows as the ledger will have them; of a set and an interchange, only what is asked for here."""
    name, feed = bytes(job["name_bytes"]), agreed.feed
    is_test = "test" in {feed.usage, feed.parts(name).usage}
    about = {"partner": partner, "name": name, "feed": job["feed"]}
    within: dict[int, list[Mapping[str, Any]]] = {}
    for one in sets:
        within.setdefault(one["interchange"], []).append(one)
    parts = []
    for row in interchanges:
        mine = within.get(row["position"], [])
        passing = [one for one in mine if one["verdict"] not in _STOPPED]
        if row["verdict"] in _STOPPED or (mine and not passing):
            continue
        said = {says_test(row["standard"], one["usage"]) for one in (row, *mine)}
        usage: Usage = "test" if is_test or "test" in said else "production"
        receivers = [(row["receiver_qualifier"], row["receiver"]), *((None, one["receiver"]) for one in mine)]
        piece = Piece(
            **about,
            standard=row["standard"],
            usage=usage,
            trading_partner=row["trading_partner"],
            sets=frozenset(one["set_code"] for one in passing if one["set_code"]),
            receivers=tuple(receivers),
        )
        parts.append(Part(piece, row["position"], row["start_offset"], row["end_offset"], row["control_number"]))
    return Journey(
        job["id"],
        job["received_at"],
        Piece(**about, standard=standard, usage="test" if is_test else "production"),
        tuple(parts),
        whole=len(parts) == len(interchanges),
        wrapped=wrapped,
        inner=_is_inner(job),
    )


def _is_inner(job: Row) -> bool:
    """Whether it came out of a wrapped file. An interchange that waited is a part of a file that was not wrapped."""
    if job["parent_id"] is None:
        return False
    is_part = "interchange" in json.loads(job["evidence"] or "{}")
    return not is_part or job["parent_id"] != job["root_id"]


def decide(route: Route, journey: Journey) -> Decision:
    """What goes by a route."""
    if route.what == "original" and journey.inner:
        return Decision(route, why="it came in a wrapped file, and the route takes that one as it came")
    if route.what != "original" and journey.wrapped:
        return Decision(route, why="it is wrapped: what is in it is asked about one by one")
    if not journey.parts:
        if not journey.whole:
            return Decision(route, why="none of its interchanges may pass")
        why = next(route.mismatches(journey.file), None)
        return Decision(route, () if why else (_planned(route, journey),), why or "")
    why_not = {part.position: next(route.mismatches(part.piece), None) for part in journey.parts}
    fitting = [part for part in journey.parts if why_not[part.position] is None]
    if not fitting:
        reasons = dict.fromkeys(why_not.values())
        return Decision(route, why="; ".join(filter(None, reasons)))
    other_usage = any(route.usage_mismatch(part.piece) for part in journey.parts)
    if route.what != "split" and journey.whole and not other_usage:
        return Decision(route, (_planned(route, journey, fitting[0]),))
    return Decision(route, tuple(_planned(route, journey, part, cut=True) for part in fitting))


def _planned(route: Route, journey: Journey, part: Part | None = None, *, cut: bool = False) -> Planned:
    piece = part.piece if part else journey.file
    stem, dot, ending = piece.name.rpartition(b".")
    received = moment(journey.received_at)
    fields = {
        "name": piece.name,
        "stem": stem or piece.name,
        "ending": dot + ending if stem else b"",
        "partner": piece.partner.encode(),
        "trading_partner": (piece.trading_partner or "0").encode(),
        "feed": (piece.feed or "0").encode(),
        "standard": piece.standard.encode(),
        "set": plain(min(piece.sets, default="")),
        "receiver": plain(next((edi_id for _, edi_id in piece.receivers if edi_id), "")),
        "control_number": plain(part.control_number if part else ""),
        "interchange": str(part.position if part else 0).encode(),
        "date": f"{received:%Y%m%d}".encode(),
        "time": f"{received:%H%M%S}".encode(),
        "transfer": journey.transfer.encode(),
    }
    name = route.called(fields, part=cut)
    if part is None or not cut:
        return Planned(route.name, 0, None, None, name)
    return Planned(route.name, part.position, part.start, part.end, name)


def problems(directory: Directory, path: Path, home: Path) -> Iterator[str]:
    """What routes say that the rest of the configuration does not know: `file:line: what, and what to do`."""
    routes = directory.routes.routes
    text = path.read_text(encoding="utf-8") if routes and path.exists() else ""
    seen: set[str] = set()
    for index, route in enumerate(routes):
        for key, trouble in _troubles(route, directory, home):
            yield f"{path}:{line_of(text, ('routes', index, key))}: `{key}`: {trouble}"
        if route.name in seen:
            yield f"{path}:{line_of(text, ('routes', index, 'name'))}: `name`: another route is called {route.name}"
        seen.add(route.name)


def _troubles(route: Route, directory: Directory, home: Path) -> Iterator[tuple[str, str]]:
    if route.name in _SINKS:
        yield "name", f"there is a sink {route.name}: `mft hold add --sink` could not tell them apart"
    partners = [profile.connection for profile in directory.profiles.values()]
    named = [one for one in partners if route.partner in {None, one.name}]
    if not named:
        yield "partner", f"there is no partner {route.partner}: `mft partner list` shows who there is"
    elif route.feed is not None and not any(one.feed_named(route.feed) for one in named):
        yield "feed", f"no partner file in question has a feed {route.feed}"
    known = {one.name for connection in named for one in connection.trading_partners}
    if named and route.trading_partner is not None and route.trading_partner not in known:
        yield "trading_partner", f"no partner file in question has a trading partner {route.trading_partner}"
    if route.to_partner is not None:
        receiver = directory.named(route.to_partner)
        if receiver is None:
            yield "to_partner", f"there is no partner {route.to_partner}: `mft partner list` shows who there is"
        elif route.to_folder.encode() not in {b"/outbound", *receiver.connection.out_folders}:
            seen = ", ".join(one.decode() for one in receiver.connection.out_folders) or "/outbound alone"
            yield "to_folder", f"{route.to_partner} sees no such folder, but {seen}"
    if route.to is not None and _inside(Path(route.to), home):
        yield "to", f"it lies in the home, {home}, which is ours alone: name a folder outside of it"


def _inside(folder: Path, home: Path) -> bool:
    return folder.resolve().is_relative_to(home.resolve())
