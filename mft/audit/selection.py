"""Which leaves of the log are shown, and which subtrees stand for those that are not.

Whatever is shown, the whole tree is there: leaves one by one where they were asked for, and in all the gaps the hashes
of as few full subtrees as can be. So an export of one day, and a check of one transfer, reach the root of a checkpoint
over everything. The leaves that change the signing key are always shown, with the checkpoints that vouch for them.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, func, select

from mft.audit.merkle import cover
from mft.audit.mft_verify import KEY_KIND
from mft.errors import Missing
from mft.ledger.database import Books
from mft.ledger.tables import CHECKPOINT, LEAF, NODE

BATCH: Final = 4096  # Leaves at a time; a power of two.

_SIZE = select((func.coalesce(func.max(LEAF.c.seq), -1) + 1).label("leaves")).where(
    LEAF.c.seq < 1 << 62  # Only a forger's is not: SQLite's text is larger than any number.
)
_SIZES = select(CHECKPOINT.c.size).distinct().order_by(CHECKPOINT.c.size)
_KEYS = select(LEAF.c.seq, LEAF.c.body).where(LEAF.c.kind == KEY_KIND, LEAF.c.seq.is_not(None)).order_by(LEAF.c.seq)
_OF_TRANSFER = (
    select(LEAF.c.seq).where(LEAF.c.transfer_id == bindparam("transfer"), LEAF.c.seq.is_not(None)).order_by(LEAF.c.seq)
)
_SINCE = select(func.min(LEAF.c.seq).label("seq")).where(LEAF.c.at >= bindparam("since"))
_UNTIL = select((func.max(LEAF.c.seq) + 1).label("seq")).where(LEAF.c.at < bindparam("until"))
_NODES = (
    select(NODE.c.position, NODE.c.hash)
    .where(
        NODE.c.level == bindparam("of_level"), NODE.c.position >= bindparam("begin"), NODE.c.position < bindparam("end")
    )
    .order_by(NODE.c.position)
)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is shown of a log of `size` leaves.

    Args:
        begin, end: a range of leaves, none left out; (0, size) is the whole log. None for those of a transfer.
        shown: half-open ranges of leaves, in order, with those of the keys.
        checkpoints: the sizes of the checkpoints that can be checked by it.
        tree: how many leaves the tree has that it reaches up to.
    """

    size: int
    begin: int | None
    end: int | None
    shown: tuple[tuple[int, int], ...]
    checkpoints: frozenset[int]
    tree: int

    @property
    def whole(self) -> bool:
        return (self.begin, self.end) == (0, self.size)

    def pieces(self) -> Iterator[tuple[str, int, int]]:
        """The tree from left to right: ("leaves", begin, end) of a batch at most, or ("node", level, position)."""
        cuts = sorted(self.checkpoints)
        at = 0
        for begin, end in (*self.shown, (self.tree, self.tree)):
            while at < begin:
                cut = bisect_right(cuts, at)
                to = min(begin, cuts[cut]) if cut < len(cuts) else begin
                yield from (("node", level, position) for level, position in cover(at, to))
                at = to
            while at < end:
                to = min(end, (at // BATCH + 1) * BATCH)
                yield "leaves", at, to
                at = to


def of_log(books: Books) -> Selection:
    """All of it."""
    size = int(books.rows(_SIZE)[0]["leaves"])
    return Selection(size, 0, size, ((0, size),), frozenset(_sizes(books)), size)


def of_range(books: Books, begin: int, end: int, cuts: Iterable[int] = ()) -> Selection:
    """Leaves `begin` up to `end`.

    Args:
        cuts: sizes at which checkpoints were kept elsewhere that shall be checked.

    Raises:
        Missing: there is no such leaf.
    """
    size = int(books.rows(_SIZE)[0]["leaves"])
    end = min(end, size)
    if not 0 <= begin < end:
        raise Missing(f"no leaf fits: the log has {size:,} leaves" + (f", 0 to {size - 1:,}" if size else ""))
    return _selection(books, size, [(begin, end)], (begin, end), cuts)


def of_time(books: Books, since: int, until: int, cuts: Iterable[int] = ()) -> Selection:
    """The leaves of a time, and any that were numbered between them. Raises Missing: there is none."""
    begin, end = books.rows(_SINCE, {"since": since})[0]["seq"], books.rows(_UNTIL, {"until": until})[0]["seq"]
    if begin is None or end is None or begin >= end:
        raise Missing("no leaf is of that time")
    return of_range(books, begin, end, cuts)


def of_transfer(books: Books, transfer: str, cuts: Iterable[int] = ()) -> Selection:
    """The leaves of one transfer. Raises Missing: none has a number yet."""
    places = [row["seq"] for row in books.rows(_OF_TRANSFER, {"transfer": transfer})]
    if not places:
        raise Missing(f"no leaf of {transfer} has a number yet: try again in a second")
    size = int(books.rows(_SIZE)[0]["leaves"])
    return _selection(books, size, [(place, place + 1) for place in places], None, cuts)


def _selection(
    books: Books, size: int, wanted: list[tuple[int, int]], span: tuple[int, int] | None, cuts: Iterable[int]
) -> Selection:
    sizes = _sizes(books)
    changes = [row["seq"] for row in books.rows(_KEYS) if _is_signing(row["body"])]
    ends = {end for _, end in wanted} | {place + 1 for place in changes}
    reached = {sizes[at] for end in ends if (at := bisect_left(sizes, end)) < len(sizes)}
    if span:
        reached.update(sizes[bisect_left(sizes, span[0]) : bisect_right(sizes, span[1])])
    reached.update(sizes[-1:])
    reached.update(cut for cut in cuts if cut <= size)
    begin, end = span or (None, None)
    return Selection(
        size,
        begin,
        end,
        shown=_joined([*wanted, *((place, place + 1) for place in changes)]),
        checkpoints=frozenset(reached),
        tree=max([*ends, *reached]),
    )


def _joined(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return tuple(found)


def _sizes(books: Books) -> Sequence[int]:
    return [row["size"] for row in books.rows(_SIZES) if isinstance(row["size"], int)]


def _facts(body: Any) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(body)["facts"]
        return {**facts}
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}


def _is_signing(body: Any) -> bool:
    return _facts(body).get("use") == "signing"


def chain_of(books: Books, otherwise: str) -> list[str]:
    """The signing keys that the leaves name, the first of them first; `otherwise` where they name none.

    Trust: none of it. The verifier holds the leaves against it.
    """
    named = [facts for row in books.rows(_KEYS) if (facts := _facts(row["body"])).get("use") == "signing"]
    if not named:
        return [otherwise]
    first = [] if named[0].get("replaces") is None else [str(named[0]["replaces"])]
    return [*first, *(str(facts.get("key")) for facts in named)]


def stored_nodes(books: Books, begin: int, end: int) -> dict[tuple[int, int], Any]:
    """The nodes that the leaves `begin` up to `end` complete, as the ledger has them."""
    found = {}
    level = 0
    while 1 << level <= end:
        here = {"of_level": level, "begin": ((begin + (1 << level)) >> level) - 1, "end": end >> level}
        if here["begin"] < here["end"]:
            for row in books.rows(_NODES, here):
                found[level, row["position"]] = row["hash"]
        level += 1
    return found


def stored_node(books: Books, level: int, position: int) -> Any:
    """One node, or None."""
    found = books.first(_NODES, {"of_level": level, "begin": position, "end": position + 1})
    return found and found["hash"]
