"""Logs, and what a forger makes of them: for the verifiers, which all must say no, and name the place."""

# ruff: noqa: S608  The forger writes what SQL he likes.

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mft.audit import log
from mft.audit.checkpoint import Checkpoint, sign
from mft.audit.export import export
from mft.audit.merkle import Frontier, leaf_hash
from mft.audit.selection import Selection, of_log
from mft.clock import new_id
from mft.crypto.signing import SigningKey
from mft.ledger.database import Books, Ledger, Writer, sqlite_driver
from mft.ledger.migrate import migrate

OLD, NEW, STRANGER = (SigningKey("mft/test", bytes([number]) * 32) for number in (1, 2, 3))
LEAVES = 12
SIZES = (3, 5, 8, 10, 12)  # Of the checkpoints.
CHANGE = 7  # The leaf that changes the key, in a log of two.
COLUMNS = ("id", "tenant_id", "seq", "at", "kind", "actor", "connection", "transfer_id", "result")

log.KINDS.setdefault("key.in-force", (frozenset({"use", "key", "replaces", "retention"}), frozenset()))


def make_log(path: Path, *, keys: int = 1) -> None:
    """A ledger with a good log of twelve leaves, signed by one key or by two, in one file."""
    ledger = Ledger(f"sqlite:{path}")
    migrate(ledger)
    writer = Writer(ledger)
    for number in range(LEAVES):
        changes = keys == 2 and number == CHANGE
        writer.run(lambda books, number=number, changes=changes: _leaf(books, number, changes=changes))
        if number + 1 in SIZES:
            by = (OLD, NEW) if changes else (OLD,) if keys == 1 or number < CHANGE else (NEW,)
            writer.run(lambda books, by=by: checkpoint(books, *by))
    writer.close()
    connection = sqlite_driver.connect(str(path))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _leaf(books: Books, number: int, *, changes: bool) -> str:
    if changes:
        return name_key(books, NEW.verify_key.vkey, OLD.verify_key.vkey)
    return log.append(
        books,
        "transfer.received",
        at=1000 + number,
        actor="connection:c1",
        connection="c1" if number % 2 else None,
        transfer=f"t{number % 3}",
        facts={"size_bytes": number},
        private={"name": f"päth{number}"},
    )


def name_key(books: Books, key: str, replaces: str | None) -> str:
    facts = {"use": "signing", "key": key, "replaces": replaces, "retention": None}
    return log.append(books, "key.in-force", at=2000, actor="cli:0", facts=facts)


def checkpoint(books: Books, *keys: SigningKey) -> str:
    """Number all leaves and sign the tree's head, by one key or by several."""
    while log.sequence(books):
        pass
    frontier = log.load_frontier(books)
    note = note_of(Checkpoint(keys[0].name, frontier.size, frontier.root()), *keys)
    run(
        books,
        "INSERT INTO checkpoint (id, tenant_id, size, at, note) VALUES (?, 1, ?, 9, ?)",
        new_id(),
        frontier.size,
        note,
    )
    return note


def note_of(head: Checkpoint, *keys: SigningKey) -> str:
    note = sign(head, keys[0])
    for key in keys[1:]:
        signature = key.verify_key.key_id + key.sign(head.text().encode())
        note += f"— {key.name} {base64.b64encode(signature).decode()}\n"
    return note


def opened(path: Path) -> Books:
    """A copy of a log, in memory, to be tampered with."""
    source = sqlite_driver.connect(str(path))
    copy = sqlite_driver.connect(":memory:", isolation_level=None)
    source.backup(copy)
    source.close()
    return Books(copy, "sqlite")


def exported(books: Books, target: Path, select: Callable[[Books], Selection] = of_log, *, clear: bool = True) -> Path:
    with books.snapshot():
        export(
            books,
            select(books),
            target,
            vkey=OLD.verify_key.vkey,
            at=1_700_000_000_000_000,
            clear=clear,
            before_it_is_there=lambda _: None,
        )
    return target


def run(books: Books, sql: str, *values: Any) -> Any:
    return books._connection.execute(sql, values)


def one(books: Books, sql: str, *values: Any) -> Any:
    return run(books, sql, *values).fetchone()[0]


def kept_notes(books: Books, *sizes: int) -> str:
    """Checkpoints as they left the host, one behind the other."""
    return "".join(one(books, "SELECT note FROM checkpoint WHERE size = ?", size) for size in sizes)


# --- What a forger does to one row


def rewrite(books: Books, number: int) -> None:
    """Another fact in a leaf, in canonical form, columns to match."""
    body = json.loads(one(books, "SELECT body FROM leaf WHERE seq = ?", number))
    body["facts"]["size_bytes"] = 999
    run(books, "UPDATE leaf SET body = ? WHERE seq = ?", log.canonical(body), number)


def delete(books: Books, number: int) -> None:
    """A leaf and what is beside it gone, those behind moved up."""
    run(books, "DELETE FROM leaf_clear WHERE leaf_id = (SELECT id FROM leaf WHERE seq = ?)", number)
    run(books, "DELETE FROM leaf WHERE seq = ?", number)
    run(books, "UPDATE leaf SET seq = -seq WHERE seq > ?", number)
    run(books, "UPDATE leaf SET seq = -seq - 1 WHERE seq < 0")


def insert(books: Books, number: int) -> None:
    """A leaf more, those behind moved down."""
    run(books, "UPDATE leaf SET seq = -seq - 1 WHERE seq >= ?", number)
    run(books, "UPDATE leaf SET seq = -seq WHERE seq < 0")
    leaf = log.append(books, "server.stopped", at=1, actor="server")
    run(books, "UPDATE leaf SET seq = ? WHERE id = ?", number, leaf)


