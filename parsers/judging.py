"""Judging the sets of a file between the lossless level and the records: each by its guide, as was agreed.

A set whose guide is not on the shelf is told of once and let through: its neighbours are judged all the same.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any, Protocol

from msgspec.structs import replace

from parsers.events import InterchangeOpened, SetClosed, SetOpened
from parsers.findings import Finding, Location
from parsers.guides import shelf
from parsers.guides.judge import Judge, Said
from parsers.guides.model import Guide
from parsers.guides.overlay import Overlay, is_overlay, lay_over, read_overlay
from parsers.guides.tables import Tables
from parsers.guides.terms import Judging, Terms
from parsers.guides.text import GuideError, read_guide
from parsers.segments import Item, Segments, Syntax

DIALECTS = {
    "x12": "parsers.x12.dialect",
    "edifact": "parsers.edifact.dialect",
    "hl7": "parsers.hl7.dialect",
    "swift-mt": "parsers.swift_mt.dialect",
    "nacha": "parsers.nacha.dialect",
}
"""Standards whose sets are segments in an order: modules that have `dialect(syntax)`, and COMMON separators."""

TREES = {"iso20022": "parsers.iso20022.judge"}
"""Standards whose sets are trees, with a judge of their own: modules that have `guide_for`, `by_id` and `Judge`."""


_NOWHERE = "neither on the shelf (docs/guides.md lists it) nor among the guide files"


class _AnyJudge(Protocol):
    def feed(self, segments: Segments) -> Iterable[Said]: ...

    def finish(self) -> Iterable[Said]: ...


def named(guide_id: str) -> Any:
    """The guide on the shelf that has this id, of segments or of a tree; None when there is none."""
    standard = guide_id.partition("/")[0]
    return import_module(TREES[standard]).by_id(guide_id) if standard in TREES else shelf.by_id(guide_id)


def agreed(judging: Judging, guide_id: str) -> Any:
    """The guide, of segments or of a tree, that terms mean by an id.

    Raises:
        GuideError: there is none, or an overlay cannot be understood.
    """
    return _Bench(judging).agreed(guide_id)


def check(guide: Any, name: str) -> None:
    """See that a guide's rules and segments can be understood, before files meet them.

    Args:
        name: of its file, for errors.

    Raises:
        GuideError: a rule or a segment of it cannot be understood.
    """
    if guide.standard in TREES:
        return
    dialect = import_module(DIALECTS[guide.standard])
    try:
        Tables(guide, dialect.dialect(dialect.COMMON)).check()
    except GuideError as error:
        raise GuideError(f"{name}: {error}") from None


def judged(items: Iterable[Item], judging: Judging) -> Iterator[Item]:
    """The items of the lossless level, with what is to be said of each set, and its verdict.

    Raises:
        GuideError: terms name a guide that there is not, or an overlay cannot be understood.
    """
    bench = _Bench(judging)
    judge: _AnyJudge | None = None
    opened: SetOpened | None = None
    interchange: InterchangeOpened | None = None
    guide: Any = None
    terms = Terms()
    failed = False
    for item in items:
        if isinstance(item, Segments):
            yield item
            if opened is not None and item.set == opened.index:
                if guide is None:
                    guide = bench.guide(item.standard, opened, terms)
                    judge = bench.judge(guide, item.standard, item.syntax, opened, terms) if guide else None
                    if guide is None:
                        guide = False
                        yield _no_guide(item.standard, opened, item.path)
                if judge is not None:
                    for said in judge.feed(item):
                        failed = failed or (isinstance(said, Finding) and said.severity == "error")
                        yield said
        elif isinstance(item, SetOpened):
            opened, judge, guide, failed = item, None, None, False
            terms = bench.terms(item, interchange)
            yield item
        elif isinstance(item, SetClosed):
            if judge is not None and item.verdict != "incomplete":
                for said in judge.finish():
                    failed = failed or (isinstance(said, Finding) and said.severity == "error")
                    yield said
            if guide:
                verdict = "rejected" if failed and item.verdict == "accepted" else item.verdict
                item = replace(item, verdict=verdict, guide=guide.id, guide_hash=guide.hash)  # noqa: PLW2901
            opened = judge = guide = None
            yield item
        else:
            if isinstance(item, InterchangeOpened):
                interchange = item
            yield item


class _Bench:
    """Finds the guide and makes the judge for each set, and keeps what sets share."""

    def __init__(self, judging: Judging) -> None:
        self._judging = judging
        self._laid: dict[str, Guide] = {}
        self._overlays: dict[str, Overlay] = {}
        self._guides: dict[str, Guide] = {}
        for name, text in judging.overlays.items():
            if is_overlay(text):
                overlay = read_overlay(text, name)
                self._overlays[overlay.id] = overlay
            else:
                guide = read_guide(text, name)
                self._guides[guide.id] = guide

    def terms(self, opened: SetOpened, interchange: InterchangeOpened | None) -> Terms:
        for terms in self._judging.terms:
            if _match(terms, opened, interchange):
                return terms
        return Terms()

    def guide(self, standard: str, opened: SetOpened, terms: Terms) -> Any:
        """The guide that judges a set, of segments or of a tree; None when there is none."""
        set_code, version = opened.set or "", opened.version or ""
        if terms.guide is None:
            return self._of_the_shelf(standard, set_code, version)
        meant = self.agreed(terms.guide)
        return meant if set_code in meant.sets else self._of_the_shelf(standard, set_code, version)

    def _of_the_shelf(self, standard: str, set_code: str, version: str) -> Any:
        if standard in TREES:
            return import_module(TREES[standard]).guide_for(set_code, version)
        return shelf.find(standard, set_code, version)

    def agreed(self, guide_id: str) -> Any:
        """The guide or overlay of this id."""
        if guide_id in self._guides:
            return self._guides[guide_id]
        overlay = self._overlays.get(guide_id)
        if overlay is None:
            found = named(guide_id)
            if found is None:
                raise GuideError(f"there is no guide `{guide_id}`: it is {_NOWHERE}")
            return found
        if overlay.id not in self._laid:
            base = self._guides.get(overlay.extends) or shelf.by_id(overlay.extends)
            if base is None:
                if overlay.extends.partition("/")[0] in TREES:
                    raise GuideError(f"{overlay.name}: extends `{overlay.extends}`: guides of trees have no overlays")
                raise GuideError(f"{overlay.name}: extends `{overlay.extends}`, which is {_NOWHERE}")
            self._laid[overlay.id] = lay_over(base, overlay)
        return self._laid[overlay.id]

    def judge(self, guide: Any, standard: str, syntax: Syntax, opened: SetOpened, terms: Terms) -> _AnyJudge:
        quote = self._judging.quote
        if standard in TREES:
            place = Location(standard=standard, set=opened.index, offset=opened.offset)
            made: _AnyJudge = import_module(TREES[standard]).Judge(guide, place, terms.levels, quote, syntax)
            return made
        return Judge(_tables(guide, standard, syntax), set=opened.index, levels=terms.levels, quote=quote)


_TABLES_MAX = 64
_compiled: dict[tuple[str, str, Any], Tables] = {}


def _tables(guide: Guide, standard: str, syntax: Any) -> Tables:
    """Compiled once for the separators that interchanges have in common, and for a guide's content."""
    key = (guide.id, guide.hash, syntax)
    if key not in _compiled:
        if len(_compiled) >= _TABLES_MAX:
            _compiled.clear()
        _compiled[key] = Tables(guide, import_module(DIALECTS[standard]).dialect(syntax))
    return _compiled[key]


def _match(terms: Terms, opened: SetOpened, interchange: InterchangeOpened | None) -> bool:
    sender = opened.sender or (interchange.sender if interchange else None)
    receiver = opened.receiver or (interchange.receiver if interchange else None)
    usage = opened.usage or (interchange.usage if interchange else None)
    return (
        terms.standard in {None, interchange.standard if interchange else None}
        and terms.set in {None, opened.set}
        and (terms.version is None or (opened.version or "").startswith(terms.version))
        and terms.sender in {None, sender}
        and terms.receiver in {None, receiver}
        and terms.usage in {None, usage}
    )


def _no_guide(standard: str, opened: SetOpened, path: str | None) -> Finding:
    place = Location(standard=standard, set=opened.index, path=path, offset=opened.offset)
    return Finding.at(
        place,
        f"{standard}.no-guide",
        "No guide for this set and version is on the shelf: only its envelope was checked.",
        "Agree on a version that there is a guide for, or write one.",
        severity="info",
        level=2,
    )
