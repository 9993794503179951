"""Does a project's ledger verify? Needs only Python's standard library: copy this file anywhere and run it.

    python verify.py PROJECT [--checkpoint FILE]

It reads `PROJECT/.selftune/ledger/` and nothing else. The format, all of it:

- `00000001.jsonl`, `00000002.jsonl`, … hold 10,000 entries each, one JSON object a line, `seq` counting from 1.
- `hash` is the RFC 6962 leaf hash, SHA-256(0x00 ‖ line), of the line as it stands but without `,"hash":"…"`.
- `prev` is the `hash` of the entry before, so that a change is found at its own line; the first has 64 zeros.
- `checkpoints.jsonl` holds signed tree heads: `root` is the RFC 6962 Merkle tree hash of the first `size` entries.
  `signature` is Ed25519 (RFC 8032) by `key` over `selftune checkpoint v1`, a line feed, and the canonical JSON of the
  other fields (keys sorted, no spaces, ASCII).

Exit code 0: it verifies. 8: it does not, and the message says where. 2: there is no ledger to read.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LINES_PER_FILE: Final = 10_000
NO_HASH: Final = "0" * 64
CHECKPOINTS: Final = "checkpoints.jsonl"
DOMAIN: Final = b"selftune checkpoint v1\n"
ENTRY_FIELDS: Final = {"at", "detail", "event", "hash", "kind", "prev", "record_id", "seq"}
CHECKPOINT_FIELDS: Final = {"at", "key", "number", "root", "signature", "size"}


class Damage(Exception):  # noqa: N818 - it is what was found, not a fault of this program
    """Something in the ledger is not as it was written; the message opens with the place."""


# --- Hashes and the tree (RFC 6962, section 2.1) ----------------------------------------------------------------------


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 ‖ entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass
class Frontier:
    """A growing tree, kept as the roots of its full subtrees, largest first: one for each 1 in `size` as binary."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash; merges as many subtrees as the new size has trailing zero bits."""
        self.size += 1
        self.peaks.append(leaf)
        count = self.size
        while count % 2 == 0:
            right = self.peaks.pop()
            self.peaks.append(node_hash(self.peaks.pop(), right))
            count //= 2

    def root(self) -> bytes:
        """The Merkle tree hash of all leaves so far; SHA-256 of nothing for none."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


# --- Ed25519 (RFC 8032, sections 5.1 and 6): verification only, nothing here is secret --------------------------------

_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, _P) % _P
_SQRT_M1: Final = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]


def _add(a: _Point, b: _Point) -> _Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    g, h = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    x, y, z, t = f - e, h - g, h + g, f + e
    return x * y % _P, z * t % _P, y * z % _P, x * t % _P


def _times(scalar: int, point: _Point) -> _Point:
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _point(data: bytes) -> _Point | None:
    """The curve point that 32 bytes encode (section 5.1.3), or None."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _SQRT_M1 % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


_BASE: Final = _point(bytes.fromhex("58" + "66" * 31))


