"""One set against its guide: walk its segments through the tables, say yes fast, and explain slowly.

A right segment costs a look into a table and one match of a pattern. Whatever that does not settle is looked at element
by element, and every finding says where, what, and how to mend it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from parsers.events import Quoted
from parsers.findings import Finding
from parsers.guides.explain import faults
from parsers.guides.references import Broken, Spot
from parsers.guides.tables import Keyed, Move, Place, Several, Tables, Turn, left_at_the_end
from parsers.guides.terms import LEVELS, SEVERITIES, Treatment
from parsers.segments import Segments

Said = Finding | Quoted

_WARNING: Mapping[str, Literal["warning", "info"]] = {"error": "warning", "warning": "warning", "info": "info"}


class Where(NamedTuple):
    """Where something is, as a finding says it."""

    tag: str
    position: int
    offset: int
    path: str


class Judge:
    """Judges the sets of one guide, one after the other.

    Args:
        levels: how each SNIP level is treated, where it differs from LEVELS.
        quote: which values come out behind their finding.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        set: int,  # noqa: A002  The field's word.
        levels: Mapping[int, Treatment] | None = None,
        quote: Literal["none", "codes", "all"] = "none",
    ) -> None:
        self._tables = tables
        self._dialect = tables.dialect
        self._standard = tables.guide.standard
        self._set = set
        self._levels = {**LEVELS, **(levels or {})}
        self._quote = quote
        self._counts = [0] * (tables.size + 1)
        self._place = tables.start
        self.frames: list[Any] = [None] * tables.rules.count
        self._out: list[Said] = []
        self._earlier: Counter[str] | None = Counter() if self._dialect.ordinals_of_set else None
        # The segment in hand.
        self._segments: Segments | None = None
        self._at = 0
        self._end: tuple[int, int] = (1, 0)
        self._enter(tables.root)
        self._watch = self._dialect.watch()

    # --- walking ---

    def feed(self, segments: Segments) -> list[Said]:
        """Take segments of the set, in order, its header and trailer too."""
        self._out = []
        self._segments = segments
        counts, place = self._counts, self._place
        for at, text in enumerate(segments.texts):
            move = place.likely
            right = move is not None and move.match(text) is not None
            if move is None or not right:
                found = self._found(text, place)
                if found is None:
                    self._at = at
                    self._place = place
                    self._unexpected(text)
                    continue
                move = found
                right = move.match(text) is not None
                if move.sure:
                    place.likely = move
            if not move.plain:
                self._at = at
                self._place = place
                self._go(move)
            place = move.place
            count = counts[place.id] + 1
            counts[place.id] = count
            if count > move.max or not right or move.hooks:
                self._at = at
                self._place = place
                if count > move.max:
                    self._repeated(move, count)
                if not right:
                    self._explain(move, text)
                for hook in move.hooks:
                    hook(text, self)
        self._place = place
        self._end = (segments.position + len(segments), segments.end)
        self._segments = None
        if self._earlier is not None:
            self._earlier.update(map(segments.syntax.tag, segments.texts))
        return self._out

    def _found(self, text: str, place: Place) -> Move | None:
        """Which move a segment makes, by its tag and code."""
        dialect = self._dialect
        parts = text.split(dialect.separator, 2) if dialect.separator else [dialect.syntax.tag(text)]
        found = self._tables.moves(place).get(parts[0])
        if isinstance(found, Keyed):
            found = (
                (len(parts) > 1 and found.at_once.get(parts[1]))
                or found.by_code.get(dialect.key(text, parts[0]))  # In a component, or in another element.
                or found.other
            )
        return self._chosen(found.moves) if isinstance(found, Several) else found or None

    def finish(self) -> list[Said]:
        """No more will come: say what is missing, and what does not add up."""
        self._out = []
        passed, left = left_at_the_end(self._place)
        self._missing(passed)
        for turn in left:
            self._leave(turn)
        if self._watch is not None:
            self._watch.end(self)
        return self._out

    def _chosen(self, found: tuple[Move, ...]) -> Move:
        """The first that may still come; when none may, the first."""
        counts = self._counts
        for move in found:
            if move.entered:
                turn = move.entered[0]
                if counts[turn.id] < turn.max:
                    return move
            elif counts[move.place.id] < move.max:
                return move
        return found[0]

    def _go(self, move: Move) -> None:
        """Leave and enter loops on the way to a position, and say what is missing there."""
        counts = self._counts
        said = len(self._out)
        if move.needs is not None and 0 in move.needs(counts):
            self._missing(move.passed)
        for turn in move.left:  # Only those with rules.
            self._leave(turn)
        for turn in move.entered:
            count = counts[turn.id] + 1
            counts[turn.id] = count
            counts[turn.first : turn.stop] = turn.zeros
            if count > turn.max and self._too_many(turn, move.spec.tag):
                self._out.insert(said, self._out.pop())  # What the turn before lacks follows from it.
            if turn.rules:
                self._enter(turn)
        if move.unused:
            self._say(
                "segment-not-used", 2, self._where(move.place), "",
                f"{self._named(move)} stands there; the guide says that it is not used.",
                f"Leave {move.spec.tag} out.",
            )  # fmt: skip

    def _enter(self, turn: Turn) -> None:
        for rule in turn.rules:
            self.frames[rule.number] = rule.frame()

    def _leave(self, turn: Turn) -> None:
        frames = self.frames
        for rule in turn.rules:
            frame, frames[rule.number] = frames[rule.number], None
            for broken in () if frame is None else rule.end(frame):
                self.broken(broken)

    # --- what hooks see ---

    def spot(self) -> Spot:
        assert self._segments is not None
        return Spot(self._segments, self._at, self._place, self._nth(self._segments, self._place))

    def watch(self, text: str) -> None:
        if self._watch is not None:
            self._watch.take(text, self)

    def broken(self, broken: Broken) -> None:
        spot = broken.spot
        where = Where(
            spot.tag, spot.segments.position + spot.at, spot.segments.byte(spot.at),
            _path(spot.place.turn.path, spot.tag, spot.nth),
        )  # fmt: skip
        self._say(broken.code, broken.level, where, broken.element, broken.message, broken.hint, value=broken.value)

    def _where(self, place: Place | None, tag: str | None = None) -> Where:
        """Where the segment in hand stands; behind the last one, where the set ends."""
        path = place.turn.path if place is not None else ""
        if self._segments is None:
            position, offset = self._end
            return Where(tag or "", position - 1, offset, f"{path}{tag or ''}")
        position = self._segments.position + self._at
        if tag is None:
            tag = self._dialect.syntax.tag(self._segments.texts[self._at])
        nth = self._nth(self._segments, place) if place is not None else 0
        return Where(tag, position, self._segments.byte(self._at), _path(path, tag, nth))

    def _nth(self, segments: Segments, place: Place) -> int:
        """Which one of its kind the segment in hand is."""
        if self._earlier is None:
            return self._counts[place.id]
        tag_of = segments.syntax.tag
        tag = tag_of(segments.texts[self._at])
        return self._earlier[tag] + sum(tag_of(text) == tag for text in segments.texts[: self._at + 1])

    # --- saying ---

    def _named(self, move: Move) -> str:
        label = move.spec.label
        return f"{move.spec.tag} ({label})" if label else move.spec.tag

    def _unexpected(self, text: str) -> None:
        dialect = self._dialect
        tag = text.split(dialect.separator, 1)[0] if dialect.separator else dialect.syntax.tag(text)
        if not text or dialect.passes(tag):  # Of an empty one the envelope tells.
            return
        known = tag in self._tables.tags
        noun = dialect.noun
        spot = self._where(self._place, tag if known else "")
        path = self._place.turn.path
        spot = spot._replace(path=f"{path}{tag}" if known else path.rstrip("/"))
        if known:
            behind = self._place.first_tag
            self._say(
                "segment-unexpected", 2, spot, "",
                f"The {noun} {tag} may not stand here" + (f", behind {behind}" if behind else "")
                + ", or not with this qualifier.",
                f"Look at the order of {noun}s in the guide, and at what should have come before.",
                warning=dialect.lenient,
            )  # fmt: skip
        else:
            self._say(
                "segment-unknown", 1, spot, "",
                f"A {noun} stands here that the guide does not know.",
                f"Leave the {noun} out, or check its tag.",
                warning=dialect.lenient,
            )  # fmt: skip

    def _missing(self, passed: "tuple[Turn | Place, ...]") -> None:
        noun = self._dialect.noun
        for one in passed:
            if self._counts[one.id]:
                continue
            tag = one.first_tag
            behind = self._segments is not None
            spot = self._where(None, None if behind else "")
            if isinstance(one, Turn):
                spot = spot._replace(tag=tag, path=one.path.rstrip("/"))
                label = f" ({one.loop.label})" if one.loop.label else ""
                self._say(
                    "loop-missing", 2, spot, "",
                    f"The loop {one.name}{label} is missing; it is required, with {tag} in it.",
                    f"Send the loop {one.name} before this {noun}." if behind else f"Send the loop {one.name}.",
                )  # fmt: skip
            else:
                spec = one.specs[tag]
                spot = spot._replace(tag=tag, path=f"{one.turn.path}{tag}")
                label = f" ({spec.label})" if spec.label else ""
                self._say(
                    "segment-missing", 2, spot, "",
                    f"The {noun} {tag}{label} is missing; it is required"
                    + (f" in loop {one.turn.name}." if one.turn.parent else "."),
                    f"Send {tag} before this {noun}." if behind else f"Send {tag}.",
                )  # fmt: skip

    def _repeated(self, move: Move, count: int) -> None:
        if count != move.max + 1 and count % 100:  # Each hundredth again tells enough.
            return
        self._say(
            "segment-repeats", 2, self._where(move.place), "",
            f"{self._named(move)} stands more often than {_times(move.max)}.",
            f"Send {move.spec.tag} {_times(move.max)} there.",
            warning=self._dialect.lenient,
        )  # fmt: skip

    def _too_many(self, turn: Turn, tag: str) -> bool:
        if self._counts[turn.id] != turn.max + 1 and self._counts[turn.id] % 100:
            return False
        spot = self._where(None)._replace(tag=tag, path=turn.path.rstrip("/"))
        label = f" ({turn.loop.label})" if turn.loop.label else ""
        self._say(
            "loop-repeats", 2, spot, "",
            f"The loop {turn.name}{label} stands more often than {_times(turn.max)}.",
            f"Send the loop {turn.name} {_times(turn.max)} there.",
            warning=self._dialect.lenient,
        )  # fmt: skip
        return True

    def _explain(self, move: Move, text: str) -> None:
        spec = move.spec
        if not spec.defined:
            return
        assert self._segments is not None
        fault = self._dialect.look(text, spec)
        if fault is not None:
            self._say(
                fault.code, 1, self._where(move.place), "", f"{self._named(move)} {fault.says}.", fault.hint,
                value=text,
            )  # fmt: skip
            return
        elements = self._segments.elements(self._at)
        spot: Where | None = None
        for found in faults(elements, spec, self._dialect):
            spot = spot or self._where(move.place)
            self._say(
                found.code, found.level, spot._replace(path=f"{spot.path}/{found.at}" if found.at else spot.path),
                found.element, found.message, found.hint, value=found.value, quotable=found.quotable,
                warning=found.warning,
            )  # fmt: skip

    def _say(
        self,
        code: str,
        level: int,
        spot: Where,
        element: str,
        message: str,
        hint: str,
        *,
        value: str | None = None,
        quotable: bool = False,
        warning: bool = False,
    ) -> None:
        severity = SEVERITIES[self._levels.get(level, "report")]
        self._out.append(
            Finding(
                code=f"{self._standard}.{code}",
                level=level,
                severity=_WARNING[severity] if warning else severity,
                standard=self._standard,
                set=self._set,
                path=spot.path or None,
                segment=spot.tag or None,
                position=spot.position,
                element=element or None,
                offset=spot.offset,
                message=message,
                hint=hint,
            )
        )
        if value is not None and (self._quote == "all" or (self._quote == "codes" and quotable)):
            self._out.append(Quoted(text=value))


def _path(path: str, tag: str, nth: int) -> str:
    return f"{path}{tag}[{nth}]" if nth > 1 else f"{path}{tag}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
