"""Takes the log out: files that an auditor carries away and checks with `mft_verify.py` alone.

Spec: docs/formats/audit-log.md, "Export".
"""

import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, or_, select

from mft.audit import mft_verify
from mft.audit.selection import BATCH, Selection, chain_of, stored_node, stored_nodes
from mft.clock import moment
from mft.durable import disk_errors, sync_directory, sync_file
from mft.errors import Missing, NameTaken
from mft.ledger.database import Books
from mft.ledger.tables import CHECKPOINT, LEAF, LEAF_CLEAR, NODE

_LEAF = (
    LEAF.c.seq, LEAF.c.id, LEAF.c.tenant_id, LEAF.c.at, LEAF.c.kind, LEAF.c.actor, LEAF.c.connection,
    LEAF.c.transfer_id, LEAF.c.result, LEAF.c.body,
)  # fmt: skip
_ALL = select(*_LEAF).where(LEAF.c.seq.is_not(None)).order_by(LEAF.c.seq)
_RANGE = _ALL.where(LEAF.c.seq >= bindparam("begin"), LEAF.c.seq < bindparam("end"))
_UNSEQUENCED = select(*_LEAF).where(LEAF.c.seq.is_(None)).order_by(LEAF.c.id)
_CLEAR = select(LEAF_CLEAR.c.leaf_id, LEAF_CLEAR.c.field, LEAF_CLEAR.c.salt, LEAF_CLEAR.c.value).join(
    LEAF, LEAF.c.id == LEAF_CLEAR.c.leaf_id
)
_CLEAR_RANGE = _CLEAR.where(LEAF.c.seq >= bindparam("begin"), LEAF.c.seq < bindparam("end"))
_CLEAR_UNSEQUENCED = _CLEAR.where(LEAF.c.seq.is_(None))
_STRAY_CLEAR = (
    select(LEAF_CLEAR.c.leaf_id, LEAF_CLEAR.c.field, LEAF_CLEAR.c.salt, LEAF_CLEAR.c.value)
    .outerjoin(LEAF, LEAF.c.id == LEAF_CLEAR.c.leaf_id)
    .where(LEAF.c.id.is_(None))
)
_STRAY_NODES = select(NODE.c.level, NODE.c.position, NODE.c.hash).where(
    NODE.c.level == bindparam("of_level"), NODE.c.position >= bindparam("begin")
)
_ODD_NODES = select(NODE.c.level, NODE.c.position, NODE.c.hash).where(
    or_(NODE.c.level < 0, NODE.c.level > 62, NODE.c.position < 0)
)
_NOTES = select(CHECKPOINT.c.size, CHECKPOINT.c.note).order_by(CHECKPOINT.c.size, CHECKPOINT.c.id)

_README: Final = """\
An export of the audit log {origin}
made {made} UTC: {what}

To check it, offline, with Python 3.11 and its package "cryptography":

    python3 -I mft_verify.py . --key KEY --checkpoint FILE

KEY   the log's public key, from whoever runs the log and by another way than this export. keys.txt
      says which keys to ask for; by itself it proves nothing.
FILE  checkpoints that left the host when they were made: out of your mail, your log server, a
      receipt. Without one, whoever holds the signing key could have written all of this yesterday.

The answer is "yes" (exit code 0) or "no" (1), with the first leaf that is not as it was written. You
need not trust the copy of mft_verify.py that lies here: take it from the project, read it, or write
another one from the format's description (docs/formats/audit-log.md).

leaves.ndjson    one line a leaf: its number, its columns, its bytes ("body"){clear}
checkpoints.txt  what was signed: so many leaves have this root
keys.txt         the signing keys, the oldest first
export.json      what was asked for
"""
_README_CLEAR: Final = """,
                 and under "clear" the names and hashes that it commits to, those left out that were redacted"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: so many leaves and clear values, of a tree that reaches up to `size`."""

    leaves: int
    clears: int
    size: int


