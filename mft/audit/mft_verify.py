"""mft-verify: checks an export of mft's audit log, or a receipt, without mft and without network.

    python3 -I mft_verify.py EXPORT --key VKEY|FILE [--key …] [--checkpoint FILE …] [--json]

One file on purpose: the standard library, `cryptography` for Ed25519, nothing else; read it before you believe it.
It trusts the keys that it is given and the checkpoints that were kept elsewhere, and nothing in the export. Every
leaf is hashed again, every column computed again from its leaf, every root from the leaves, every commitment from
its clear value; the first thing that does not fit is named. Exit code 0: yes; 1: no; 2: it cannot tell.

Memory does not grow with the log. Formats: docs/formats/audit-log.md and docs/formats/receipt.md of mft.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

VERSION: Final = 1  # Of leaves and of exports.
LINE_MAX: Final = 64 << 20  # Bytes; what is longer was not written by mft.
NOTE_MAX: Final = 1 << 16  # Characters.
FILES_MAX: Final = 64  # In a tar file.
HASH_SIZE: Final = 32
_TOO_LARGE: Final = 1 << 53  # Beyond it, readers of JSON differ.
_LOG_MAX: Final = 1 << 63

_MEMBERS = {
    "v": int, "id": str, "at": int, "kind": str, "tenant": int, "actor": str, "connection": (str, type(None)),
    "transfer": (str, type(None)), "result": str, "facts": dict, "commitments": dict,
}  # fmt: skip
COLUMNS: Final = ("id", "tenant", "at", "kind", "actor", "connection", "transfer", "result")
_UNNUMBERED_LINE = {"seq", *COLUMNS, "body"}
_LEAF_LINE = {*_UNNUMBERED_LINE, "tree"}
_NODE_LINE = {"level", "position", "hash"}
KEY_KIND: Final = "key.in-force"
_NAME = re.compile(r"[!-*,-~]{1,200}")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_COMMITMENT = re.compile(r"[0-9a-f]{64}")
_TEXT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


class No(Exception):
    """Something does not fit; the message says what, and where."""


class CannotTell(Exception):
    """What was asked for cannot be answered with what was given."""


# --- Leaves -----------------------------------------------------------------------------------------------------------


def read_leaf(body: bytes) -> dict[str, Any]:
    """Read the bytes of a leaf, strictly: exactly the members of a leaf, in the one way to write them.

    Raises:
        No: they are no leaf.
    """
    try:
        said = json.loads(body.decode())
        good = type(said) is dict and said.keys() == _MEMBERS.keys() and said["v"] == VERSION
        good = good and all(_is(said[name], types) for name, types in _MEMBERS.items())
        good = good and all(
            name.isascii() and _is(fact, (str, int, type(None))) for name, fact in said["facts"].items()
        )
        good = good and all(
            name.isascii() and type(commitment) is str and _COMMITMENT.fullmatch(commitment)
            for name, commitment in said["commitments"].items()
        )
        good = good and json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == body
    except (ValueError, TypeError, RecursionError):
        good = False
    if not good:
        raise No("its body is not a leaf")
    leaf: dict[str, Any] = said
    return leaf


def _is(value: Any, types: Any) -> bool:
    """Whether a value is of a type, true and 1 told apart, and an integer one that every reader of JSON knows."""
    kinds = types if isinstance(types, tuple) else (types,)
    return type(value) in kinds and not (type(value) is int and abs(value) >= _TOO_LARGE)


def leaf_hash(body: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def check_clear(said: Mapping[str, Any], field: str, salt: bytes, value: str) -> None:
    """Raises No: a clear value is not the one that its leaf committed to."""
    commitment = said["commitments"].get(field)
    try:
        good = len(salt) == 16 and hashlib.sha256(salt + value.encode()).hexdigest() == commitment
    except UnicodeEncodeError:
        good = False
    if not good:
        raise No(f"the clear value of {field} is not the one it committed to")


# --- The tree ---------------------------------------------------------------------------------------------------------


class Tree:
    """A tree that grows to the right, by leaves or by full subtrees of which only the hash is known."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []  # Largest subtree first, one for each 1 in the binary form of the size.

    def add(self, digest: bytes, level: int = 0) -> list[bytes]:
        """Append a subtree of 2**level leaves at a place where one can stand; returns what it completes, upwards."""
        completed = [digest]
        index = self.size >> level
        while index & 1:
            digest = node_hash(self._edge.pop(), digest)
            completed.append(digest)
            index >>= 1
        self._edge.append(digest)
        self.size += 1 << level
        return completed

    def root(self) -> bytes:
        if not self._edge:
            return hashlib.sha256().digest()
        digest = self._edge[-1]
        for left in self._edge[-2::-1]:
            digest = node_hash(left, digest)
        return digest


