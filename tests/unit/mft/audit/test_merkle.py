"""The tree of the audit log, against published vectors and against RFC 6962's definitions written down plainly."""

import hashlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mft.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    NodeGetter,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from mft.errors import AuditMismatch

# The vectors of google/certificate-transparency (cpp/merkletree/merkle_tree_test.cc), also in
# transparency-dev/merkle (testonly/constants.go and reference_test.go).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = [  # Leaf index, tree size, proof.
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CONSISTENCY = [  # Old size, new size, proof.
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


# RFC 6962 section 2.1, as it stands there.


def split(entries: Sequence[bytes]) -> int:
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return k


def mth(entries: Sequence[bytes]) -> bytes:
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    k = split(entries)
    return hashlib.sha256(b"\1" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    if len(entries) == 1:
        return []
    k = split(entries)
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m: int, entries: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if m == len(entries):
        return [] if whole else [mth(entries)]
    k = split(entries)
    if m <= k:
        return [*subproof(m, entries[:k], whole=whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], whole=False), mth(entries[:k])]


# What is tested, on a tree kept in a dict.


def grow(entries: Sequence[bytes]) -> tuple[Frontier, NodeGetter]:
    frontier = Frontier()
    nodes: dict[tuple[int, int], bytes] = {}
    for entry in entries:
        for level, index, digest in frontier.append(leaf_hash(entry)):
            assert (level, index) not in nodes
            nodes[level, index] = digest
    return frontier, lambda level, index: nodes[level, index]


def numbered(size: int) -> list[bytes]:
    return [b"%d" % number for number in range(size)]


class TestPublishedVectors:
    def test_roots(self) -> None:
        assert [grow(LEAVES[:size])[0].root().hex() for size in range(9)] == ROOTS

    def test_roots_of_the_past(self) -> None:
        _, node = grow(LEAVES)
        assert [root_at(size, node).hex() for size in range(9)] == ROOTS

    def test_the_leaf_of_the_page(self) -> None:
        body = (
            b'{"actor":"server","at":1767225600000000,"commitments":{},"connection":null,"facts":{},"id":"0",'
            b'"kind":"server.stopped","result":"ok","tenant":1,"transfer":null,"v":1}'
        )
        assert leaf_hash(body).hex() == "daa5fa2a8f2f9a947d3fd6abc4e250af0668a99738dc591c3315a0c63f8e0411"

    @pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
    def test_inclusion(self, index: int, size: int, proof: list[str]) -> None:
        _, node = grow(LEAVES)
        made = inclusion_proof(index, size, node)
        assert [digest.hex() for digest in made] == proof
        verify_inclusion(leaf_hash(LEAVES[index]), index, size, made, bytes.fromhex(ROOTS[size]))

    @pytest.mark.parametrize(("old", "new", "proof"), CONSISTENCY)
    def test_consistency(self, old: int, new: int, proof: list[str]) -> None:
        _, node = grow(LEAVES)
        made = consistency_proof(old, new, node)
        assert [digest.hex() for digest in made] == proof
        verify_consistency(old, bytes.fromhex(ROOTS[old]), new, bytes.fromhex(ROOTS[new]), made)


class TestAgainstTheDefinitions:
    @given(st.lists(st.binary(max_size=8), max_size=70))
    def test_roots(self, entries: list[bytes]) -> None:
        assert grow(entries)[0].root() == mth(entries)

    @given(st.integers(1, 70), st.data())
    def test_inclusion(self, size: int, data: st.DataObject) -> None:
        entries = numbered(size)
        index = data.draw(st.integers(0, size - 1))
        _, node = grow(entries)
        assert inclusion_proof(index, size, node) == path(index, entries)

    @given(st.integers(1, 70), st.data())
    def test_consistency(self, size: int, data: st.DataObject) -> None:
        entries = numbered(size)
        old = data.draw(st.integers(1, size))
        _, node = grow(entries)
        assert consistency_proof(old, size, node) == subproof(old, entries, whole=True)

    def test_every_proof_of_every_small_tree_verifies(self) -> None:
        entries = numbered(33)
        _, node = grow(entries)
        roots = [mth(entries[:size]) for size in range(34)]
        for size in range(1, 34):
            for index in range(size):
                verify_inclusion(
                    leaf_hash(entries[index]), index, size, inclusion_proof(index, size, node), roots[size]
                )
            for old in range(size + 1):
                verify_consistency(old, roots[old], size, roots[size], consistency_proof(old, size, node))


class TestFrontier:
    def test_an_empty_tree(self) -> None:
        assert (Frontier().size, Frontier().root()) == (0, EMPTY_ROOT)

    def test_names_what_a_leaf_completes(self) -> None:
        frontier = Frontier()
        completed = [[node[:2] for node in frontier.append(bytes(32))] for _ in range(8)]
        assert completed == [
            [(0, 0)],
            [(0, 1), (1, 0)],
            [(0, 2)],
            [(0, 3), (1, 1), (2, 0)],
            [(0, 4)],
            [(0, 5), (1, 2)],
            [(0, 6)],
            [(0, 7), (1, 3), (2, 1), (3, 0)],
        ]

    @pytest.mark.parametrize("size", range(40))
    def test_restored_it_goes_on(self, size: int) -> None:
        entries = numbered(45)
        _, node = grow(entries)
        frontier = Frontier.restore(size, node)
        assert (frontier.size, frontier.root()) == (size, mth(entries[:size]))
        for entry in entries[size:]:
            frontier.append(leaf_hash(entry))
        assert frontier.root() == mth(entries)

    def test_restoring_reads_the_right_edge_only(self) -> None:
        asked = []

        def node(level: int, index: int) -> bytes:
            asked.append((level, index))
            return bytes(32)

        Frontier.restore(0b1011_0000, node)
        assert asked == [(7, 0), (5, 4), (4, 10)]

    def test_a_leaf_cannot_pass_for_a_node(self) -> None:
        left, right = leaf_hash(b"a"), leaf_hash(b"b")
        assert leaf_hash(left + right) != node_hash(left, right)


Mutation = Callable[[list[bytes]], list[bytes]]
MUTATIONS: dict[str, Mutation] = {
    "first flipped": lambda proof: [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]],
    "last flipped": lambda proof: [*proof[:-1], proof[-1][:-1] + bytes([proof[-1][-1] ^ 128])],
    "first dropped": lambda proof: proof[1:],
    "last dropped": lambda proof: proof[:-1],
    "one more": lambda proof: [*proof, bytes(32)],
    "one before": lambda proof: [bytes(32), *proof],
    "one twice": lambda proof: [proof[0], *proof],
    "a long hash": lambda proof: [proof[0] + b"\0", *proof[1:]],
    "a short hash": lambda proof: [proof[0][:-1], *proof[1:]],
    "an empty hash": lambda proof: [*proof, b""],
    "very many": lambda proof: proof * 100,
    "none": lambda _: [],
}


