"""How strictly sets are judged, and by which guide: what the server's agreements say, in the parsers' own words."""

from collections.abc import Mapping
from typing import Literal

import msgspec

Treatment = Literal["reject", "warn", "report"]
"""What a finding of some level does: the set is rejected; its sender is told; it is kept for our own report."""

LEVELS: Mapping[int, Treatment] = {1: "reject", 2: "reject", **dict.fromkeys(range(3, 8), "warn")}
"""As long as nothing else was agreed: syntax and structure decide, all else is told."""

SEVERITIES: Mapping[Treatment, Literal["error", "warning", "info"]] = {
    "reject": "error",
    "warn": "warning",
    "report": "info",
}


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed for the sets that match: what is None matches every set.

    Attributes:
        set: "837", "ORDERS", "ADT^A01".
        version: its beginning.
        sender, receiver: of the interchange; for HL7 of the message.
        usage: "P" or "T", as sent.
        guide: the id of a guide or an overlay; None leaves it to the version that the set names.
        levels: for the SNIP levels that differ from LEVELS.
    """

    standard: str | None = None
    set: str | None = None
    version: str | None = None
    sender: str | None = None
    receiver: str | None = None
    usage: str | None = None
    guide: str | None = None
    levels: dict[int, Treatment] = {}


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    terms: the first that matches a set counts for it.
    overlays: by the name of its file, for errors, the text of each overlay or guide that terms may name; see
        `docs/guides.md`.
    maps: likewise map files, which map their sets in the place of the package's; see `docs/maps.md`.
    quote: which values are handed out behind their finding (`Quoted`): none; codes only, which are nobody's name or
        number; all of them.
    """

    terms: tuple[Terms, ...] = ()
    overlays: dict[str, str] = {}
    maps: dict[str, str] = {}
    quote: Literal["none", "codes", "all"] = "none"