def root_by_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that a leaf's hash and its proof of inclusion lead to (RFC 9162 section 2.1.3.2).

    Raises:
        No: the proof does not have as many hashes as index and size ask for.
    """
    if not 0 <= index < size < _LOG_MAX or any(len(digest) != HASH_SIZE for digest in proof):
        raise No("its proof is malformed")
    here, last, digest = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise No("its proof is too long")
        if here & 1 or here == last:
            digest = node_hash(sibling, digest)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        here, last = here >> 1, last >> 1
    if last:
        raise No("its proof is too short")
    return digest


# --- Keys and checkpoints ---------------------------------------------------------------------------------------------


class Key:
    """A public key that signs checkpoints, out of its vkey: name+id+base64(0x01 | public key).

    Raises:
        ValueError: not the vkey of an Ed25519 key.
    """

    def __init__(self, vkey: str) -> None:
        name, _, rest = vkey.partition("+")
        _, _, encoded = rest.partition("+")
        typed = base64.b64decode(encoded.encode("ascii", "replace"), validate=True)
        if not _NAME.fullmatch(name) or len(typed) != 33 or typed[0] != 1:
            raise ValueError("not the vkey of an Ed25519 key")
        self.id = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
        if f"{name}+{self.id.hex()}+{base64.b64encode(typed).decode()}" != vkey:
            raise ValueError("name, key id and key of a vkey do not belong together")
        self.vkey, self.name = vkey, name
        self._key = Ed25519PublicKey.from_public_bytes(typed[1:])

    def signed(self, note: "Note") -> bool:
        """Whether a note bears a signature by this key.

        Raises:
            No: it bears one that does not verify.
        """
        found = False
        for name, key_id, signature in note.signatures:
            if (name, key_id) == (self.name, self.id):
                try:
                    self._key.verify(signature, note.text)
                except InvalidSignature:
                    raise No(f"a signature by {name}+{key_id.hex()} does not verify") from None
                found = True
        return found


class Note:
    """A checkpoint: the text that was signed, and who signed it. Not verified yet.

    Raises:
        No: not in the one way to write a checkpoint.
    """

    def __init__(self, note: str) -> None:
        text, separator, signatures = note.rpartition("\n\n")
        found = _TEXT.fullmatch(text + "\n")
        if len(note) > NOTE_MAX or not separator or not found or not signatures.endswith("\n"):
            raise No("it is not a checkpoint: origin, size and root, an empty line, signatures")
        self.origin, self.size, self.root = found[1], int(found[2]), base64.b64decode(found[3])
        if self.size >= _LOG_MAX or base64.b64encode(self.root).decode() != found[3]:
            raise No("it is not written in the one way to write a checkpoint")
        self.text = found[0].encode(errors="surrogatepass")
        self.signatures = [_signature(line) for line in signatures.removesuffix("\n").split("\n")]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    found = _SIGNATURE.fullmatch(line)
    try:
        decoded = base64.b64decode(found[2]) if found else b""
    except ValueError:
        decoded = b""
    if not found or len(decoded) <= 4 or base64.b64encode(decoded).decode() != found[2]:
        raise No("it has a malformed signature line")
    return found[1], decoded[:4], decoded[4:]


def split_notes(lines: Iterable[str]) -> Iterator[str]:
    """Take notes that stand one behind the other apart; `lines` keep their ends."""
    note, signed = "", False
    for line in lines:
        if signed and not line.startswith("— "):
            yield note
            note, signed = "", False
        if not note and line == "\n":
            continue
        note += line
        signed = line.startswith("— ")
        if len(note) > NOTE_MAX:
            raise No("a checkpoint is far too long")
    if note:
        yield note


class Chain:
    """The keys that signed a log, one after the other, and the checkpoints held against them.

    Leaves say which key comes into force; each change is vouched for by the key before, which signs the first
    checkpoint that covers it together with the new one. Every key that the caller trusts must be in the chain, and must
    have signed a checkpoint that holds.

    Args:
        trusted: at least one.
        first: the key in force before any leaf says so. Need not be believed: the leaves must agree.
    """

    def __init__(self, trusted: Sequence[Key], first: Key) -> None:
        self.keys = [first]
        self.changes = 0
        self._trusted = trusted
        self._signed: set[str] = set()
        self._announced = False
        self._unwitnessed: list[tuple[int, Key, Key]] = []  # Changes that no checkpoint covers yet: leaf, old, new.

    def leaf(self, index: int, facts: Mapping[str, Any]) -> None:
        """Take a leaf `key.in-force` in."""
        if facts.get("use") != "signing":
            return
        here, before = self.keys[-1], facts.get("replaces")
        try:
            new = Key(str(facts.get("key")))
        except ValueError:
            raise No(f"leaf {index}: it names a signing key that is none") from None
        if new.name != here.name:
            raise No(f"leaf {index}: it names a signing key of another log, {new.name}")
        if before is None and not self._announced and new.vkey == here.vkey:
            self._announced = True
            return
        if before != here.vkey or new.vkey == here.vkey:
            raise No(f"leaf {index}: it brings a signing key in that does not follow the one in force")
        self._announced = True
        self.changes += 1
        self.keys.append(new)
        self._unwitnessed.append((index, here, new))

    def meet(self, notes: Sequence[Note]) -> None:
        """Check the signatures of all checkpoints of one size, once all leaves below it were taken in."""
        here = self.keys[-1]
        for note in notes:
            if note.origin != here.name:
                raise No(f"it is not of the log {here.name}")
            if not here.signed(note):
                others = [key for key in self.keys[:-1] if key.signed(note)]
                why = ", but only by one that was no longer in force" if others else ""
                raise No(f"it is not signed by the key in force, {_short(here)}{why}")
        if notes:
            for index, old, new in self._unwitnessed:
                for key in (old, new):
                    if True not in [key.signed(note) for note in notes]:  # All are looked at: a bad one is refused.
                        raise No(
                            f"it is the first after leaf {index} changed the key, and {_short(key)} did not sign it"
                        )
            self._unwitnessed.clear()
        for key in self._trusted:
            if key in self and True in [key.signed(note) for note in notes]:
                self._signed.add(key.vkey)

    def __contains__(self, key: Key) -> bool:
        return any(key.vkey == known.vkey for known in self.keys)

    def finish(self) -> None:
        """Hold the chain against what the caller trusts."""
        for key in self._trusted:
            if key not in self or key.vkey not in self._signed:
                raise No(f"not signed by the key you trust, {_short(key)}")


def _short(key: Key) -> str:
    return f"{key.name}+{key.id.hex()}"


# --- A log, leaf by leaf ----------------------------------------------------------------------------------------------


class Checkpoints:
    """Checkpoints in the order of their sizes, those of the log and those kept elsewhere, met as the tree grows."""

    def __init__(self, chain: Chain, own: Iterator[Note], kept: Iterable[Note]) -> None:
        self._chain = chain
        self._own = own
        self._kept = sorted(kept, key=lambda note: note.size)
        self._next: Note | None = None
        self._good = {False: 0, True: 0}  # The largest size that fits, of the log's own and of those kept elsewhere.
        self.count = 0
        self.kept = 0
        self.size: int | None = None  # The last that was met, with its root.
        self.root = b""
        self._advance()

    def _advance(self) -> None:
        before = self._next.size if self._next else 0
        self._next = next(self._own, None)
        if self._next and self._next.size < before:
            raise No(f"the checkpoint over {self._next.size} leaves stands behind the one over {before}")

    def due(self) -> int | None:
        """The size of the next one."""
        sizes = [note.size for note in (self._next, self._kept[0] if self._kept else None) if note]
        return min(sizes, default=None)

    def due_is_kept(self) -> bool:
        """Whether only one kept elsewhere is of that size."""
        return self._next is None or bool(self._kept and self._kept[0].size < self._next.size)

    def meet(self, size: int, root: Callable[[], bytes]) -> None:
        """Check all that were signed over exactly so many leaves."""
        if self.due() != size:
            return
        notes: list[tuple[Note, bool]] = []
        while self._next and self._next.size == size:
            notes.append((self._next, False))
            self._advance()
        while self._kept and self._kept[0].size == size:
            notes.append((self._kept.pop(0), True))
        try:
            self._chain.meet([note for note, _ in notes])
        except No as error:
            which = ", which was kept elsewhere," if all(kept for _, kept in notes) else ""
            raise No(f"the checkpoint over {size} leaves{which} does not verify: {error}") from None
        here = root()
        for note, kept in notes:
            if note.root != here:
                raise No(self._differs(size, kept=kept))
        self.size, self.root = size, here
        for _, kept in notes:
            self.count += not kept
            self.kept += kept
            self._good[kept] = size

    def _differs(self, size: int, *, kept: bool) -> str:
        """What a root that does not fit says of the first bad leaf; a log's own may all have been signed anew."""
        good = self._good[True] if kept else max(self._good.values())
        where = f"{good}" if size - good == 1 else f"one of {good} to {size - 1}"
        which = "the checkpoint kept elsewhere" if kept else "the checkpoint"
        return (
            f"the first bad leaf is {where}: they do not give the root that {which} over {size} leaves was signed for"
        )

    def finish(self, size: int) -> None:
        due = self.due()
        if due is not None:
            which = "one kept elsewhere" if self.due_is_kept() else "a checkpoint"
            good = self._good[True] if self.due_is_kept() else max(self._good.values())
            too = f"; leaves {good} to {size - 1} may have been changed too" if good < size else ""
            raise No(f"leaf {size} is missing: the log ends there, and {which} was signed over {due} leaves{too}")
        if self.size is None:
            raise No("there is no checkpoint: nothing signed vouches for this log")


