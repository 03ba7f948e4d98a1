"""The audit log: a leaf for everything that happened, in one tree that cannot be changed unnoticed.

A leaf is canonical JSON, written once in the transaction of the state that it tells of, without a number. The
sequencer gives it one, gapless, and adds its hash to the tree (RFC 6962). What a leaf may say is an allow-list:
`facts` in clear, and `private` values (names, addresses, content hashes) only as salted commitments, whose clear
values stand in a table of their own and can be deleted without breaking a proof.

Spec: docs/formats/audit-log.md
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, func, insert, select, update

from mft.audit.checkpoint import Checkpoint, sign
from mft.audit.merkle import Frontier, leaf_hash
from mft.clock import new_id
from mft.crypto.signing import SigningKey, commit
from mft.domain import TENANT
from mft.ledger.database import Books, Row
from mft.ledger.tables import CHECKPOINT, LEAF, LEAF_CLEAR, NODE

Fact = str | int | None
VERSION: Final = 1

_CANONICAL = msgspec.json.Encoder(order="sorted")

# kind → (facts it may state, private values that it commits to)
KINDS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    kind: (frozenset(facts.split()), frozenset(private.split()))
    for kind, facts, private in (
        ("home.made", "version", ""),
        ("home.backed-up", "backup objects bytes size", ""),
        ("home.restored", "backup size lost", ""),
        ("server.started", "version sqlite", ""),
        ("server.stopped", "", ""),
        ("clock.stepped", "seconds", ""),
        ("checkpoint.unsent", "destination error", ""),
        ("checkpoint.sent-again", "destination size", ""),
        ("config.loaded", "added changed removed", ""),
        ("partner.added", "fingerprints", "name"),
        ("partner.extended", "fingerprints trading_partners", "name"),
        ("partner.loaded", "profile enabled changed", "name diff"),
        ("partner.removed", "", "name"),
        ("settings.loaded", "digest changed", "diff"),
        ("routes.loaded", "digest changed", "diff"),
        ("guide.loaded", "guide digest", ""),
        ("vault.swept", "orphans salvaged", ""),
        ("vault.scrubbed", "objects size_bytes damaged strangers complete", ""),
        ("vault.damaged", "object error", ""),
        ("login.accepted", "door fingerprint", "account source_address"),
        ("login.refused", "door attempts", "account source_address"),
        ("transfer.received", "door size_bytes object", "name sha256"),
        ("transfer.partial", "door size_bytes", "name"),
        ("transfer.parked", "door size_bytes object", "name sha256"),
        ("transfer.repeated", "door size_bytes", "name"),
        ("transfer.expired", "", ""),
        ("transfer.superseded", "", ""),
        ("transfer.split-off", "parent kind size_bytes", "name sha256"),
        ("transfer.evidence", "kind matches", ""),
        ("upload.stalled", "", ""),
        ("folder.made", "", "name"),
        ("folder.removed", "", "name"),
        ("watched.left", "folder reason", "name"),
        ("watched.lost", "folder reason", ""),
        ("watched.found", "folder", ""),
        ("transfer.identified", "standard version", ""),
        ("transfer.unwrapped", "kind members signed_by", ""),
        ("transfer.parsed", "interchanges sets findings", ""),
        ("transfer.validated", "findings sets_accepted sets_rejected guides profile", ""),
        ("transfer.canonicalized", "records", ""),
        ("transfer.acknowledged", "kinds sent", ""),
        ("transfer.done", "sets_accepted sets_rejected duplicate_of", ""),
        ("transfer.incomplete", "", ""),
        ("transfer.held", "doubt", ""),
        ("transfer.unsupported", "standard", ""),
        ("transfer.rejected", "sets_rejected findings", "why"),
        ("transfer.quarantined", "attempts", ""),
        ("transfer.released", "doubt hold", "why"),
        ("event.dead", "sink event error", ""),
        ("events.replayed", "sink events first last", ""),
        ("events.retried", "sink events first last", ""),
        ("events.dropped", "sink events first last", "why"),
        ("flow-hold.made", "hold feed standard set sink until", "why"),
        ("flow-hold.lifted", "hold waiting", ""),
        ("transfer.deposited", "size_bytes object kinds verdict control_number", "name sha256"),
        ("delivery.made", "delivery route interchange attempts size_bytes", "name target"),
        ("delivery.failed", "delivery route interchange attempts error", ""),
        ("delivery.given-up", "delivery route interchange attempts error", ""),
        ("delivery.retried", "delivery route", ""),
        ("transfer.renamed", "", "name new_name"),
        ("transfer.removed", "", "name"),
        ("transfer.fetched", "size_bytes", ""),
        ("transfer.opened", "size_bytes", ""),
        ("transfer.replayed", "sets map guide", ""),
        ("transfer.erased", "kinds reason", ""),
        ("retention.swept", "class kind transfers", ""),
        ("hold.made", "hold", "matter"),
        ("hold.lifted", "hold", "matter"),
        ("control-number.reset", "standard kind usage before number", "own partner"),
        ("host-key.imported", "key algorithm", ""),
        ("key.in-force", "use key replaces retention", ""),
        ("key.retired", "use key objects", ""),
        ("key.shredded", "use key objects", ""),
        ("key.expiring", "use key days_left", ""),
        ("alert.raised", "alert rule", ""),
        ("alert.acknowledged", "alert rule", ""),
        ("alert.unsent", "channel error", ""),
        ("records.uncached", "type day error", ""),
        ("records.searched", "views", "text"),
        ("records.queried", "types revealed", "statement"),
        ("records.revealed", "types set map_version", ""),
        ("audit.redacted", "leaf fields", ""),
        ("audit.exported", "leaves size range clear", ""),
    )
}

_LEAF = insert(LEAF)
_CLEAR = insert(LEAF_CLEAR)
_NODE = insert(NODE)
_HASH = select(NODE.c.hash).where(NODE.c.level == bindparam("at_level"), NODE.c.position == bindparam("index"))
_SIZE = select((func.coalesce(func.max(NODE.c.position), -1) + 1).label("leaves")).where(NODE.c.level == 0)
_UNSEQUENCED = select(LEAF.c.id, LEAF.c.body).where(LEAF.c.seq.is_(None)).order_by(LEAF.c.id).limit(bindparam("most"))
_NUMBER = update(LEAF).where(LEAF.c.id == bindparam("leaf")).values(seq=bindparam("number"))
_CHECKPOINT = insert(CHECKPOINT)
_LAST_CHECKPOINT = select(CHECKPOINT).order_by(CHECKPOINT.c.size.desc(), CHECKPOINT.c.id.desc()).limit(1)


def canonical(value: Mapping[str, Any]) -> bytes:
    """RFC 8785 canonical JSON, for the values we use: text, integers, null and objects of them."""
    return _CANONICAL.encode(value)


def append(
    books: Books,
    kind: str,
    *,
    at: int,
    actor: str,
    connection: str | None = None,
    transfer: str | None = None,
    result: str = "ok",
    facts: Mapping[str, Fact] | None = None,
    private: Mapping[str, str] | None = None,
) -> str:
    """Add a leaf in the caller's transaction; returns its id.

    Args:
        actor: who did it: `connection:ID`, `server`, or `cli:UID`.
        result: `ok` or `refused`.
    """
    allowed_facts, allowed_private = KINDS[kind]
    facts = facts or {}
    private = private or {}
    assert allowed_facts >= set(facts), f"{kind} may not state {set(facts) - allowed_facts}"
    assert allowed_private >= set(private), f"{kind} may not commit to {set(private) - allowed_private}"
    leaf = new_id()
    salts = {field: secrets.token_bytes(16) for field in private}
    said = {
        "v": VERSION,
        "id": leaf,
        "at": at,
        "kind": kind,
        "tenant": TENANT,
        "actor": actor,
        "connection": connection,
        "transfer": transfer,
        "result": result,
        "facts": dict(facts),
        "commitments": {field: commit(salts[field], value.encode()).hex() for field, value in private.items()},
    }
    books.execute(_LEAF, {**columns_of(said), "body": canonical(said)})
    books.execute_all(
        _CLEAR,
        [
            {"leaf_id": leaf, "field": field, "tenant_id": TENANT, "salt": salts[field], "value": value}
            for field, value in private.items()
        ],
    )
    return leaf


def columns_of(said: Mapping[str, Any]) -> Row:
    """The indexed columns of a leaf, which only repeat its body: the verifier computes them again."""
    return {
        "id": said["id"],
        "tenant_id": said["tenant"],
        "at": said["at"],
        "kind": said["kind"],
        "actor": said["actor"],
        "connection": said["connection"],
        "transfer_id": said["transfer"],
        "result": said["result"],
    }


def sequence(books: Books, most: int = 2000) -> int:
    """Number the leaves that have no number yet, oldest first, and add them to the tree; returns how many."""
    waiting = books.rows(_UNSEQUENCED, {"most": most})
    if not waiting:
        return 0
    frontier = load_frontier(books)
    numbered, nodes = [], []
    for row in waiting:
        numbered.append({"leaf": row["id"], "number": frontier.size})
        nodes += frontier.append(leaf_hash(bytes(row["body"])))
    books.execute_all(_NUMBER, numbered)
    books.execute_all(
        _NODE,
        [{"level": level, "position": index, "tenant_id": TENANT, "hash": digest} for level, index, digest in nodes],
    )
    return len(waiting)


def load_frontier(books: Books) -> Frontier:
    """The right edge of the tree as the ledger has it."""
    return Frontier.restore(books.rows(_SIZE)[0]["leaves"], lambda level, index: node_at(books, level, index))


def node_at(books: Books, level: int, index: int) -> bytes:
    """The hash of a full subtree, as the ledger has it."""
    row = books.first(_HASH, {"at_level": level, "index": index})
    assert row is not None
    return bytes(row["hash"])


def newest_checkpoint(books: Books) -> Row | None:
    """The checkpoint signed last: size, at, note; None before the first."""
    return books.first(_LAST_CHECKPOINT)


def make_checkpoint(books: Books, key: SigningKey, *, at: int, after: SigningKey | None = None) -> Checkpoint:
    """Number what waits and sign the tree's head, unless nothing was added since the last one.

    Args:
        after: the key whose place `key` takes with this checkpoint, which signs it first.
    """
    while sequence(books):
        pass
    frontier = load_frontier(books)
    checkpoint = Checkpoint(key.name, frontier.size, frontier.root())
    last = newest_checkpoint(books)
    if last is None or last["size"] != checkpoint.size:
        books.execute(
            _CHECKPOINT,
            {
                "id": new_id(),
                "tenant_id": TENANT,
                "size": checkpoint.size,
                "at": at,
                "note": sign(checkpoint, *((after,) if after else ()), key),
            },
        )
    return checkpoint
