"""Checks the whole audit log against itself and against its signed checkpoints.

Trusts one thing only: the public key that is handed in. Every leaf is hashed again, its columns are computed again
from its bytes, every tree node and every checkpoint's root from the leaves, every commitment from its clear value.
The first thing that does not fit is named.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select

from mft.audit import checkpoint as notes
from mft.audit.log import VERSION, canonical, columns_of
from mft.audit.merkle import Frontier, leaf_hash
from mft.crypto.signing import VerifyKey, commit
from mft.errors import AuditMismatch
from mft.ledger.database import Books, Row
from mft.ledger.tables import CHECKPOINT, LEAF, LEAF_CLEAR, NODE

_LEAVES = select(
    LEAF.c.seq, LEAF.c.id, LEAF.c.tenant_id, LEAF.c.at, LEAF.c.kind, LEAF.c.actor,
    LEAF.c.connection, LEAF.c.transfer_id, LEAF.c.result, LEAF.c.body,
).where(LEAF.c.seq.is_not(None)).order_by(LEAF.c.seq)  # fmt: skip
_NODES = select(NODE.c.position, NODE.c.hash).where(NODE.c.level == bindparam("of_level")).order_by(NODE.c.position)
_HIGHER = select(NODE.c.position).where(NODE.c.level >= bindparam("of_level")).limit(1)
_CHECKPOINTS = select(CHECKPOINT).order_by(CHECKPOINT.c.size, CHECKPOINT.c.id)
_UNSEQUENCED = select(LEAF).where(LEAF.c.seq.is_(None))
_CLEARS = select(LEAF_CLEAR.c.leaf_id, LEAF_CLEAR.c.field, LEAF_CLEAR.c.salt, LEAF_CLEAR.c.value, LEAF.c.body).join(
    LEAF, LEAF.c.id == LEAF_CLEAR.c.leaf_id
)
_CLEAR_COUNT = select(func.count().label("rows")).select_from(LEAF_CLEAR)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found true: so many leaves under so many checkpoints, the last of them at `size`.

    `unsigned` leaves came after the last checkpoint: they are consistent, and nothing signed speaks of them yet.
    """

    leaves: int
    unsigned: int
    checkpoints: int
    size: int
    root: str


def verify_log(
    books: Books, key: VerifyKey, *, progress: Callable[[int], None] | None = None, pinned: str | None = None
) -> Verified:
    """Verify everything, in one snapshot of the ledger.

    Args:
        progress: called now and then with the number of leaves verified so far.
        pinned: a checkpoint note kept elsewhere, which this log must contain.

    Raises:
        AuditMismatch: it says what does not fit, and where.
    """
    with books.snapshot():
        return _verify(books, key, progress, pinned)


def _verify(books: Books, key: VerifyKey, progress: Callable[[int], None] | None, pinned: str | None) -> Verified:
    checkpoints = [_checked(row, key) for row in books.rows(_CHECKPOINTS)]
    if pinned is not None:
        checkpoints.append(notes.verify(pinned, key))
        checkpoints.sort(key=lambda checkpoint: checkpoint.size)
    if not checkpoints:
        raise AuditMismatch("there is no checkpoint: nothing signed vouches for this log")
    expected = deque(checkpoints)
    frontier = Frontier()
    nodes = _Nodes(books)
    for row in map(_leaf_row, books.stream(_LEAVES)):
        _meet(expected, frontier)
        if row["seq"] != frontier.size:
            raise AuditMismatch(f"leaf {frontier.size} is missing: the next number is {row['seq']}")
        _check_columns(row, f"leaf {row['seq']}")
        nodes.expect(frontier.append(leaf_hash(bytes(row["body"]))))
        if progress is not None and frontier.size % 1000 == 0:
            progress(frontier.size)
    _meet(expected, frontier)
    if expected:
        raise AuditMismatch(
            f"the log ends at {frontier.size} leaves, and a checkpoint was signed over {expected[0].size}"
        )
    nodes.finish()
    unnumbered = books.rows(_UNSEQUENCED)
    for row in unnumbered:
        _check_columns(row, f"leaf {row['id']}, which has no number yet")
    _check_clears(books)
    last = checkpoints[-1]
    return Verified(
        leaves=frontier.size + len(unnumbered),
        unsigned=frontier.size - last.size + len(unnumbered),
        checkpoints=len(checkpoints),
        size=last.size,
        root=last.root.hex(),
    )


def _leaf_row(values: tuple[Any, ...]) -> Row:
    names = ("seq", "id", "tenant_id", "at", "kind", "actor", "connection", "transfer_id", "result", "body")
    return dict(zip(names, values, strict=True))


def _checked(row: Row, key: VerifyKey) -> notes.Checkpoint:
    try:
        if not isinstance(row["note"], str):
            raise AuditMismatch("it is not text")
        checkpoint = notes.verify(row["note"], key)
    except AuditMismatch as error:
        raise AuditMismatch(f"the checkpoint over {row['size']} leaves does not verify: {error}") from None
    if checkpoint.size != row["size"]:
        raise AuditMismatch(f"the checkpoint listed at {row['size']} leaves was signed over {checkpoint.size}")
    return checkpoint


def _meet(expected: deque[notes.Checkpoint], frontier: Frontier) -> None:
    """Hold the tree so far against the checkpoints that were signed over exactly so many leaves."""
    while expected and expected[0].size == frontier.size:
        if expected.popleft().root != frontier.root():
            raise AuditMismatch(
                f"the first {frontier.size} leaves are not the ones that the checkpoint was signed over"
            )


def _check_columns(row: Row, which: str) -> None:
    try:
        if not isinstance(row["body"], bytes):  # SQLite stores a value of any type in any column.
            raise TypeError
        said = json.loads(row["body"])
        columns = columns_of(said)
        if said["v"] != VERSION or canonical(said) != row["body"]:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise AuditMismatch(f"{which}: its body is not a leaf") from None
    for column, value in columns.items():
        if row[column] != value:
            raise AuditMismatch(f"{which}: its column {column} does not say what its body says")


def _check_clears(books: Books) -> None:
    met = 0
    for leaf, field, salt, value, body in books.stream(_CLEARS):
        met += 1
        try:
            said = _commitments(body)[field]
            typed = isinstance(salt, bytes) and isinstance(value, str)
            good = typed and commit(salt, value.encode()).hex() == said
        except (KeyError, AssertionError):
            good = False
        if not good:
            raise AuditMismatch(f"leaf {leaf}: the clear value of {field} is not the one it committed to")
    if met != books.rows(_CLEAR_COUNT)[0]["rows"]:
        raise AuditMismatch("there are clear values of leaves that do not exist")


def _commitments(body: bytes) -> dict[str, str]:
    found: dict[str, str] = json.loads(body)["commitments"]
    return found


class _Nodes:
    """The stored tree, read level by level beside the one that the leaves give; holds one row of each level."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._levels: list[Iterator[tuple[Any, ...]]] = []

    def expect(self, nodes: list[tuple[int, int, bytes]]) -> None:
        for level, position, digest in nodes:
            if level == len(self._levels):
                self._levels.append(self._books.stream(_NODES, {"of_level": level}))
            if next(self._levels[level], None) != (position, digest):
                raise AuditMismatch(f"tree node {position} of level {level} is not the hash of its leaves")

    def finish(self) -> None:
        self._levels.append(self._books.stream(_HIGHER, {"of_level": len(self._levels)}))
        for level, rest in enumerate(self._levels):
            if next(rest, None) is not None:
                raise AuditMismatch(f"the tree has nodes at level {level} that stand for no leaf")
