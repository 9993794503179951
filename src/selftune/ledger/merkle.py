"""Proofs over the ledger's tree: that an entry is in it, and that a later tree only adds to an earlier one.

RFC 6962, section 2.1; the hashes, the growing `Frontier` and the checks of both proofs stand in `verify.py`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from selftune.ledger.verify import node_hash, split_point

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
