"""What is handed to others: proofs, co-signatures, changes of key and certificates, as the lines of `verify.py`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from selftune.ledger.merkle import consistency_proof, inclusion_proof
from selftune.ledger.verify import CERTIFICATE, SUCCESSION, WITNESS, canonical, message_of, read_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from selftune.ledger.mirror import Checkpoint


class Signer(Protocol):
    """A key that signs: a machine's or a person's."""

    @property
    def public(self) -> str:
        """64 hex digits."""

    def sign(self, message: bytes) -> str:
        """Ed25519 signature (RFC 8032), 128 hex digits."""


def find_entry(folder: Path, record_id: str, size: int) -> tuple[dict[str, Any] | None, list[bytes]]:
    """The first entry that names a record, and the hashes of the first `size` entries, each checked on the way.

    Raises:
        Damage: the ledger does not verify; the message says where.
    """
    found, leaves = None, list[bytes]()
    for _, entry in read_entries(folder):
        if len(leaves) == size:
            break
        leaves.append(bytes.fromhex(entry["hash"]))
        if found is None and entry["record_id"] == record_id:
            found = entry
    return found, leaves


def inclusion_line(entry: Mapping[str, Any], leaves: Sequence[bytes], checkpoint: Checkpoint) -> bytes:
    """That an entry lies in the tree of a checkpoint, which is the one over these leaves."""
    path = [node.hex() for node in inclusion_proof(leaves, entry["seq"] - 1)]
    return canonical({"checkpoint": json.loads(checkpoint.line), "entry": dict(entry), "path": path})


def join_line(earlier: Mapping[str, Any], later: Checkpoint, leaves: Sequence[bytes]) -> bytes:
    """That the tree of the later checkpoint, which is the one over these leaves, begins with the earlier one's."""
    path = [node.hex() for node in consistency_proof(leaves, earlier["size"])]
    return canonical({"earlier": dict(earlier), "later": json.loads(later.line), "path": path})


def witness_line(head: Mapping[str, Any], key: Signer, *, name: str, at: str) -> bytes:
    """A tree head signed by a second key: that whoever holds it saw it, at a time of its own."""
    return _signed(
        WITNESS, {"at": at, "key": key.public, "name": name, "root": head["root"], "size": head["size"]}, key
    )


def succession_detail(checkpoint: Checkpoint, *, old: str, new: str, because: str, since: int | None) -> dict[str, str]:
    """The detail of the entry by which the key `new` takes over, as nobody vouches for it yet.

    Args:
        checkpoint: One that the ledger has held: it ties the change to this ledger.
        old: The key in force until now.
        new: The key from that entry on.
        because: What became of the old one, in a word.
        since: The first entry that is not to be trusted; None where all are.
    """
    place = "" if since is None else str(since)
    body = {"because": because, "by": "", "from": place, "new": new, "old": old, "signature": ""}
    return body | {"root": checkpoint.root, "size": str(checkpoint.size)}


def vouch(detail: Mapping[str, str], key: Signer) -> dict[str, str]:
    """The same as the old key, or a witness, vouches for it."""
    body = {**detail, "by": key.public}
    return body | {"signature": key.sign(message_of(SUCCESSION, body))}


def sign_certificate(
    checkpoint: Checkpoint,
    key: Signer,
    *,
    at: str,
    claims: Mapping[str, str],
    present: Iterable[str],
    absent: Iterable[str],
    equal: Iterable[tuple[str, str]],
) -> bytes:
    """A certificate over a checkpoint of the same key, with its line feed.

    Args:
        checkpoint: The ledger that it speaks of.
        key: Who signs.
        at: UTC time.
        claims: What it says in words and figures; printed by whoever verifies, and checked by nobody.
        present: Ids that entries name.
        absent: Ids that none of the checkpoint's entries names.
        equal: Pairs of digests that are the same.
    """
    body = {
        "absent": sorted(absent),
        "at": at,
        "claims": dict(claims),
        "equal": [list(pair) for pair in equal],
        "key": key.public,
        "present": sorted(present),
        "root": checkpoint.root,
        "size": checkpoint.size,
    }
    return _signed(CERTIFICATE, body, key) + b"\n"


def _signed(domain: bytes, body: dict[str, Any], key: Signer) -> bytes:
    return canonical(body | {"signature": key.sign(message_of(domain, body))})
