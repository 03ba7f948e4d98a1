"""Checks the audit log in the ledger against itself and against its signed checkpoints.

Trusts the public keys that are handed in, and checkpoints that were kept elsewhere; nothing else. Every leaf is hashed
again, its columns are computed again from its bytes, every tree node and every checkpoint's root from the leaves, every
commitment from its clear value. The first thing that does not fit is named.

What is true is written down once, in `mft_verify`; here is only a fast way to feed it from the ledger: leaves are
taken in batches, whose checks run in C. A batch in which one of them fails is gone through leaf by leaf.
"""

import gc
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec
from sqlalchemy import bindparam, func, or_, select

from mft.audit.merkle import cover
from mft.audit.mft_verify import (
    COLUMNS,
    KEY_KIND,
    Chain,
    Checkpoints,
    Key,
    No,
    Note,
    Tree,
    check_clear,
    leaf_hash,
    read_leaf,
    split_notes,
)
from mft.audit.selection import Selection, chain_of, of_log, stored_node
from mft.crypto.signing import VerifyKey
from mft.errors import AuditMismatch
from mft.ledger.database import Books, Row
from mft.ledger.tables import CHECKPOINT, LEAF, LEAF_CLEAR, NODE

_NAMES: Final = ("id", "tenant_id", "at", "kind", "actor", "connection", "transfer_id", "result")  # Of COLUMNS, here.
_LEAF = (LEAF.c.seq, *(LEAF.c[name] for name in _NAMES), LEAF.c.body)
_RANGE = select(*_LEAF).where(LEAF.c.seq >= bindparam("begin"), LEAF.c.seq < bindparam("end")).order_by(LEAF.c.seq)
_NUMBERED = select(func.count().label("rows")).select_from(LEAF).where(LEAF.c.seq.is_not(None))
_UNSEQUENCED = select(*_LEAF).where(LEAF.c.seq.is_(None))
_NODES = (
    select(NODE.c.position, NODE.c.hash)
    .where(
        NODE.c.level == bindparam("of_level"), NODE.c.position >= bindparam("begin"), NODE.c.position < bindparam("end")
    )
    .order_by(NODE.c.position)
)
_BEYOND = select(NODE.c.position).where(NODE.c.level == bindparam("of_level"), NODE.c.position >= bindparam("begin"))
_ODD_NODES = select(NODE.c.level).where(or_(NODE.c.level < 0, NODE.c.level > 62, NODE.c.position < 0))
_CHECKPOINTS = select(CHECKPOINT.c.size, CHECKPOINT.c.note).order_by(CHECKPOINT.c.size, CHECKPOINT.c.id)
_CLEAR = select(LEAF_CLEAR.c.leaf_id, LEAF_CLEAR.c.field, LEAF_CLEAR.c.salt, LEAF_CLEAR.c.value).join(
    LEAF, LEAF.c.id == LEAF_CLEAR.c.leaf_id
)
_CLEARS = _CLEAR.where(LEAF.c.seq >= bindparam("begin"), LEAF.c.seq < bindparam("end"))
_CLEARS_UNSEQUENCED = _CLEAR.where(LEAF.c.seq.is_(None))
_CLEAR_COUNT = select(func.count().label("rows")).select_from(LEAF_CLEAR)

_Int = Annotated[int, msgspec.Meta(gt=-(1 << 53), lt=1 << 53)]
_Commitment = Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
_HEX = re.compile(r"[0-9a-f]*")