class TestRefusals:
    ENTRIES = numbered(29)

    @pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS.keys())
    def test_an_altered_inclusion_proof(self, mutation: Mutation) -> None:
        _, node = grow(self.ENTRIES)
        for size in range(2, 30):
            for index in range(size):
                proof = mutation(inclusion_proof(index, size, node))
                with pytest.raises(AuditMismatch):
                    verify_inclusion(leaf_hash(self.ENTRIES[index]), index, size, proof, root_at(size, node))

    @pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS.keys())
    def test_an_altered_consistency_proof(self, mutation: Mutation) -> None:
        _, node = grow(self.ENTRIES)
        for new in range(2, 30):
            for old in range(1, new):
                proof = mutation(consistency_proof(old, new, node))
                with pytest.raises(AuditMismatch):
                    verify_consistency(old, root_at(old, node), new, root_at(new, node), proof)

    def test_a_byte_moved_to_its_neighbour(self) -> None:
        _, node = grow(self.ENTRIES)
        leaf, proof, root = leaf_hash(self.ENTRIES[0]), inclusion_proof(0, 29, node), root_at(29, node)
        verify_inclusion(leaf, 0, 29, proof, root)
        with pytest.raises(AuditMismatch):
            verify_inclusion(leaf + proof[0][:1], 0, 29, [proof[0][1:], *proof[1:]], root)

    @pytest.mark.parametrize("size", range(2, 30))
    def test_a_tree_that_claims_to_be_larger(self, size: int) -> None:
        _, node = grow(self.ENTRIES)
        root = root_at(size, node)
        for claimed in (2 * size, 4 * size, size << 40):
            with pytest.raises(AuditMismatch):
                verify_inclusion(node(0, 0), 0, claimed, inclusion_proof(0, size, node), root)
            with pytest.raises(AuditMismatch):
                verify_consistency(1, node(0, 0), claimed, root, consistency_proof(1, size, node))

    def test_a_leaf_in_another_place(self) -> None:
        _, node = grow(self.ENTRIES)
        root = root_at(29, node)
        for index in range(29):
            proof = inclusion_proof(index, 29, node)
            for place in set(range(-1, 31)) - {index}:
                with pytest.raises(AuditMismatch):
                    verify_inclusion(leaf_hash(self.ENTRIES[index]), place, 29, proof, root)

    def test_another_leaf_or_root(self) -> None:
        _, node = grow(self.ENTRIES)
        proof = inclusion_proof(7, 29, node)
        with pytest.raises(AuditMismatch):
            verify_inclusion(leaf_hash(b"other"), 7, 29, proof, root_at(29, node))
        with pytest.raises(AuditMismatch):
            verify_inclusion(leaf_hash(self.ENTRIES[7]), 7, 29, proof, root_at(28, node))
        with pytest.raises(AuditMismatch):
            verify_inclusion(b"", 7, 29, proof, root_at(29, node))

    def test_a_rewritten_past(self) -> None:
        _, genuine = grow(self.ENTRIES)
        for changed in range(29):
            _, forged = grow([*self.ENTRIES[:changed], b"forged", *self.ENTRIES[changed + 1 :]])
            for old in range(changed + 1, 29):
                with pytest.raises(AuditMismatch):
                    verify_consistency(
                        old,
                        root_at(old, genuine),
                        29,
                        root_at(29, forged),
                        consistency_proof(old, 29, forged),
                    )

    @pytest.mark.parametrize(("old", "new"), [(3, 2), (-1, 2), (29, 0)])
    def test_a_tree_does_not_shrink(self, old: int, new: int) -> None:
        with pytest.raises(AuditMismatch):
            verify_consistency(old, EMPTY_ROOT, new, EMPTY_ROOT, [])
        with pytest.raises(AssertionError):
            consistency_proof(old, new, lambda *_: b"")

    def test_equal_sizes_have_equal_roots_and_no_proof(self) -> None:
        root = mth(self.ENTRIES)
        verify_consistency(29, root, 29, root, [])
        with pytest.raises(AuditMismatch):
            verify_consistency(29, root, 29, bytes(32), [])
        with pytest.raises(AuditMismatch):
            verify_consistency(29, root, 29, root, [root])

    def test_every_tree_continues_the_empty_one(self) -> None:
        root = mth(self.ENTRIES)
        verify_consistency(0, EMPTY_ROOT, 29, root, [])
        verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
        with pytest.raises(AuditMismatch):
            verify_consistency(0, root, 29, root, [])
        with pytest.raises(AuditMismatch):
            verify_consistency(0, EMPTY_ROOT, 0, root, [])
        with pytest.raises(AuditMismatch):
            verify_consistency(0, EMPTY_ROOT, 29, root, [root])

    @pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0)])
    def test_no_such_leaf(self, index: int, size: int) -> None:
        with pytest.raises(AssertionError):
            inclusion_proof(index, size, lambda *_: b"")
        with pytest.raises(AuditMismatch):
            verify_inclusion(bytes(32), index, size, [], bytes(32))