# --- An export --------------------------------------------------------------------------------------------------------


class Export:
    """The files of an export, in a folder or in a tar file."""

    def __init__(self, path: Path, cleanup: ExitStack) -> None:
        self._path = path
        self._cleanup = cleanup
        self._tar: tarfile.TarFile | None = None
        self._members: dict[str, tarfile.TarInfo] = {}
        if not path.is_dir():
            tar = self._tar = cleanup.enter_context(tarfile.TarFile(path))
            while (member := tar.next()) is not None:
                if len(self._members) == FILES_MAX:
                    raise No("the tar file has more files than an export")
                name = member.name.rpartition("/")[2]
                if member.isfile() and name in self._members:
                    raise No(f"the tar file has two files {name}")
                if member.isfile():
                    self._members[name] = member

    def open(self, name: str) -> IO[bytes]:
        if self._tar is None:
            return self._cleanup.enter_context((self._path / name).open("rb"))
        file = self._tar.extractfile(self._members[name]) if name in self._members else None
        if file is None:
            raise No(f"the export has no file {name}")
        return self._cleanup.enter_context(file)

    def lines(self, name: str) -> Iterator[bytes]:
        with self.open(name) as file:
            while line := file.readline(LINE_MAX):
                if not line.endswith(b"\n"):
                    raise No(f"{name} has a line that does not end, or is far too long")
                yield line

    def notes(self) -> Iterator[Note]:
        lines = (line.decode() for line in self.lines("checkpoints.txt"))
        for number, note in enumerate(split_notes(lines), 1):
            try:
                yield Note(note)
            except No as error:
                raise No(f"checkpoint {number} of the export is malformed: {error}") from None