def export(
    books: Books,
    selection: Selection,
    target: Path,
    *,
    vkey: str,
    at: int,
    clear: bool,
    before_it_is_there: Callable[[Exported], None],
    transfer: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write an export, in the snapshot of the ledger that `selection` was made in.

    Args:
        target: a folder, or a tar file if it ends in `.tar`; must not exist.
        vkey: the log's key, for a log whose leaves name none.
        clear: with the clear values.
        before_it_is_there: called when everything is on the disk and not yet under its name.

    Durability: all of it is on the disk when this returns; before, nothing bears its name.

    Raises:
        NameTaken: there is something of that name.
        Missing: there is no folder to put it in.
    """
    if os.path.lexists(target):
        raise NameTaken(f"{target} exists: name another place, or remove it first")
    if not target.parent.is_dir():
        raise Missing(f"{target.parent}: no such folder to write to")
    staged = target.with_name(f".{target.name}.{os.getpid()}.staged")
    tar = target.with_name(f".{target.name}.{os.getpid()}.tar")
    try:
        staged.mkdir(mode=0o700)
        found = _write(books, selection, staged, vkey=vkey, at=at, clear=clear, transfer=transfer, progress=progress)
        ready = staged
        if target.suffix == ".tar":
            _pack(staged, tar, target.stem)
            ready = tar
        before_it_is_there(found)
        with disk_errors():
            ready.rename(target)
        sync_directory(target.parent)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        with suppress(FileNotFoundError):
            tar.unlink()
    return found


def _write(
    books: Books,
    selection: Selection,
    folder: Path,
    *,
    vkey: str,
    at: int,
    clear: bool,
    transfer: str | None,
    progress: Callable[[int], None],
) -> Exported:
    leaves = clears = 0

    def lines() -> Iterator[bytes]:
        nonlocal leaves, clears
        for shown in _shown(books, selection, clear=clear):
            if "seq" in shown:
                leaves += 1
                clears += len(shown.get("clear", ()))
                if leaves % BATCH == 0:
                    progress(leaves)
            yield msgspec.json.encode(shown) + b"\n"

    keys = chain_of(books, vkey)
    _save(folder / "leaves.ndjson", lines())
    _save(folder / "checkpoints.txt", _notes(books, selection))
    _save(folder / "keys.txt", (key.encode() + b"\n" for key in keys))
    about = {
        "v": mft_verify.VERSION, "origin": vkey.partition("+")[0], "made_at": at, "from": selection.begin,
        "to": selection.end, "transfer": transfer, "size": selection.tree, "leaves": leaves, "clear": clear,
    }  # fmt: skip
    _save(folder / "export.json", [msgspec.json.format(msgspec.json.encode(about)) + b"\n"])
    readme = _README.format(
        origin=about["origin"],
        made=moment(at).strftime("%Y-%m-%d %H:%M:%S"),
        what=_what(selection, transfer),
        clear=_README_CLEAR if clear else "",
    )
    _save(folder / "README.txt", [readme.encode()])
    _save(folder / "mft_verify.py", [Path(mft_verify.__file__).read_bytes()])
    return Exported(leaves, clears, selection.tree)


def _what(selection: Selection, transfer: str | None) -> str:
    if selection.begin is None:
        return f"the leaves of transfer {transfer}"
    if selection.whole:
        return f"all of its {selection.size:,} leaves"
    return f"leaves {selection.begin:,} to {(selection.end or 0) - 1:,} of {selection.size:,}"


def _save(path: Path, pieces: Iterable[bytes]) -> None:
    with disk_errors(), path.open("xb") as file:
        path.chmod(0o600)  # Names of partners' files may stand in it.
        file.writelines(pieces)
        file.flush()
        sync_file(file.fileno(), path)


def _pack(folder: Path, tar: Path, name: str) -> None:
    """The files of a folder as a tar file, under `name/` in it."""
    with disk_errors(), tar.open("xb") as file:
        tar.chmod(0o600)
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as packed:
            for path in sorted(folder.iterdir()):
                packed.add(path, f"{name}/{path.name}", filter=_anonymous)
        file.flush()
        sync_file(file.fileno(), tar)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _notes(books: Books, selection: Selection) -> Iterator[bytes]:
    for size, note in books.stream(_NOTES):
        if selection.whole or size in selection.checkpoints:
            yield note.encode() if isinstance(note, str) else bytes(str(note), "utf-8") + b"\n"


def _shown(books: Books, selection: Selection, *, clear: bool) -> Iterator[dict[str, Any]]:
    """The lines of leaves.ndjson."""
    if selection.whole:  # Just as the ledger has it, whatever somebody made of it.
        batch: list[tuple[Any, ...]] = []
        for row in books.stream(_ALL):
            batch.append(row)
            if len(batch) == BATCH:
                yield from _leaves(books, batch, clear=clear)
                batch = []
        yield from _leaves(books, batch, clear=clear)
        yield from _leaves(books, list(books.stream(_UNSEQUENCED)), clear=clear)
        yield from _strays(books, selection.size, clear=clear)
        return
    for what, one, other in selection.pieces():
        if what == "node":
            yield {"level": one, "position": other, "hash": _hex(stored_node(books, one, other))}
        else:
            yield from _leaves(books, list(books.stream(_RANGE, {"begin": one, "end": other})), clear=clear)


def _leaves(books: Books, rows: list[tuple[Any, ...]], *, clear: bool) -> Iterator[dict[str, Any]]:
    if not rows:
        return
    numbers = [row[0] for row in rows if isinstance(row[0], int)]
    nodes = stored_nodes(books, numbers[0], numbers[-1] + 1) if numbers else {}
    clears = _clears(books, numbers) if clear else {}
    for seq, leaf, tenant, at, kind, actor, connection, transfer, result, body in rows:
        shown = {
            "seq": _plain(seq), "id": _plain(leaf), "tenant": _plain(tenant), "at": _plain(at), "kind": _plain(kind),
            "actor": _plain(actor), "connection": _plain(connection), "transfer": _plain(transfer),
            "result": _plain(result), "body": _body(body),
        }  # fmt: skip
        if isinstance(seq, int):
            levels = (
                ~seq & (seq + 1)
            ).bit_length()  # As many as it completes: one for each 1 that `seq` ends in, and one.
            shown["tree"] = [_hex(nodes.get((level, seq >> level))) for level in range(levels)]
        if leaf in clears:
            shown["clear"] = clears[leaf]
        yield shown


def _clears(books: Books, numbers: list[int]) -> dict[Any, dict[str, Any]]:
    """Clear values by leaf: of the leaves of these numbers, or of those that have none yet."""
    found: dict[Any, dict[str, Any]] = {}
    range_ = {"begin": numbers[0], "end": numbers[-1] + 1} if numbers else None
    for leaf, field, salt, value in books.stream(_CLEAR_RANGE if range_ else _CLEAR_UNSEQUENCED, range_):
        found.setdefault(leaf, {})[str(field)] = _clear(salt, value)
    return found


def _strays(books: Books, size: int, *, clear: bool) -> Iterator[dict[str, Any]]:
    """What stands for no leaf: a good log has nothing of it, and a verifier refuses it."""
    for leaf, field, salt, value in books.stream(_STRAY_CLEAR) if clear else ():
        yield {"stray": {"id": _plain(leaf)}, "clear": {str(field): _clear(salt, value)}}
    strays = [
        row for level in range(63) for row in books.rows(_STRAY_NODES, {"of_level": level, "begin": size >> level})
    ]
    for row in [*strays, *books.rows(_ODD_NODES)]:
        yield {"stray": {"level": _plain(row["level"]), "position": _plain(row["position"])}}


def _clear(salt: Any, value: Any) -> dict[str, Any]:
    return {"salt": _hex(salt), "value": _plain(value)}


def _plain(value: Any) -> Any:
    """A value as JSON has it. A type that no honest ledger holds there becomes an object, which a verifier refuses."""
    return value if value is None or isinstance(value, str | int) else {"not": type(value).__name__}


def _body(body: Any) -> Any:
    try:
        return body.decode()
    except (UnicodeDecodeError, AttributeError):
        return {"not": "text"}


def _hex(value: Any) -> str | None:
    return value.hex() if isinstance(value, bytes) else None