def signature_holds(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature of a message holds under a public key (section 5.1.7)."""
    if len(key) != 32 or len(signature) != 64:  # noqa: PLR2004 - RFC 8032, 5.1.5 and 5.1.6
        return False
    a, r, s = _point(key), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or _BASE is None or s >= _L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % _L
    left, right = _times(s, _BASE), _add(r, _times(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


# --- Reading ----------------------------------------------------------------------------------------------------------


def canonical(value: dict[str, Any]) -> bytes:
    """The one JSON text of a line: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def file_of(seq: int) -> tuple[str, int]:
    """The file that holds an entry and its line there, from 1."""
    number, line = divmod(seq - 1, LINES_PER_FILE)
    return f"{number + 1:08d}.jsonl", line + 1


def read_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every line with its place for messages; `Damage` when the last one is cut off."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            place = f"{path.name}, line {number}"
            if not line.endswith(b"\n"):
                raise Damage(f"{place}: the line is cut off. If selftune was killed, its next start completes it.")
            yield place, line[:-1]


def read_object(place: str, line: bytes, fields: set[str]) -> dict[str, Any]:
    """The JSON object of a line, which has just these fields."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Damage(f"{place}: no JSON ({error}).") from error
    if not isinstance(value, dict) or set(value) != fields:
        raise Damage(f"{place}: not the fields {', '.join(sorted(fields))}.")
    return value


def from_hex(place: str, text: object) -> bytes:
    """The bytes that hex digits stand for; small letters only, so that no byte can change unseen."""
    if not isinstance(text, str) or not set(text) <= set("0123456789abcdef") or len(text) % 2:
        raise Damage(f"{place}: {text!r} is no hex.")
    return bytes.fromhex(text)


def entry_hash(line: bytes, claimed: object) -> str:
    """The leaf hash of a line, in hex: of its bytes without the hash it claims."""
    return leaf_hash(line.replace(b',"hash":"%s"' % str(claimed).encode("ascii", "replace"), b"", 1)).hex()


def read_entries(folder: Path) -> Iterator[str]:
    """The hash of every entry, each entry checked: hash, link to the one before, number, file."""
    seq, previous = 0, NO_HASH
    for path in sorted(folder.glob("[0-9]*.jsonl")):
        if (path.name, 1) != file_of(seq + 1):
            raise Damage(f"{path.name}: expected {' line '.join(map(str, file_of(seq + 1)))} first (entry {seq + 1}).")
        for at, line in read_lines(path):
            seq += 1
            place = f"{at}, entry {seq}"
            entry = read_object(place, line, ENTRY_FIELDS)
            if entry_hash(line, entry["hash"]) != entry["hash"]:
                raise Damage(f"{place}: its text does not match its hash: it was altered.")
            if entry["seq"] != seq or file_of(seq)[0] != path.name:
                raise Damage(f"{place}: it says that it is entry {entry['seq']}: one was dropped, added or moved.")
            if entry["prev"] != previous:
                raise Damage(f"{place}: it does not follow the entry before it: one of them was replaced.")
            previous = entry["hash"]
            yield previous


def checkpoint_message(checkpoint: dict[str, Any]) -> bytes:
    """What a checkpoint's signature is over."""
    return DOMAIN + canonical({name: value for name, value in checkpoint.items() if name != "signature"})


def read_checkpoints(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Every checkpoint with its place, its signature checked."""
    found = []
    for place, line in read_lines(path) if path.exists() else ():
        checkpoint = read_object(place, line, CHECKPOINT_FIELDS)
        if not all(isinstance(checkpoint[name], int) for name in ("number", "size")):
            raise Damage(f"{place}: number or size is no whole number.")
        key, signature = (from_hex(place, checkpoint[name]) for name in ("key", "signature"))
        if canonical(checkpoint) != line or not signature_holds(key, checkpoint_message(checkpoint), signature):
            raise Damage(f"{place}: the signature does not hold: the checkpoint was altered.")
        found.append((place, checkpoint))
    return found


# --- The verdict ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What was found to hold."""

    entries: int
    root: str
    checkpoints: int
    key: str | None
    covered: int

    def __str__(self) -> str:
        signed = f"signed by key {self.key}" if self.key else "nothing signed yet"
        return f"verifies: {self.entries} entries, root {self.root}, {self.checkpoints} checkpoints, {signed}"


def check_checkpoints(own: list[tuple[str, dict[str, Any]]], outside: list[tuple[str, dict[str, Any]]]) -> None:
    """Own checkpoints count from 1 and never shrink; all, the outside ones too, are signed by one key."""
    size = 0
    for number, (place, checkpoint) in enumerate(own, start=1):
        if checkpoint["number"] != number or checkpoint["size"] < size:
            raise Damage(
                f"{place}: expected checkpoint {number} over at least {size} entries: one was dropped or moved."
            )
        size = checkpoint["size"]
    keys = {checkpoint["key"]: place for place, checkpoint in own + outside}
    if len(keys) > 1:
        raise Damage(f"{' and '.join(keys.values())}: signed by different keys.")


def verify(folder: Path, outside_file: Path | None = None) -> Verdict:
    """Check a ledger folder from its first byte to its last; `Damage` says where it fails."""
    own = read_checkpoints(folder / CHECKPOINTS)
    outside = read_checkpoints(outside_file) if outside_file else []
    check_checkpoints(own, outside)
    due = sorted(own + outside, key=lambda item: item[1]["size"])
    covered = due[-1][1]["size"] if due else 0
    tree, held = Frontier(), 0
    for leaf in itertools.chain([None], read_entries(folder)):  # the empty tree first: it may have been signed
        if leaf is not None:
            tree.append(bytes.fromhex(leaf))
        while due and due[0][1]["size"] == tree.size:
            place, checkpoint = due.pop(0)
            if checkpoint["root"] != tree.root().hex():
                raise Damage(f"{place}: entries {held + 1} to {tree.size} are not those that were signed: rewritten.")
            held = tree.size
    if due:
        place, checkpoint = due[0]
        raise Damage(f"{place}: it covers {checkpoint['size']} entries, the mirror ends at {tree.size}: cut off.")
    key = (own + outside)[0][1]["key"] if own or outside else None
    return Verdict(tree.size, tree.root().hex(), len(own), key, covered)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the project named on the command line and print the verdict."""
    parser = argparse.ArgumentParser(prog="verify", description="Check a selftune ledger.")
    parser.add_argument("project", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint line that was kept away from this machine")
    options = parser.parse_args(arguments)
    folder = options.project / ".selftune" / "ledger"
    for needed in (folder, options.checkpoint):
        if needed is not None and not needed.exists():
            sys.stderr.write(f"{needed} is not there. Name a project folder, and a checkpoint file if you kept one.\n")
            return 2
    try:
        verdict = verify(folder, options.checkpoint)
    except Damage as damage:
        sys.stderr.write(f"does not verify: {damage}\n")
        return 8
    sys.stdout.write(f"{verdict}\n")
    if options.checkpoint is None:
        sys.stdout.write(
            "Not known without a checkpoint kept elsewhere (--checkpoint): whether the end was cut off, or all of it\n"
            "was written and signed anew by someone who holds the machine key.\n"
        )
    if verdict.covered < verdict.entries:
        sys.stdout.write(f"Entries {verdict.covered + 1} to {verdict.entries} are under no checkpoint yet.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
