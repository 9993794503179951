"""The tree and its proofs against published vectors, and every small tree exhaustively."""

from __future__ import annotations

import hashlib

import pytest

from selftune.ledger.merkle import consistency_proof, inclusion_proof, tree_root
from selftune.ledger.verify import Frontier, consistency_holds, inclusion_holds, leaf_hash, node_hash

# The eight leaves and their roots that Certificate Transparency implementations of RFC 6962 share
# (google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc).
LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
EMPTY_ROOT = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
LARGEST = 18


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(b"entry %d" % index) for index in range(count)]


@pytest.mark.parametrize(("count", "root"), list(enumerate(ROOTS, start=1)))
def test_roots_are_those_of_the_published_vectors(count: int, root: str):
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES[:count]]
    assert tree_root(leaves).hex() == root


def test_the_empty_tree_has_the_hash_of_nothing():
    assert tree_root([]).hex() == EMPTY_ROOT
    assert Frontier().root().hex() == EMPTY_ROOT


def test_the_frontier_of_a_growing_tree_has_the_root_of_the_definition_at_every_size():
    frontier = Frontier()
    for size, leaf in enumerate(leaves_of(130), start=1):
        frontier.append(leaf)
        assert frontier.root() == tree_root(leaves_of(130)[:size])
        assert len(frontier.peaks) == size.bit_count()


def test_leaves_and_nodes_are_hashed_apart():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(b"a") == hashlib.sha256(b"\x00a").digest()
    assert node_hash(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert leaf_hash(left + right) != node_hash(left, right)


def test_every_leaf_of_every_small_tree_is_proven_and_no_other():
    for size in range(1, LARGEST):
        leaves = leaves_of(size)
        root = tree_root(leaves)
        for index in range(size):
            proof = inclusion_proof(leaves, index)
            holding = [
                (leaf, place)
                for leaf in range(size)
                for place in range(size)
                if inclusion_holds(leaves[leaf], place, size, proof, root)
            ]
            assert holding == [(index, index)]


def test_an_inclusion_proof_that_was_touched_does_not_hold():
    leaves = leaves_of(11)
    root, proof = tree_root(leaves), inclusion_proof(leaves, 4)
    other = leaf_hash(b"other")
    assert inclusion_holds(leaves[4], 4, 11, proof, root)
    assert not inclusion_holds(leaves[4], 4, 11, proof, other)
    assert not inclusion_holds(leaves[4], 4, 11, proof[:-1], root)
    assert not inclusion_holds(leaves[4], 4, 11, (*proof, other), root)
    assert not inclusion_holds(leaves[4], 11, 11, proof, root)
    assert not inclusion_holds(leaves[4], -1, 11, proof, root)
    for place in range(len(proof)):
        assert not inclusion_holds(leaves[4], 4, 11, (*proof[:place], other, *proof[place + 1 :]), root)


def test_every_small_tree_is_shown_to_extend_each_of_its_beginnings():
    for later in range(1, LARGEST):
        leaves = leaves_of(later)
        for earlier in range(1, later + 1):
            proof = consistency_proof(leaves, earlier)
            assert consistency_holds(earlier, later, tree_root(leaves[:earlier]), tree_root(leaves), proof)


def test_no_tree_is_shown_to_extend_a_history_that_was_rewritten():
    for later in range(2, LARGEST):
        leaves = leaves_of(later)
        root = tree_root(leaves)
        for earlier in range(1, later):
            proof = consistency_proof(leaves, earlier)
            was = leaves[:earlier]
            rewritten = [*was[:-1], leaf_hash(b"rewritten")]
            assert not consistency_holds(earlier, later, tree_root(rewritten), root, proof)
            assert not consistency_holds(earlier, later, tree_root(was), tree_root(rewritten), proof)
            assert not consistency_holds(earlier, later, tree_root(was), root, (*proof, was[0]))
            assert not consistency_holds(earlier, later, tree_root(was), root, proof[:-1])


def test_consistency_needs_an_earlier_tree_and_equal_sizes_need_equal_roots():
    leaves = leaves_of(3)
    root = tree_root(leaves)
    assert not consistency_holds(0, 3, root, root, ())
    assert not consistency_holds(4, 3, root, root, ())
    assert not consistency_holds(3, 3, root, leaves[0], ())
    assert not consistency_holds(3, 3, root, root, (root,))
    assert not consistency_holds(3, 5, root, root, ())
