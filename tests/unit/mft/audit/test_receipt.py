"""A receipt says yes to what the log has, and no to anything else; and how large its proof can become."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from mft.audit import checkpoint, receipt
from mft.audit.checkpoint import Checkpoint
from mft.audit.log import append, make_checkpoint
from mft.audit.merkle import inclusion_proof, leaf_hash, root_at
from mft.crypto.signing import SigningKey
from mft.errors import AuditMismatch, Missing
from mft.ledger.database import Books
from tests.unit.mft.ledger.entries import new_ledger

KEY: Final = SigningKey("mft/test", bytes(range(32)))
STRANGER: Final = SigningKey("mft/test", bytes(range(1, 33)))
PUBLIC: Final = [KEY.verify_key]


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    opened = new_ledger(f"sqlite:{tmp_path / 'ledger.db'}").open_writer()
    yield opened
    opened.close()


def add(books: Books, name: str = 'caf\u00e9 "1"\\.edi', transfer: str | None = None) -> str:
    private = {"name": name, "sha256": "ab" * 32}
    facts = {"door": "sftp", "size_bytes": 5}
    return append(books, "transfer.received", at=1, actor="a", transfer=transfer, facts=facts, private=private)


def made(books: Books, leaf: str) -> str:
    found = receipt.receipt_of(books, leaf)
    assert found is not None
    return found


@pytest.mark.parametrize("leaves", [1, 2, 3, 8, 13])
def test_every_leaf_has_a_receipt_that_verifies(books: Books, leaves: int) -> None:
    ids = [add(books, f"{number}.edi") for number in range(leaves)]
    make_checkpoint(books, KEY, at=1)
    for number, leaf in enumerate(ids):
        proven = receipt.verify(made(books, leaf), PUBLIC)
        assert (proven.index, proven.checkpoint.size, proven.said["id"]) == (number, leaves, leaf)
        assert proven.shown == {"name": f"{number}.edi", "sha256": "ab" * 32}


def test_one_of_several_trusted_keys_is_enough(books: Books) -> None:
    leaf = add(books)
    make_checkpoint(books, KEY, at=1)
    assert receipt.verify(made(books, leaf), [STRANGER.verify_key, KEY.verify_key]).index == 0
    with pytest.raises(AuditMismatch, match="not signed by"):
        receipt.verify(made(books, leaf), [STRANGER.verify_key])
    with pytest.raises(AuditMismatch, match="no key was given"):
        receipt.verify(made(books, leaf), [])


def test_a_leaf_that_no_checkpoint_covers_has_none_yet(books: Books) -> None:
    add(books)
    make_checkpoint(books, KEY, at=1)
    assert receipt.receipt_of(books, add(books)) is None
    with pytest.raises(Missing, match="no leaf"):
        receipt.receipt_of(books, "nobody")


def test_the_leaf_of_a_transfer(books: Books) -> None:
    leaf = add(books, transfer="t1")
    add(books, transfer="t1")
    assert receipt.leaf_of_transfer(books, "t1") == leaf
    with pytest.raises(Missing, match=r"no leaf transfer\.received"):
        receipt.leaf_of_transfer(books, "t2")


def test_a_value_that_was_taken_out_is_no_reason_to_say_no(books: Books) -> None:
    leaf = add(books)
    make_checkpoint(books, KEY, at=1)
    less = re.sub(r"clear name .*\n", "", made(books, leaf))
    assert receipt.verify(less, PUBLIC).shown == {"sha256": "ab" * 32}


def test_the_proof_in_it_is_a_tlog_proof_as_it_is(books: Books) -> None:
    leaf = add(books)
    add(books)
    size = make_checkpoint(books, KEY, at=1).size
    head, _, proof = made(books, leaf).partition("\n\n")
    lines = proof.split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 0"]
    assert [len(base64.b64decode(line)) for line in lines[2 : lines.index("")]] == [32]
    assert checkpoint.verify(proof.partition("\n\n")[2], KEY.verify_key).size == size
    assert json.loads(head.split("\n")[1].removeprefix("leaf "))["id"] == leaf


def test_no_byte_can_be_changed_dropped_or_added(books: Books) -> None:
    """But for the signatures of others behind ours, which are not looked at."""
    ids = [add(books, f"{number}.edi") for number in range(5)]
    make_checkpoint(books, KEY, at=1)
    good = made(books, ids[2])
    changed = [good[:at] + chr(ord(good[at]) ^ 1) + good[at + 1 :] for at in range(len(good))]
    ends = [at for at, char in enumerate(good) if char == "\n"]
    changed += [good[:at] + good[at + 1 :] for at in ends]
    changed += [good[:at] + "\n" + good[at:] for at in ends]
    for other in changed:
        with pytest.raises(AuditMismatch):
            receipt.verify(other, PUBLIC)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\r\n"),
        ("mft.receipt/v1", "mft.receipt/v2"),
        ("c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nextra AA==\n"),
        ("index 2", "index 02"),
        ("index 2", "index 3"),
        ("index 2", f"index {1 << 63}"),
        ("clear name", "clear nome"),
        ('"2.edi"', '"\\u0032.edi"'),
        ('"2.edi"', '"\\ud800"'),
        ('"2.edi"', "2"),
        ('"v":1', '"v":2'),
        ('"v":1', '"v":1.0'),
        ("leaf {", "leaf  {"),
        ("leaf {", "leaf [" * 5000 + "{"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_is_written_is_refused(books: Books, old: str, new: str) -> None:
    ids = [add(books, f"{number}.edi") for number in range(5)]
    make_checkpoint(books, KEY, at=1)
    good = made(books, ids[2])
    assert old in good
    with pytest.raises(AuditMismatch):
        receipt.verify(good.replace(old, new), PUBLIC)


def test_clear_values_stand_in_order_and_once(books: Books) -> None:
    leaf = add(books)
    make_checkpoint(books, KEY, at=1)
    lines = made(books, leaf).split("\n")
    for wrong in ([lines[3], lines[2]], [lines[2], lines[2], lines[3]]):
        with pytest.raises(AuditMismatch, match="in order"):
            receipt.verify("\n".join([*lines[:2], *wrong, *lines[4:]]), PUBLIC)


def test_a_proof_of_a_log_of_2_to_the_40_leaves_is_below_2_kib() -> None:
    """The longest there is: a full tree, the longest index, a name as long as docs/formats/receipt.md allows."""
    size = 1 << 40

    def node(level: int, index: int) -> bytes:
        return leaf_hash(f"{level} {index}".encode())

    key = SigningKey("x" * 44, bytes(32))
    note = checkpoint.sign(Checkpoint(key.name, size, root_at(size, node)), key)
    worst = max((0, 1, size // 2, size - 2, size - 1), key=lambda index: len(inclusion_proof(index, size, node)))
    proof = inclusion_proof(worst, size, node)
    assert len(proof) == 40
    hashes = "".join(base64.b64encode(digest).decode() + "\n" for digest in proof)
    assert len((hashes + note).encode()) < 2048
    assert len(receipt.tlog_proof(size - 1, proof, note).encode()) == len((hashes + note).encode()) + 44