def swap(books: Books, number: int) -> None:
    """A leaf and the next in each other's place; the last with the first."""
    other = (number + 1) % LEAVES
    run(books, "UPDATE leaf SET seq = -1 WHERE seq = ?", number)
    run(books, "UPDATE leaf SET seq = ? WHERE seq = ?", number, other)
    run(books, "UPDATE leaf SET seq = ? WHERE seq = -1", other)


CHANGES: dict[str, Callable[[Books, int], None]] = {
    "rewrite": rewrite, "delete": delete, "insert": insert, "swap": swap,
}  # fmt: skip


def first_bad(change: str, number: int) -> int:
    return 0 if change == "swap" and number == LEAVES - 1 else number


def rebuild(books: Books) -> None:
    """The tree that the leaves as they stand now would have."""
    run(books, "DELETE FROM node")
    frontier = Frontier()
    for (body,) in run(books, "SELECT body FROM leaf WHERE seq IS NOT NULL ORDER BY seq").fetchall():
        for level, position, digest in frontier.append(leaf_hash(bytes(body))):
            run(
                books,
                "INSERT INTO node (level, position, tenant_id, hash) VALUES (?, ?, 1, ?)",
                level,
                position,
                digest,
            )


def resign(books: Books, key: SigningKey) -> None:
    """Every checkpoint anew, over the leaves as they stand now, by a key that the host has."""
    sizes = [row[0] for row in run(books, "SELECT size FROM checkpoint ORDER BY size").fetchall()]
    frontier = Frontier()
    bodies = [bytes(row[0]) for row in run(books, "SELECT body FROM leaf WHERE seq >= 0 ORDER BY seq").fetchall()]
    for size in sizes:
        for body in bodies[frontier.size : size]:
            frontier.append(leaf_hash(body))
        note = note_of(Checkpoint(key.name, frontier.size, frontier.root()), key)
        run(books, "UPDATE checkpoint SET note = ?, size = ? WHERE size = ?", note, frontier.size, size)


def row_changes() -> Iterator[tuple[str, str]]:
    """A name, and SQL that changes one row and nothing else; a good log of one key has leaves 0 to 11 with names."""
    for column in COLUMNS:
        new = f"{column} + 10" if column in {"tenant_id", "at", "seq"} else f"{column} || 'x'"
        if column in {"connection", "transfer_id"}:
            yield f"leaf 5: {column} emptied", f"UPDATE leaf SET {column} = NULL WHERE seq = 5"
        yield f"leaf 5: {column} changed", f"UPDATE leaf SET {column} = {new} WHERE seq = 5"
    yield "leaf 4: connection filled", "UPDATE leaf SET connection = 'c1' WHERE seq = 4"
    for body in ("x''", "'{}'", "x'ff'", "CAST(body AS TEXT)", "body || ' '", "7"):
        yield f"leaf 5: body {body}", f"UPDATE leaf SET body = {body} WHERE seq = 5"
    yield "leaf 5: deleted", "DELETE FROM leaf WHERE seq = 5"
    yield "leaf 11: deleted", "DELETE FROM leaf WHERE seq = 11"
    yield "leaf 11: its number taken", "UPDATE leaf SET seq = NULL WHERE seq = 11"
    yield "leaf 5: its number a word", "UPDATE leaf SET seq = 'five' WHERE seq = 5"
    yield "leaf 5: its number broken", "UPDATE leaf SET seq = 5.5 WHERE seq = 5"
    for field, new in (("value", "'other'"), ("value", "x'00'"), ("salt", "zeroblob(16)"), ("salt", "x'00'"),
                       ("salt", "'text'"), ("field", "'sha256'")):  # fmt: skip
        yield (
            f"leaf 5: clear {field} {new}",
            f"UPDATE leaf_clear SET {field} = {new} WHERE leaf_id = (SELECT id FROM leaf WHERE seq = 5)",
        )
    yield "a clear value of no leaf", "INSERT INTO leaf_clear VALUES ('none', 'name', 1, zeroblob(16), 'x')"
    for level, position in ((0, 5), (1, 2), (2, 1), (3, 0)):
        at = f"WHERE level = {level} AND position = {position}"
        yield f"node {level}/{position}: changed", f"UPDATE node SET hash = zeroblob(32) {at}"
        yield f"node {level}/{position}: short", f"UPDATE node SET hash = x'00' {at}"
        yield f"node {level}/{position}: deleted", f"DELETE FROM node {at}"
    for level, position in ((0, 12), (0, 100), (1, 6), (3, 1), (9, 0), (0, -1), (-1, 0), (99, 0)):
        yield (
            f"node {level}/{position}: more than there are",
            f"INSERT INTO node (level, position, tenant_id, hash) VALUES ({level}, {position}, 1, zeroblob(32))",
        )
    yield (
        "checkpoint 8: size in the note",
        "UPDATE checkpoint SET note = replace(note, char(10) || '8' || char(10), char(10) || '9' || char(10)) WHERE size = 8",
    )
    yield (
        "checkpoint 8: a letter of the signature",
        "UPDATE checkpoint SET note = substr(note, 1, length(note) - 20) || 'AAAA' || substr(note, -16) WHERE size = 8",
    )
    yield (
        "checkpoint 8: no signature",
        "UPDATE checkpoint SET note = substr(note, 1, instr(note, '—') - 1) WHERE size = 8",
    )
    yield "checkpoint 8: not text", "UPDATE checkpoint SET note = x'ff00' WHERE size = 8"