def verify_export(
    export: Export, trusted: Sequence[Key], kept: Sequence[Note] = (), progress: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Check an export; returns what was found true.

    Raises:
        No: it says what does not fit, and where.
        CannotTell: a checkpoint kept elsewhere lies where this export shows no leaves.
    """
    about = json.loads(export.open("export.json").read(LINE_MAX))
    if about["v"] != VERSION or not all(_is(about[name], (int, type(None))) for name in ("from", "to")):
        raise No("export.json is not of an export that this program knows")
    begin, end = about["from"], about["to"]
    listed = [line.decode().removesuffix("\n") for line in export.lines("keys.txt")]
    chain = Chain(trusted, Key(listed[0]))
    checkpoints = Checkpoints(chain, export.notes(), kept)
    reader = _Lines(chain, checkpoints, begin, end)
    for line in export.lines("leaves.ndjson"):
        reader.take(line)
        if reader.leaves % 10_000 == 0:
            progress(reader.leaves)
    reader.finish()
    assert checkpoints.size is not None
    if [key.vkey for key in chain.keys] != listed:
        raise No("keys.txt does not list the keys that the leaves name")
    return {
        "verified": True,
        "leaves": reader.leaves,
        "from": begin,
        "to": end,
        "unsigned": reader.unsigned(checkpoints.size),
        "checkpoints": checkpoints.count,
        "kept_elsewhere": checkpoints.kept,
        "size": checkpoints.size,
        "root": checkpoints.root.hex(),
        "clear_values": reader.clears,
        "redacted": reader.redacted,
        "keys": [key.vkey for key in chain.keys],
    }


class _Lines:
    """Takes the lines of leaves.ndjson: leaves, and the hashes of subtrees that stand for leaves not shown."""

    def __init__(self, chain: Chain, checkpoints: Checkpoints, begin: int | None, end: int | None) -> None:
        self._tree = Tree()
        self._chain = chain
        self._checkpoints = checkpoints
        self._begin, self._end = (begin, end) if begin is not None and end is not None else (0, 0)
        self._hidden = 0  # Where the last subtree ended.
        self._tail = 0  # Numbered leaves that were shown, by their last place, for what no checkpoint covers.
        self._places: list[int] = []
        self._numbered = True
        self.leaves = self.unnumbered = self.clears = self.redacted = 0
        checkpoints.meet(0, self._tree.root)

    def take(self, line: bytes) -> None:
        try:
            shown = json.loads(line.decode())
            if type(shown) is not dict:
                raise TypeError
        except (ValueError, TypeError, RecursionError):
            raise No(f"leaf {self._tree.size}: its line in leaves.ndjson is not JSON") from None
        if shown.keys() == _NODE_LINE:
            self._subtree(shown)
        elif shown.keys() - {"clear"} == (_UNNUMBERED_LINE if shown.get("seq") is None else _LEAF_LINE):
            self._leaf(shown)
        else:
            raise No(f"leaf {self._tree.size} is missing: in its place stands something that is none")

    def _subtree(self, shown: dict[str, Any]) -> None:
        level, position, digest = shown["level"], shown["position"], _hex(shown["hash"])
        size = self._tree.size
        if type(level) is not int or type(position) is not int or not 0 <= level < 63 or digest is None:
            raise No(f"leaf {size}: in its place stands a malformed node")
        if not self._numbered or position << level != size or size + (1 << level) >= _LOG_MAX:
            raise No(f"the tree has a node {position} at level {level} that stands for no leaf")
        after = size + (1 << level)
        if max(size, self._begin) < min(after, self._end):
            raise No(f"leaf {max(size, self._begin)} is missing: only its hash is there")
        due = self._checkpoints.due()
        if due is not None and size < due < after:
            if not self._checkpoints.due_is_kept():
                raise No(f"the export has a checkpoint over {due} leaves, and nothing to check it by")
            raise CannotTell(
                f"the export cannot be held against the checkpoint over {due} leaves: make it again with --checkpoint"
            )
        self._tree.add(digest, level)
        self._hidden = after
        self._checkpoints.meet(after, self._tree.root)

    def _leaf(self, shown: dict[str, Any]) -> None:
        size, seq, body = self._tree.size, shown["seq"], shown["body"]
        if seq is None:
            which = f"leaf {shown['id']}, which has no number yet"
            self._numbered = False
            self.unnumbered += 1
        elif not _is(seq, int):
            raise No(f"leaf {size}: its number is none")
        elif seq != size or not self._numbered:
            how = f"leaf {size} is missing: the next number is" if seq > size else "out of order, or twice: leaf"
            raise No(f"{how} {seq}")
        else:
            which = f"leaf {seq}"
        self.leaves += 1
        try:
            bytes_of_it = body.encode() if isinstance(body, str) else b""
        except UnicodeEncodeError:
            bytes_of_it = b""
        try:
            said = read_leaf(bytes_of_it)
            for column in COLUMNS:
                if type(shown[column]) is not type(said[column]) or shown[column] != said[column]:
                    raise No(f"its column {column} does not say what its body says")
            self._check_clears(said, shown.get("clear", {}))
        except No as error:
            raise No(f"{which}: {error}") from None
        if seq is not None:
            self._numbered_leaf(seq, said, bytes_of_it, shown.get("tree"))

    def _numbered_leaf(self, seq: int, said: dict[str, Any], body: bytes, stored: Any) -> None:
        completed = self._tree.add(leaf_hash(body))
        if not isinstance(stored, list) or len(stored) != len(completed):
            raise No(f"leaf {seq}: the tree that the log has beside it is not of its place")
        for level, (mine, theirs) in enumerate(zip(completed, stored, strict=True)):
            if mine != _hex(theirs):
                raise No(f"leaf {seq}: it is not the one in the log's tree (node {seq >> level} of level {level})")
        if said["kind"] == KEY_KIND:
            self._chain.leaf(seq, said["facts"])
        self._tail = seq + 1
        self._checkpoints.meet(self._tree.size, self._tree.root)

    def _check_clears(self, said: dict[str, Any], clear: Any) -> None:
        if not isinstance(clear, dict):
            raise No("its clear values are none")
        for field, shown in clear.items():
            known = isinstance(shown, dict) and isinstance(shown.get("value"), str)
            salt = _hex(shown.get("salt"), 16) if known else None
            check_clear(said, field, salt or b"", shown["value"] if known else "")
            self.clears += 1
        self.redacted += len(said["commitments"].keys() - clear.keys())

    def unsigned(self, size: int) -> int:
        """How many of the leaves are newer than the last checkpoint."""
        return max(0, self._tree.size - max(size, self._hidden)) + self.unnumbered

    def finish(self) -> None:
        self._checkpoints.finish(self._tree.size)
        size = self._checkpoints.size or 0
        if self._hidden > size:
            raise No(f"the tree has nodes beyond leaf {size} that stand for no leaf")
        if self._tree.size < self._end:
            raise No(f"leaf {self._tree.size} is missing: the export ends there")
        self._chain.finish()


def _hex(text: Any, size: int = HASH_SIZE) -> bytes | None:
    return bytes.fromhex(text) if isinstance(text, str) and len(text) == 2 * size and _HEX.fullmatch(text) else None


# --- A receipt --------------------------------------------------------------------------------------------------------

RECEIPT: Final = b"mft.receipt/v1\n"
RECEIPT_MAX: Final = 1 << 20  # Bytes.
_RECEIPT = re.compile(
    r"mft\.receipt/v1\nleaf (?P<leaf>[^\n]*)\n(?P<clears>(?:clear [^\n]*\n)*)\n"
    r"c2sp\.org/tlog-proof@v1\nindex (?P<index>0|[1-9][0-9]{0,18})\n(?P<proof>(?:[A-Za-z0-9+/]{43}=\n)*)\n(?P<note>.*)",
    re.DOTALL,
)
_CLEAR = re.compile(r"clear ([a-z0-9_]+) ([0-9a-f]{32}) (\".*\")")


def verify_receipt(receipt: bytes, trusted: Sequence[Key], kept: Sequence[Note] = ()) -> dict[str, Any]:
    """Check a receipt; returns what it proves.

    Raises:
        No: it says what does not fit.
        CannotTell: a checkpoint kept elsewhere is of another size than the receipt's own.
    """
    found = _RECEIPT.fullmatch(receipt.decode()) if len(receipt) <= RECEIPT_MAX else None
    if not found:
        raise No("it does not have the form of a receipt")
    body = found["leaf"].encode()
    said = read_leaf(body)
    shown: dict[str, str] = {}
    for line in found["clears"].split("\n")[:-1]:
        clear = _CLEAR.fullmatch(line)
        value = json.loads(clear[3]) if clear else None
        in_order = clear and (not shown or clear[1] > max(shown))
        if not clear or type(value) is not str or json.dumps(value, ensure_ascii=False) != clear[3] or not in_order:
            raise No("a clear value is not written in the one way to write it, in order")
        check_clear(said, clear[1], bytes.fromhex(clear[2]), value)
        shown[clear[1]] = value
    proof = [base64.b64decode(line) for line in found["proof"].split("\n")[:-1]]
    if "".join(f"{base64.b64encode(digest).decode()}\n" for digest in proof) != found["proof"]:
        raise No("a hash of its proof is not written in the one way to write it")
    note = Note(found["note"])
    index = int(found["index"])
    if root_by_inclusion(leaf_hash(body), index, note.size, proof) != note.root:
        raise No("the leaf is not the one at its place in the log that the checkpoint was signed for")
    signed = [key for key in trusted if note.origin == key.name and key.signed(note)]
    if not signed:
        raise No(f"its checkpoint is not signed by the key you trust, {_short(trusted[0])}")
    for other in kept:
        if other.size != note.size:
            raise CannotTell(f"a receipt cannot be held against the checkpoint over {other.size} leaves: use an export")
        if other.root != note.root or not any(key.signed(other) for key in signed):
            raise No(f"the checkpoint kept elsewhere over {other.size} leaves is another one")
    return {
        "verified": True,
        "leaf": index,
        "size": note.size,
        "root": note.root.hex(),
        "said": said,
        "clear": shown,
        "redacted": len(said["commitments"]) - len(shown),
        "kept_elsewhere": len(kept),
    }


def _say_proven(found: Mapping[str, Any]) -> None:
    said = found["said"]
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=said["at"])
    print(
        f"yes: leaf {found['leaf']:,} of {found['size']:,} says {said['kind']} ({said['result']}), at {at.isoformat()}"
    )
    for name in ("transfer", "connection", "actor"):
        if said[name] is not None:
            print(f"  {name}: {_printable(said[name])}")
    for name, value in [*said["facts"].items(), *found["clear"].items()]:
        if value is not None:
            print(f"  {_printable(name)}: {_printable(str(value))}")
    if found["redacted"]:
        print(f"  {found['redacted']:,} values that it commits to are not shown")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# --- The command ------------------------------------------------------------------------------------------------------


def read_keys(given: str) -> list[Key]:
    """Keys that the caller trusts: a vkey, or a file of them, one a line.

    Raises:
        CannotTell: neither.
    """
    try:
        return [Key(given)]
    except ValueError:
        pass
    try:
        return [Key(line) for line in Path(given).read_text(encoding="ascii").splitlines() if line]
    except OSError as error:
        raise CannotTell(f"--key {given}: neither a vkey nor a file that can be read ({error.strerror})") from None
    except ValueError as error:
        raise CannotTell(f"--key {given}: {error}") from None


def read_kept(path: str) -> list[Note]:
    """Checkpoints kept elsewhere: notes, one behind the other.

    Raises:
        CannotTell: no such file.
        No: not checkpoints.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="\n") as lines:
            notes = [Note(note) for note in split_notes(lines)]
    except OSError as error:
        raise CannotTell(f"--checkpoint {path}: {error.strerror}") from None
    except ValueError:
        notes = []
    except No as error:
        raise No(f"{path}: {error}") from None
    if not notes:
        raise No(f"{path}: there is no checkpoint in it")
    return notes


