"""Proofs over the ledger's tree: that an entry is in it, and that a later tree only adds to an earlier one.

RFC 6962, section 2.1; `leaf_hash`, `node_hash` and the growing `Frontier` stand in `verify.py`. The checks follow
RFC 9162, sections 2.1.3.2 and 2.1.4.2, which prove the same trees.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from selftune.ledger.verify import node_hash

if TYPE_CHECKING:
    from collections.abc import Sequence


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of leaf hashes, by the recursive definition of RFC 6962, section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = split_point(len(leaves))
    return node_hash(tree_root(leaves[:split]), tree_root(leaves[split:]))


def split_point(size: int) -> int:
    """The largest power of two smaller than `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """PATH(m, D[n]), RFC 6962, section 2.1.1: the audit path of leaf `index`, from 0, lowest node first."""
    if len(leaves) == 1:
        return ()
    split = split_point(len(leaves))
    if index < split:
        return (*inclusion_proof(leaves[:split], index), tree_root(leaves[split:]))
    return (*inclusion_proof(leaves[split:], index - split), tree_root(leaves[:split]))


def consistency_proof(leaves: Sequence[bytes], earlier: int) -> tuple[bytes, ...]:
    """PROOF(m, D[n]), RFC 6962, section 2.1.2, for 0 < `earlier` <= n: the first leaves are still the same."""
    return _subproof(leaves, earlier, whole=True)


def _subproof(leaves: Sequence[bytes], earlier: int, *, whole: bool) -> tuple[bytes, ...]:
    """SUBPROOF(m, D[n], b); `whole` is b: whether the earlier root is known to the verifier."""
    if earlier == len(leaves):
        return () if whole else (tree_root(leaves),)
    split = split_point(len(leaves))
    if earlier <= split:
        return (*_subproof(leaves[:split], earlier, whole=whole), tree_root(leaves[split:]))
    return (*_subproof(leaves[split:], earlier - split, whole=False), tree_root(leaves[:split]))


def inclusion_holds(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows leaf `index` to be in the tree of `size` leaves and this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node % 2 or node == last:
            current = node_hash(sibling, current)
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            current = node_hash(current, sibling)
        node, last = node // 2, last // 2
    return last == 0 and current == root


def consistency_holds(earlier: int, later: int, earlier_root: bytes, later_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the later tree begins with the earlier one (RFC 9162, 2.1.4.2)."""
    if not 0 < earlier <= later:
        return False
    if earlier == later:
        return not proof and earlier_root == later_root
    path = [earlier_root, *proof] if earlier & (earlier - 1) == 0 else list(proof)
    if not path:
        return False
    node, last = earlier - 1, later - 1
    while node % 2:
        node, last = node // 2, last // 2
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node % 2 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            new = node_hash(new, sibling)
        node, last = node // 2, last // 2
    return last == 0 and old == earlier_root and new == later_root