class _Leaf(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A leaf, its members in canonical order."""

    actor: str
    at: _Int
    commitments: dict[str, _Commitment]
    connection: str | None
    facts: dict[str, _Int | str | None]
    id: str
    kind: str
    result: str
    tenant: _Int
    transfer: str | None
    v: Annotated[int, msgspec.Meta(ge=1, le=1)]


_decode = msgspec.json.Decoder(_Leaf).decode
_encode = msgspec.json.Encoder(order="deterministic").encode
_columns = attrgetter(*COLUMNS)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found true: so many leaves under so many checkpoints, the last of them at `size`.

    `unsigned` leaves came after the last checkpoint: they are consistent, and nothing signed speaks of them yet.
    `kept` are the checkpoints among those that were kept elsewhere.
    """

    leaves: int
    unsigned: int
    checkpoints: int
    size: int
    root: str
    kept: int
    keys: tuple[str, ...]
    clears: int
    redacted: int


def verify_log(
    books: Books,
    keys: Sequence[VerifyKey],
    *,
    progress: Callable[[int], None] | None = None,
    pinned: Sequence[str] = (),
    select: Callable[[Books], Selection] = of_log,
) -> Verified:
    """Verify everything, or what is selected, in one snapshot of the ledger.

    Args:
        keys: that are trusted, at least one: see docs/formats/audit-log.md, "Who signs".
        progress: called now and then with the number of leaves verified so far.
        pinned: texts of one checkpoint note or several that were kept elsewhere, which this log must contain.

    Raises:
        AuditMismatch: it says what does not fit, and where.
        Missing: nothing is selected.
    """
    with books.snapshot(), _without_collector():
        try:
            trusted = [Key(key.vkey) for key in keys]
            kept = [Note(note) for text in pinned for note in split_notes(StringIO(text))]
            return _Verification(books, trusted, kept, select(books), progress).run()
        except No as error:
            raise AuditMismatch(str(error)) from None


@contextmanager
def _without_collector() -> Iterator[None]:
    """Batches make many objects and no cycle of them: looking for one costs a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Verification:
    def __init__(
        self,
        books: Books,
        trusted: Sequence[Key],
        kept: Sequence[Note],
        selection: Selection,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._books = books
        self._selection = selection
        self._progress = progress
        try:
            first = Key(chain_of(books, trusted[0].vkey)[0])
        except ValueError:
            raise No("the first leaf that tells of a signing key names none") from None
        self._chain = Chain(trusted, first)
        self._checkpoints = Checkpoints(self._chain, self._notes(), kept)
        self._tree = Tree()
        self._leaves = self._clears = self._commitments = 0

    def run(self) -> Verified:
        self._checkpoints.meet(0, self._tree.root)
        for what, one, other in self._selection.pieces():
            if what == "node":
                digest = stored_node(self._books, one, other)
                if not isinstance(digest, bytes) or len(digest) != 32:
                    raise No(f"tree node {other} of level {one} is missing")
                self._tree.add(digest, one)
                self._checkpoints.meet(self._tree.size, self._tree.root)
            else:
                self._batch(one, other)
                self._leaves += other - one
                if self._progress is not None:
                    self._progress(self._leaves)
        self._checkpoints.finish(self._tree.size)
        unnumbered = self._rest() if self._selection.whole else 0
        self._chain.finish()
        size = self._checkpoints.size or 0
        return Verified(
            leaves=self._leaves + unnumbered,
            unsigned=max(0, self._tree.size - size) + unnumbered,
            checkpoints=self._checkpoints.count + self._checkpoints.kept,
            size=size,
            root=self._checkpoints.root.hex(),
            kept=self._checkpoints.kept,
            keys=tuple(key.vkey for key in self._chain.keys),
            clears=self._clears,
            redacted=self._commitments - self._clears,
        )

    def _notes(self) -> Iterator[Note]:
        for size, note in self._books.stream(_CHECKPOINTS):
            if not self._selection.whole and size not in self._selection.checkpoints:
                continue
            try:
                if not isinstance(note, str):
                    raise No("it is not text")
                found = Note(note)
            except No as error:
                raise No(f"the checkpoint over {size} leaves does not verify: {error}") from None
            if found.size != size:
                raise No(f"the checkpoint over {size} leaves does not verify: it says {found.size}")
            yield found

    def _batch(self, begin: int, end: int) -> None:
        rows = self._books.tuples(_RANGE, {"begin": begin, "end": end})
        clears = self._books.tuples(_CLEARS, {"begin": begin, "end": end})
        levels = self._levels(rows, clears, begin, end)
        if levels is None:
            self._one_by_one(rows, clears)
            if self._tree.size != end:
                raise No(f"leaf {self._tree.size} is missing")
            return
        changes = [row for row in rows if row[4] == KEY_KIND]
        while self._tree.size < end:
            due = self._checkpoints.due()
            to = min(due, end) if due is not None and due > self._tree.size else end
            for level, position in cover(self._tree.size, to):
                start, hashes = levels[level]
                for up, digest in enumerate(self._tree.add(hashes[position - start], level)[1:], 1):
                    self._check_node(level + up, position >> up, digest, begin)
            while changes and changes[0][0] < to:
                row = changes.pop(0)
                self._chain.leaf(row[0], _decode(row[9]).facts)
            self._checkpoints.meet(to, self._tree.root)

    def _check_node(self, level: int, position: int, digest: bytes, begin: int) -> None:
        if position << level < begin and stored_node(self._books, level, position) != digest:
            raise No(f"tree node {position} of level {level} is not the hash of its leaves")

    def _levels(
        self, rows: list[tuple[Any, ...]], clears: list[tuple[Any, ...]], begin: int, end: int
    ) -> list[tuple[int, list[bytes]]] | None:
        """Check a batch; returns its hashes, for each level where they start, or None if it takes a closer look."""
        if [row[0] for row in rows] != list(range(begin, end)):
            return None
        bodies = [row[9] for row in rows]
        try:
            leaves = [*map(_decode, bodies)]
        except (msgspec.MsgspecError, TypeError, UnicodeDecodeError, RecursionError):
            return None
        if [*map(_encode, leaves)] != bodies or not b"".join(bodies).isascii():
            return None
        if [*map(_columns, leaves)] != [row[1:9] for row in rows]:
            return None
        said = {leaf.id: leaf.commitments for leaf in leaves if leaf.commitments}
        if not _HEX.fullmatch("".join(["".join(commitments.values()) for commitments in said.values()])):
            return None
        if not _are_committed(said, clears):
            return None
        sha256 = hashlib.sha256
        level, start, hashes = 0, begin, [sha256(b"\x00" + body).digest() for body in bodies]
        found = []
        while hashes:
            where = {"of_level": level, "begin": start, "end": start + len(hashes)}
            if self._books.tuples(_NODES, where) != list(enumerate(hashes, start)):
                return None
            found.append((start, hashes))
            skipped = start & 1  # Half of a node that began before this batch.
            pairs = zip(hashes[skipped::2], hashes[skipped + 1 :: 2], strict=False)
            hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            level, start = level + 1, (start + 1) >> 1
        self._clears += len(clears)
        self._commitments += sum(map(len, said.values()))
        return found

    def _one_by_one(self, rows: list[tuple[Any, ...]], clears: list[tuple[Any, ...]]) -> None:
        """Go through a batch leaf by leaf: to name the first that does not fit, or where one is not ASCII."""
        by_leaf: dict[Any, list[tuple[Any, ...]]] = {}
        for clear in clears:
            by_leaf.setdefault(clear[0], []).append(clear)
        for row in rows:
            size = self._tree.size
            if row[0] != size:
                raise No(f"leaf {size} is missing: the next number is {row[0]}")
            said = self._check_leaf(row, by_leaf.get(row[1], ()), f"leaf {size}")
            for level, digest in enumerate(self._tree.add(leaf_hash(row[9]))):
                if stored_node(self._books, level, size >> level) == digest:
                    continue
                if level == 0:
                    raise No(f"leaf {size} is not the one in the tree: node {size} of level 0 is not its hash")
                raise No(f"tree node {size >> level} of level {level} is not the hash of its leaves")
            if said["kind"] == KEY_KIND:
                self._chain.leaf(size, said["facts"])
            self._checkpoints.meet(self._tree.size, self._tree.root)

    def _check_leaf(self, row: Sequence[Any], clears: Sequence[tuple[Any, ...]], which: str) -> Row:
        try:
            said = read_leaf(row[9] if isinstance(row[9], bytes) else b"")  # SQLite takes any type in any column.
            for column, name, value in zip(_NAMES, COLUMNS, row[1:9], strict=True):
                if type(value) is not type(said[name]) or value != said[name]:
                    raise No(f"its column {column} does not say what its body says")
            for _, field, salt, value in clears:
                typed = isinstance(salt, bytes) and isinstance(value, str)
                check_clear(said, field, salt if typed else b"", value if typed else "")
        except No as error:
            raise No(f"{which}: {error}") from None
        self._clears += len(clears)
        self._commitments += len(said["commitments"])
        return said

    def _rest(self) -> int:
        """What has no number, or stands for nothing; returns how many leaves wait for theirs."""
        size = self._selection.size
        if self._books.rows(_NUMBERED)[0]["rows"] != size:
            raise No(f"there are leaves beyond leaf {size} whose number is none")
        clears: dict[Any, list[tuple[Any, ...]]] = {}
        for clear in self._books.stream(_CLEARS_UNSEQUENCED):
            clears.setdefault(clear[0], []).append(clear)
        unnumbered = list(self._books.stream(_UNSEQUENCED))
        for row in unnumbered:
            self._check_leaf(row, clears.get(row[1], ()), f"leaf {row[1]}, which has no number yet")
        if self._clears != self._books.rows(_CLEAR_COUNT)[0]["rows"]:
            raise No("there are clear values of leaves that do not exist")
        for level in range(63):
            if self._books.first(_BEYOND, {"of_level": level, "begin": size >> level}):
                raise No(f"the tree has nodes at level {level} that stand for no leaf")
        if odd := self._books.first(_ODD_NODES):
            raise No(f"the tree has nodes at level {odd['level']} that stand for no leaf")
        return len(unnumbered)


def _are_committed(said: dict[str, dict[str, str]], clears: list[tuple[Any, ...]]) -> bool:
    sha256 = hashlib.sha256
    try:
        for leaf, field, salt, value in clears:
            if len(salt) != 16 or sha256(salt + value.encode()).hexdigest() != said[leaf][field]:
                return False
    except (LookupError, TypeError, AttributeError, UnicodeEncodeError):
        return False
    return True