def _say_yes(found: Mapping[str, Any]) -> None:
    if found["from"] == 0 and found["to"] is not None:
        print(f"yes: {found['leaves']:,} leaves are as they were written")
    elif found["to"] is not None:
        print(f"yes: leaves {found['from']:,} to {found['to'] - 1:,} are as they were written, none is left out")
    else:
        print(f"yes: {found['leaves']:,} leaves are as they were written; others of the log are not in this export")
    kept = f", {found['kept_elsewhere']:,} kept elsewhere" if found["kept_elsewhere"] else ""
    print(f"  {found['checkpoints']:,} checkpoints{kept}, the last over {found['size']:,} leaves, root {found['root']}")
    print(f"  {found['clear_values']:,} clear values are the ones committed to; {found['redacted']:,} are not shown")
    if len(found["keys"]) > 1:
        print(f"  {len(found['keys']):,} keys signed it, each brought in by the one before")
    if found["unsigned"]:
        print(f"  {found['unsigned']:,} leaves are newer than the last checkpoint: nothing signed speaks of them yet")
    if not found["kept_elsewhere"]:
        print("  no checkpoint kept elsewhere was given: whoever holds the signing key could have rewritten all of it")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"mft-verify: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _Parser(
        prog="mft-verify",
        description="Checks an export of mft's audit log, or a receipt, offline. Exit code: 0 yes, 1 no, 2 unclear.",
        epilog="example: mft-verify export/ --key audit.pub --checkpoint last-month.txt",
    )
    parser.add_argument("path", metavar="EXPORT", help="a folder or tar file of `mft audit export`, or a receipt")
    parser.add_argument(
        "--key", action="append", required=True, metavar="VKEY|FILE",
        help="a public key that you trust, from another place than the export",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint", action="append", default=[], metavar="FILE",
        help="checkpoints that were kept elsewhere and must be in the log",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object")
    asked = parser.parse_args(arguments)
    try:
        found = _verify(asked)
    except No as error:
        if asked.json:
            print(json.dumps({"verified": False, "reason": str(error)}))
        else:
            print(f"no: {_printable(str(error))}")
        return 1
    except CannotTell as error:
        print(f"mft-verify: {error}", file=sys.stderr)
        return 2
    if asked.json:
        print(json.dumps(found))
    elif "said" in found:
        _say_proven(found)
    else:
        _say_yes(found)
    return 0


def _verify(asked: argparse.Namespace) -> dict[str, Any]:
    path = Path(asked.path)
    trusted = [key for given in asked.key for key in read_keys(given)]
    if not trusted:
        raise CannotTell("--key: there is no key in it")
    if not path.exists():
        raise CannotTell(f"{path}: no such file or folder")
    kept = [note for given in asked.checkpoint for note in read_kept(given)]
    progress = _progress if sys.stderr.isatty() else lambda _: None
    try:
        if path.is_file():
            with path.open("rb") as file:
                if (start := file.read(RECEIPT_MAX + 1)).startswith(RECEIPT):
                    return verify_receipt(start, trusted, kept)
        with ExitStack() as cleanup:
            return verify_export(Export(path, cleanup), trusted, kept, progress)
    except (No, CannotTell):
        raise
    except PermissionError as error:
        raise CannotTell(f"{error.filename}: {error.strerror}") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, tarfile.TarError, RecursionError) as error:
        raise No(f"it is damaged, or not what it should be ({type(error).__name__}: {error})") from None


def _progress(leaves: int) -> None:
    print(f"\r{leaves:,} leaves", end="\r", file=sys.stderr, flush=True)


def run() -> NoReturn:
    """The entry point of the command."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    run()
