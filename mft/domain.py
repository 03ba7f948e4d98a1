"""The nouns that every part shares: a transfer's stages, who is at the door, the virtual folders."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Where a transfer stands. A stage is a name with a leaf in the audit log, not a pass over the bytes."""

    RECEIVING = "receiving"  # On its way in; or closed under a temporary name, and not published yet.
    PARTIAL = "partial"  # Broken off; what arrived is kept for a while, to be resumed.
    RECEIVED = "received"
    IDENTIFIED = "identified"
    UNWRAPPED = "unwrapped"
    PARSED = "parsed"
    VALIDATED = "validated"
    CANONICALIZED = "canonicalized"
    ACKNOWLEDGED = "acknowledged"
    DONE = "done"
    # Aside: an operator, a whole upload of the name or a newer parser moves it on.
    HELD = "held"
    QUARANTINED = "quarantined"
    INCOMPLETE = "incomplete"
    UNSUPPORTED = "unsupported"
    # Ended.
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


_ASIDE = frozenset({Stage.HELD, Stage.QUARANTINED, Stage.INCOMPLETE, Stage.UNSUPPORTED, Stage.REJECTED})

# A stage may be left out where there is nothing to do (a PDF is not parsed); none is ever gone back to, but
# by a replay from RECEIVED.
NEXT_STAGES: dict[Stage, frozenset[Stage]] = {
    Stage.RECEIVING: frozenset({Stage.RECEIVED, Stage.PARTIAL, Stage.EXPIRED, Stage.SUPERSEDED}),
    Stage.PARTIAL: frozenset({Stage.RECEIVING, Stage.EXPIRED, Stage.SUPERSEDED}),
    Stage.RECEIVED: _ASIDE | {Stage.IDENTIFIED},
    Stage.IDENTIFIED: _ASIDE | {Stage.UNWRAPPED, Stage.PARSED, Stage.DONE},
    Stage.UNWRAPPED: _ASIDE | {Stage.PARSED, Stage.DONE},
    Stage.PARSED: _ASIDE | {Stage.VALIDATED, Stage.CANONICALIZED, Stage.ACKNOWLEDGED, Stage.DONE},
    Stage.VALIDATED: _ASIDE | {Stage.CANONICALIZED, Stage.ACKNOWLEDGED, Stage.DONE},
    Stage.CANONICALIZED: _ASIDE | {Stage.ACKNOWLEDGED, Stage.DONE},
    Stage.ACKNOWLEDGED: _ASIDE | {Stage.DONE},
    Stage.DONE: frozenset({Stage.RECEIVED}),
    Stage.HELD: frozenset({Stage.RECEIVED, Stage.REJECTED, Stage.EXPIRED}),
    Stage.QUARANTINED: frozenset({Stage.RECEIVED, Stage.REJECTED, Stage.EXPIRED}),
    Stage.INCOMPLETE: frozenset({Stage.RECEIVED, Stage.REJECTED, Stage.EXPIRED, Stage.SUPERSEDED}),
    Stage.UNSUPPORTED: frozenset({Stage.RECEIVED, Stage.REJECTED, Stage.EXPIRED}),
    Stage.REJECTED: frozenset({Stage.RECEIVED}),
    Stage.EXPIRED: frozenset(),
    Stage.SUPERSEDED: frozenset(),
}


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


TENANT = 1  # The tenant of every row until a second one exists.

STANDARD = "standard"  # The retention class of whatever has no other.


def is_retention_class(text: str) -> bool:
    """Whether a retention class may be called so."""
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", text) is not None


INBOUND = b"/inbound"  # Partners put files here,
OUTBOUND = b"/outbound"  # fetch files here,
ERRORS = b"/errors"  # and read here, in plain words, what was wrong with theirs.
FOLDERS = (INBOUND, OUTBOUND, ERRORS)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who has proven to be at the door. A session cannot exist without one.

    `connection` is the immutable id, `partner` the name it goes by; `start` a virtual folder.
    """

    connection: str
    partner: str
    login: str
    key_fingerprint: str
    profile_hash: str
    start: bytes = INBOUND


@dataclass(frozen=True, slots=True)
class Arrival:
    """How bytes reached us: the door, who, from where, with what program, under which name."""

    principal: Principal
    door: str
    source_address: str
    client_version: str
    folder: bytes
    name: bytes
    feed: str | None = None  # Of the partner's feeds, by its name.
    retention: str | None = None  # None: the standard class.
    in_order: bool = False  # It waits until those of its feed before it are done.


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a file may not pass: in `words` for people, as a `code` that a release waives.

    `flow_hold` is what an operator has to lift, where it is that.
    """

    code: str
    words: str
    flow_hold: str | None = None


@dataclass(frozen=True, slots=True)
class SealedObject:
    """What the ledger must know of a sealed object. `blob` is its sealed bytes, or None where they are a file.

    A file that was resumed lies in several objects, its pieces: `continues` is the id of the piece before, `before`
    all of them in order, where the ledger was asked; sizes are this piece's own. A piece is `cut` when nobody sealed
    its end: its writer is at work, or died.
    """

    id: str
    tenant: int
    bucket: str
    wrapped_dek: bytes
    plain_size: int
    sealed_size: int
    blob: bytes | None
    cut: bool = False
    continues: str | None = None
    before: "tuple[SealedObject, ...]" = ()

    @property
    def whole_size(self) -> int:
        """Plaintext bytes of all pieces up to this one."""
        return sum(piece.plain_size for piece in self.before) + self.plain_size


def printable(name: bytes) -> str:
    """A client's name for people: UTF-8 where it is, escapes where it is not or would disturb a terminal."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
