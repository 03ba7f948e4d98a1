"""The Merkle tree of the audit log: hashing, growth, proofs and their checks. Pure; nothing is stored here.

A node (level, index) is the root over the leaves from index * 2**level on, 2**level of them; leaves have
level 0. Only full subtrees are nodes. Whoever keeps them all can prove anything about any earlier size, and a
tree goes on growing from the few at its right edge.

    frontier = Frontier.restore(size, node)         # node(level, index) -> hash, from the ledger
    for level, index, digest in frontier.append(leaf_hash(body)):
        ...                                         # insert the new node
    root = frontier.root()

Spec: docs/formats/audit-log.md; RFC 6962 section 2.1, with the checks of RFC 9162 sections 2.1.3 and 2.1.4.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Self

from mft.errors import AuditMismatch

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = hashlib.sha256().digest()

NodeGetter = Callable[[int, int], bytes]
"""Looks up the hash of the full subtree at (level, index)."""


def leaf_hash(body: bytes) -> bytes:
    """Hash the bytes of a leaf."""
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into the one above them."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: its size, and a hash for each 1 in the binary form of that size."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []  # Largest subtree first.

    @classmethod
    def restore(cls, size: int, node: NodeGetter) -> Self:
        """Take up a tree of `size` leaves again; looks up at most 64 nodes."""
        frontier = cls()
        frontier.size = size
        frontier._edge = [node(level, index) for level, index in _cover(0, size)]
        return frontier

    def append(self, leaf_hash: bytes) -> list[tuple[int, int, bytes]]:
        """Add the next leaf.

        Returns:
            Every node that it completes, as (level, index, hash): the leaf itself first, then upwards.
        """
        digest, level, index = leaf_hash, 0, self.size
        completed = [(level, index, digest)]
        while index & 1:
            digest, level, index = node_hash(self._edge.pop(), digest), level + 1, index >> 1
            completed.append((level, index, digest))
        self._edge.append(digest)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """Root hash of the tree as it stands."""
        return _fold(self._edge)


def root_at(size: int, node: NodeGetter) -> bytes:
    """Root hash that the tree had at `size` leaves."""
    return _range_root(0, size, node)


def inclusion_proof(index: int, size: int, node: NodeGetter) -> list[bytes]:
    """Prove that leaf `index` is in the tree of `size` leaves.

    Returns:
        At most 64 hashes, from the leaf upwards (RFC 6962's PATH).
    """
    if not 0 <= index < size:
        raise AssertionError(f"leaf {index} of a tree of {size}")
    begin, end = 0, size
    proof = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            proof.append(_range_root(middle, end, node))
            end = middle
        else:
            proof.append(_range_root(begin, middle, node))
            begin = middle
    return proof[::-1]


def consistency_proof(old_size: int, new_size: int, node: NodeGetter) -> list[bytes]:
    """Prove that the tree of `new_size` leaves begins with all those that it had at `old_size`.

    Returns:
        At most 65 hashes (RFC 6962's PROOF); none when the sizes are equal or the old tree was empty.
    """
    if not 0 <= old_size <= new_size:
        raise AssertionError(f"a tree of {old_size} leaves cannot have become one of {new_size}")
    if old_size in {0, new_size}:
        return []
    begin, end = 0, new_size
    proof = []
    while end != old_size:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            proof.append(_range_root(middle, end, node))
            end = middle
        else:
            proof.append(_range_root(begin, middle, node))
            begin = middle
    if begin:  # Else the checker has this subtree already: it is the whole old tree.
        proof.append(_range_root(begin, end, node))
    return proof[::-1]


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with this hash is number `index` under `root`, the root of `size` leaves.

    Raises:
        AuditMismatch: it is not, or this does not prove it.
    """
    _check_hashes([leaf_hash, root, *proof])
    if not 0 <= index < size:
        raise AuditMismatch(f"leaf {index} cannot be in a tree of {size}")
    here, last, digest = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise AuditMismatch(f"the inclusion proof of leaf {index} is too long")
        if here & 1 or here == last:
            digest = node_hash(sibling, digest)
            while here and not here & 1:  # The right edge skips levels where it has no sibling.
                here, last = here >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        here, last = here >> 1, last >> 1
    if last != 0 or digest != root:
        raise AuditMismatch(f"leaf {index} is not in the tree of {size}")


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree under `new_root` is the one under `old_root` with leaves added at its end.

    Raises:
        AuditMismatch: it is not, or this does not prove it.
    """
    _check_hashes([old_root, new_root, *proof])
    if not 0 <= old_size <= new_size:
        raise AuditMismatch(f"a tree of {old_size} leaves cannot have become one of {new_size}")
    mismatch = AuditMismatch(f"the tree of {new_size} leaves does not continue the one of {old_size}")
    if old_size in {0, new_size}:
        empty_is_empty = old_size > 0 or old_root == EMPTY_ROOT
        same_is_same = old_size < new_size or old_root == new_root
        if proof or not empty_is_empty or not same_is_same:
            raise mismatch
        return
    hashes = list(proof)
    if old_size & (old_size - 1) == 0:  # A full subtree, which the proof leaves out.
        hashes.insert(0, old_root)
    if not hashes:
        raise mismatch
    here, last = old_size - 1, new_size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old_digest = new_digest = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise mismatch
        if here & 1 or here == last:
            old_digest, new_digest = node_hash(sibling, old_digest), node_hash(sibling, new_digest)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            new_digest = node_hash(new_digest, sibling)
        here, last = here >> 1, last >> 1
    if last != 0 or old_digest != old_root or new_digest != new_root:
        raise mismatch


def _check_hashes(hashes: Sequence[bytes]) -> None:
    # Else a byte moved from one hash to its neighbour would not change what both are hashed to.
    if any(len(digest) != HASH_SIZE for digest in hashes):
        raise AuditMismatch("a hash has 32 bytes, also in a proof")


def _split(leaves: int) -> int:
    """Largest power of two below `leaves`, which is at least 2: where RFC 6962 splits a tree."""
    return 1 << ((leaves - 1).bit_length() - 1)


def cover(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Name the full subtrees, from left to right and as few as can be, that make up the leaves `begin` up to `end`."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield level, begin >> level
        begin += 1 << level


def _cover(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Name the full subtrees, largest first, that make up a subtree of the leaves `begin` up to `end`."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        yield level, begin >> level
        begin += 1 << level


def _range_root(begin: int, end: int, node: NodeGetter) -> bytes:
    return _fold([node(level, index) for level, index in _cover(begin, end)])


def _fold(edge: list[bytes]) -> bytes:
    """Join subtrees of falling size into their root."""
    if not edge:
        return EMPTY_ROOT
    digest = edge[-1]
    for left in edge[-2::-1]:
        digest = node_hash(left, digest)
    return digest
