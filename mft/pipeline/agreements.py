"""From what partner files say to what parsers do: which guide judges a file, how strictly, and what is answered."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from parsers.acknowledgment import Wish
from parsers.guides import shelf
from parsers.guides.overlay import is_overlay, lay_over, read_overlay
from parsers.guides.terms import Judging, Terms
from parsers.guides.text import GuideError, read_guide
from parsers.judged import JudgedInterchange
from parsers.judging import check, named
from partners.agreement import Agreement
from partners.feed import Feed
from partners.load import EMPTY, Directory, GuideFile, Profile
from partners.strict_toml import line_of
from partners.trading_partner import TradingPartner

_DEFAULT: Final = Agreement()
_NO_FEED: Final = Feed(name="none")


class Agreed:
    """What is agreed with one connection.

    Attributes:
        connection: its partner file as it stands now; None where there is none any more.
        feed: that of the file in question; without one, all defaults.
        profile: the hash of its partner file as it stands now; None where there is none any more.
        judging: for the parser.
        routes: by which files may go on.
    """

    def __init__(self, directory: Directory, connection: str, feed: str | None = None) -> None:
        found = directory.profiles.get(connection)
        self.profile = found.hash if found else None
        self.connection = found.connection if found else None
        self.feed = (found.connection.feed_named(feed) if found and feed else None) or _NO_FEED
        self.agreements: tuple[Agreement, ...] = found.connection.agreements if found else ()
        self.judging = judging(self.agreements, directory.guides)
        self.routes = directory.routes

    def trading_partner(self, interchange: Mapping[str, Any]) -> TradingPartner | None:
        """Who of the connection's trading partners sent an interchange, a row of that table."""
        if self.connection is None:
            return None
        return self.connection.sender(interchange["sender_qualifier"], interchange["sender"])

    def on(self, interchange: JudgedInterchange) -> Agreement:
        """The agreement by which an interchange is answered: that of its first set."""
        opened = interchange.opened
        first = next((one.opened for one in interchange.all_sets()), None)
        about = {
            "set": first.set if first else None,
            "version": first.version if first else None,
            "sender": (first.sender if first else None) or opened.sender,
            "receiver": (first.receiver if first else None) or opened.receiver,
            "usage": (first.usage if first else None) or opened.usage,
        }
        return next((one for one in self.agreements if one.matches(standard=opened.standard, **about)), _DEFAULT)


def judging(agreements: Sequence[Agreement], guides: Mapping[str, GuideFile]) -> Judging:
    """Agreements in the parsers' own words, with the text of each guide file that they name."""
    needed: dict[str, GuideFile] = {}
    for agreement in agreements:
        name = agreement.guide
        while name is not None and name in guides and name not in needed:
            needed[name] = guides[name]
            name = guides[name].extends
    quoting = [agreement.quote_codes for agreement in (*agreements, _DEFAULT)]
    return Judging(
        terms=tuple(
            Terms(
                standard=one.standard,
                set=one.set,
                version=one.version,
                sender=one.sender,
                receiver=one.receiver,
                usage=one.usage,
                guide=one.guide,
                levels=dict(one.levels),
            )
            for one in agreements
        ),
        overlays={str(one.path): one.text for one in needed.values()},
        quote="codes" if any(quoting) else "none",
    )


NOTHING_AGREED: Final = Agreed(EMPTY, "")


def wish(agreement: Agreement) -> Wish:
    return Wish(kind=agreement.acknowledge, all_or_nothing=agreement.all_or_nothing)


def problems(directory: Directory) -> Iterator[str]:
    """What is wrong with guide files and with agreements that name guides: `file:line: what, and what to do`."""
    for guide in directory.guides.values():
        try:
            _read(guide, directory.guides)
        except GuideError as error:
            yield str(error)
    for profile in directory.profiles.values():
        for nth, agreement in enumerate(profile.connection.agreements):
            name = agreement.guide
            if name is not None and name not in directory.guides and named(name) is None:
                yield f"{_place(profile, nth)}: {_unknown(name, directory.guides)}"


def _read(guide: GuideFile, guides: Mapping[str, GuideFile]) -> None:
    """Raises GuideError: it cannot be understood, or what it extends is nowhere."""
    where = str(guide.path)
    if not is_overlay(guide.text):
        check(read_guide(guide.text, where), where)
        return
    overlay = read_overlay(guide.text, where)
    below = guides.get(overlay.extends)
    base = read_guide(below.text, str(below.path)) if below and not is_overlay(below.text) else None
    base = base or shelf.by_id(overlay.extends)
    if base is None:
        line = line_of(guide.text, ("extends",))
        raise GuideError(f"{where}:{line}: `extends`: {_unknown(overlay.extends, guides)}")
    check(lay_over(base, overlay), where)


def _place(profile: Profile, nth: int) -> str:
    if profile.path is None:
        return profile.connection.name
    text = profile.path.read_text(encoding="utf-8") if profile.path.exists() else ""
    return f"{profile.path}:{line_of(text, ('agreements', nth, 'guide'))}"


def _unknown(name: str, guides: Mapping[str, GuideFile]) -> str:
    ours = f"; config/guides has {', '.join(sorted(guides))}" if guides else "; config/guides has no files"
    return f"there is no guide `{name}`, neither on the shelf nor in config/guides: mend the name{ours}"


DirectoryNow = Callable[[], Directory]
"""The partner files that are in force when it is asked."""
