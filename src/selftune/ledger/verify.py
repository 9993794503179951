"""Does a selftune ledger verify? Needs only Python's standard library: copy this file anywhere and run it.

    python verify.py FOLDER [--checkpoint FILE] [--witness KEY] [--key KEY] [--proof FILE] [--certificate FILE]

FOLDER is a project or an export; its ledger lies in its `.selftune/ledger`, in its `ledger`, or in itself. The format,
all of it (canonical JSON has its keys sorted, no spaces, and is ASCII; a signature is Ed25519, RFC 8032, by `key`, over
the domain in quotes, a line feed, and the canonical JSON of all other fields):

- `00000001.jsonl`, `00000002.jsonl`, … hold 10,000 entries each, one JSON object a line, `seq` counting from 1.
- `hash` is the RFC 6962 leaf hash, SHA-256(0x00 ‖ line), of the line as it stands but without `,"hash":"…"`.
- `prev` is the `hash` of the entry before, so that a change is found at its own line; the first has 64 zeros.
- `checkpoints.jsonl` holds signed tree heads ("selftune checkpoint v1"): `root` is the RFC 6962 Merkle tree hash of the
  first `size` entries. `witnesses.jsonl` holds tree heads that other keys have signed ("selftune witness v1").
- An entry `ledger witness named` names a witness's key. An entry `machine key succeeded` says that key `new` signs from
  here on, and from which entry on `old` was not to be trusted; `signature` ("selftune succession v1", over the other
  details, of which `root` and `size` are those of an earlier tree head) is by the old key or a witness named under it.
- `records.jsonl` holds records without people's words, one a line; an entry names each as `kind:SHA-256(line)`.
- `proof.jsonl` proves that an entry lies in a signed tree, or that a tree begins as an earlier one (RFC 6962, 2.1.1 and
  2.1.2, lowest node first). A certificate ("selftune certificate v1") is a signed tree head, and says what the entries
  name (`present`) and what the first `size` do not (`absent`), which digests are `equal`, and `claims`, in words.

Exit code 0: it verifies. 8: it does not, and the message says where. 2: there is nothing to read.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    Heard = Callable[[int], None]

LINES_PER_FILE: Final = 10_000
NO_HASH: Final = "0" * 64
CHECKPOINTS, WITNESSES, RECORDS, PROOF = "checkpoints.jsonl", "witnesses.jsonl", "records.jsonl", "proof.jsonl"
DOMAIN, WITNESS = b"selftune checkpoint v1\n", b"selftune witness v1\n"
SUCCESSION, CERTIFICATE = b"selftune succession v1\n", b"selftune certificate v1\n"
SUCCEEDED, NAMED = "machine key succeeded", "ledger witness named"
ENTRY_FIELDS: Final = {"at", "detail", "event", "hash", "kind", "prev", "record_id", "seq"}
CHECKPOINT_FIELDS: Final = {"at", "key", "number", "root", "signature", "size"}
WITNESS_FIELDS: Final = {"at", "key", "name", "root", "signature", "size"}
SUCCESSION_FIELDS: Final = {"because", "by", "from", "new", "old", "root", "signature", "size"}
INCLUSION_FIELDS, JOIN_FIELDS = {"checkpoint", "entry", "path"}, {"earlier", "later", "path"}
CERTIFICATE_FIELDS: Final = {"absent", "at", "claims", "equal", "key", "present", "root", "signature", "size"}
UNKNOWN: Final = """\
Not known without a checkpoint kept elsewhere (--checkpoint): whether the end was cut off, or all of it
was written and signed anew by someone who holds the machine key."""
Head = tuple[str, dict[str, Any]]  # a signed tree head, its place before it
HEARD_EVERY: Final = 1000


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


def split_point(size: int) -> int:
    """The largest power of two smaller than `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def climb_inclusion(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an audit path leads to from leaf `index`; takes the path's nodes off its end."""
    if size == 1:
        return leaf
    top, split = path.pop(), split_point(size)
    if index < split:
        return node_hash(climb_inclusion(leaf, index, split, path), top)
    return node_hash(top, climb_inclusion(leaf, index - split, size - split, path))


def climb_both(known: bytes | None, earlier: int, later: int, path: list[bytes]) -> tuple[bytes, bytes]:
    """The roots of both trees that a proof leads to; `known` is the earlier one, where it is a whole subtree."""
    if earlier == later:
        shared = path.pop() if known is None else known
        return shared, shared
    top, split = path.pop(), split_point(later)
    if earlier <= split:
        old, new = climb_both(known, earlier, split, path)
        return old, node_hash(new, top)
    old, new = climb_both(None, earlier - split, later - split, path)
    return node_hash(top, old), node_hash(top, new)


def inclusion_holds(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a path, lowest node first, shows leaf `index`, from 0, to lie in the tree of this size and root."""
    left = list(path)
    try:
        return 0 <= index < size and climb_inclusion(leaf, index, size, left) == root and not left
    except IndexError:  # the path is too short
        return False


def consistency_holds(earlier: int, later: int, earlier_root: bytes, later_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether a path shows that the tree of `later` leaves begins with the one of `earlier` leaves."""
    left = list(path)
    try:
        roots = climb_both(earlier_root, earlier, later, left) if 0 < earlier <= later else None
    except IndexError:
        return False
    return roots == (earlier_root, later_root) and not left


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


def read_object(place: str, line: bytes, *fields: set[str]) -> dict[str, Any]:
    """The JSON object of a line, which has just the fields of one of these sets."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Damage(f"{place}: no JSON ({error}).") from error
    if not isinstance(value, dict) or (fields and set(value) not in fields):
        raise Damage(f"{place}: not the fields {' or '.join(', '.join(sorted(some)) for some in fields)}.")
    return value


def from_hex(place: str, text: object) -> bytes:
    """The bytes that hex digits stand for; small letters only, so that no byte can change unseen."""
    if not isinstance(text, str) or not set(text) <= set("0123456789abcdef") or len(text) % 2:
        raise Damage(f"{place}: {text!r} is no hex.")
    return bytes.fromhex(text)


def entry_hash(line: bytes, claimed: object) -> str:
    """The leaf hash of a line, in hex: of its bytes without the hash it claims."""
    return leaf_hash(line.replace(b',"hash":"%s"' % str(claimed).encode("ascii", "replace"), b"", 1)).hex()


def read_entries(folder: Path) -> Iterator[Head]:
    """Every entry with its place, each checked: hash, link to the one before, number, file."""
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
            yield place, entry


def message_of(domain: bytes, signed: dict[str, Any]) -> bytes:
    """What the signature of an object is over."""
    return domain + canonical({name: value for name, value in signed.items() if name != "signature"})


def read_head(place: str, line: bytes, domain: bytes, fields: set[str]) -> dict[str, Any]:
    """A signed tree head, its signature checked."""
    head = read_object(place, line, fields)
    key, signature = (from_hex(place, head[name]) for name in ("key", "signature"))
    if not isinstance(head["size"], int):
        raise Damage(f"{place}: its size is no whole number.")
    if canonical(head) != line or not signature_holds(key, message_of(domain, head), signature):
        raise Damage(f"{place}: the signature does not hold: it was altered.")
    return head


def read_heads(path: Path, domain: bytes, fields: set[str]) -> list[Head]:
    """The signed tree heads of a file; none where there is no file."""
    lines = read_lines(path) if path.exists() else ()
    return [(place, read_head(place, line, domain, fields)) for place, line in lines]


def read_kept(path: Path) -> list[Head]:
    """Tree heads kept elsewhere: lines of `checkpoints.jsonl`, or three lines typed off paper: size, root, key."""
    words = path.read_text(encoding="utf-8", errors="replace").split()
    if words[::2] == ["size", "root", "key"] and len(words) == 6 and words[1].isdecimal():  # noqa: PLR2004 - three pairs
        return [(path.name, {"size": int(words[1]), "root": words[3], "key": words[5]})]
    if not words:
        raise Damage(f"{path.name}: it holds no checkpoint.")
    return read_heads(path, DOMAIN, CHECKPOINT_FIELDS)


def read_records(path: Path) -> dict[bytes, str]:
    """The place of each record of a file, by digest; none where there is no file."""
    lines = read_lines(path) if path.exists() else ()
    return {hashlib.sha256(line).digest(): place for place, line in lines}


def read_certificate(path: Path) -> list[Head]:
    """The certificate in a file, its signature and its equal digests checked; its tree and its ids are not yet."""
    found = read_heads(path, CERTIFICATE, CERTIFICATE_FIELDS)
    if len(found) != 1 or any(one != other for one, other in found[0][1]["equal"]):
        raise Damage(f"{path.name}: not one certificate whose digests are equal as it says.")
    return found


# --- What is held against the entries ---------------------------------------------------------------------------------


@dataclass
class Signers:
    """Whose signature counts, as the entries tell it one after the other."""

    key: str | None = None
    witnesses: set[str] = field(default_factory=set)
    just_named: set[str] = field(default_factory=set)
    heads: set[tuple[str, str]] = field(default_factory=set)
    unvouched: list[tuple[int, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def hear(self, place: str, entry: dict[str, Any]) -> None:
        """Take note of an entry that names a witness or another machine key."""
        if entry["event"] == NAMED:
            self.just_named.add(entry["detail"]["key"])
        if entry["event"] != SUCCEEDED:
            return
        detail, seq = entry["detail"], entry["seq"]
        if set(detail) != SUCCESSION_FIELDS or self.key not in (None, detail["old"]):
            raise Damage(f"{place}: not the fields of a succession, or not of key {self.key}, which was in force.")
        if not detail["by"]:
            self.unvouched.append((seq, f"{place}: key {detail['new']} took over, and no key vouches for it"))
        elif detail["by"] not in {detail["old"], *self.witnesses}:
            raise Damage(f"{place}: {detail['by']} vouches for it, neither the old key nor a witness named under that.")
        elif (detail["size"], detail["root"]) not in self.heads or not signature_holds(
            from_hex(place, detail["by"]), message_of(SUCCESSION, detail), from_hex(place, detail["signature"])
        ):
            raise Damage(f"{place}: the signature of the succession does not hold, or is of another ledger.")
        self.key, self.just_named = detail["new"], set()
        self.remarks.append(f"Entry {seq}: key {detail['new']} took over; the one before was {detail['because']}.")
        if detail["from"]:
            self.remarks.append(
                f"Not to be trusted, entries {detail['from']} to {seq - 1}: others may have had the key."
            )

    def hold(self, place: str, head: dict[str, Any]) -> None:
        """The root of a head is right: now it must be by the key in force, which then has signed all before it."""
        self.heads.add((str(head["size"]), head["root"]))
        if "name" in head:  # a witness's, with a key of its own
            return
        self.key = self.key or head["key"]
        if head["key"] != self.key:
            raise Damage(f"{place}: signed by different keys: by {head['key']}, while {self.key} was in force.")
        self.witnesses |= self.just_named

    def demand(self, key: str | None, kept: int) -> None:
        """The key in force is the one asked for; one that nobody vouches for is asked for, or has signed `kept`."""
        for seq, what in self.unvouched:
            if key is None and kept < seq:
                raise Damage(f"{what}. Ask its owner, by another way, whether it is theirs, and then give it as --key.")
        if key not in (None, self.key):
            raise Damage(f"{CHECKPOINTS}: the key in force at the end is {self.key}, not {key}.")


def digest_named(entry: dict[str, Any]) -> bytes | None:
    """The digest in the name of an entry's record; None where it has no record."""
    return bytes.fromhex(entry["record_id"].partition(":")[2]) if entry["record_id"] else None


def demand_named(unnamed: dict[bytes, str]) -> None:
    """No record is left that no entry names."""
    for place in unnamed.values():
        raise Damage(f"{place}: no entry names this record: it was altered or put in.")


def check_numbers(own: list[Head]) -> None:
    """Own checkpoints count from 1 and never shrink."""
    size = 0
    for number, (place, checkpoint) in enumerate(own, start=1):
        if checkpoint["number"] != number or checkpoint["size"] < size:
            raise Damage(f"{place}: expected checkpoint {number} over at least {size} entries: one is missing.")
        size = checkpoint["size"]


# --- The verdict ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What was found to hold."""

    entries: int
    root: str
    checkpoints: int
    key: str | None
    covered: int
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        signed = f"signed by key {self.key}" if self.key else "nothing signed yet"
        return f"verifies: {self.entries} entries, root {self.root}, {self.checkpoints} checkpoints, {signed}"


def verify(folder: Path, outside: Path | None = None, witness: str = "", key: str | None = None,
           certificate: Path | None = None, heard: Heard = lambda _: None) -> Verdict:  # fmt: skip
    """Check a ledger from its first byte to its last; `Damage` says where it fails, `heard` how many entries held."""
    own, seen = (read_heads(folder / name, domain, fields) for name, domain, fields in
                 ((CHECKPOINTS, DOMAIN, CHECKPOINT_FIELDS), (WITNESSES, WITNESS, WITNESS_FIELDS)))  # fmt: skip
    check_numbers(own)
    kept, claims = read_kept(outside) if outside else [], read_certificate(certificate) if certificate else []
    due = sorted(own + kept + claims + seen, key=lambda item: item[1]["size"])
    absent, until = (set(claims[0][1]["absent"]), claims[0][1]["size"]) if claims else (set(), 0)
    present = {bytes.fromhex(name.partition(":")[2]): name for _, claim in claims for name in claim["present"]}
    unnamed = present | read_records(folder / RECORDS)
    tree, signers, held = Frontier(), Signers(), dict[str, int]()  # by file: up to which entry its heads have held
    for place, entry in itertools.chain([("", None)], read_entries(folder)):  # the empty tree may have been signed too
        if entry is not None:
            signers.hear(place, entry)
            tree.append(bytes.fromhex(entry["hash"]))
            if tree.size % HEARD_EVERY == 0:
                heard(tree.size)
            unnamed.pop(digest_named(entry) or b"", None)
            if tree.size <= until and entry["record_id"] in absent:
                raise Damage(f"{place}: it names {entry['record_id']}, which the certificate says is not there.")
        while due and due[0][1]["size"] == tree.size:
            at, head = due.pop(0)
            file = at.partition(",")[0]
            if head["root"] != tree.root().hex():
                first = held.get(file, 0) + 1
                raise Damage(f"{at}: entries {first} to {tree.size} are not those that were signed: rewritten.")
            signers.hold(at, head)
            held[file] = tree.size
    for place, head in due:
        raise Damage(f"{place}: it covers {head['size']} entries, the mirror ends at {tree.size}: cut off.")
    demand_named(unnamed)
    signers.demand(key, max((head["size"] for _, head in kept), default=0))
    by = [head for _, head in seen if witness in ("", head["key"])]
    if witness and not by:
        raise Damage(f"{WITNESSES}: nothing there is co-signed by key {witness}.")
    newest = {head["key"]: head for head in by}.values()
    told = [f"Co-signed up to entry {head['size']} by {head['name']}, key {head['key']}." for head in newest]
    told += [f"Certified, in its signer's words: {json.dumps(claim['claims'])}" for _, claim in claims]
    covered = max((head["size"] for _, head in own + kept), default=0)
    return Verdict(tree.size, tree.root().hex(), len(own), signers.key, covered, (*signers.remarks, *told))


def check_proofs(path: Path, kept: list[Head], key: str | None = None) -> list[dict[str, Any]]:
    """The entries proven to lie in signed trees: in those `kept`, if there are any, or in trees joined to them."""
    known, proven = {(head["size"], head["root"]) for _, head in kept}, []
    for place, line in read_lines(path):
        proof = read_object(place, line, JOIN_FIELDS, INCLUSION_FIELDS)
        named = [canonical(proof[name]) for name in ("earlier", "later", "checkpoint") if name in proof]
        heads = [read_head(place, head, DOMAIN, CHECKPOINT_FIELDS) for head in named]
        first, last = heads[0], heads[-1]
        if key not in (None, last["key"]):
            raise Damage(f"{place}: signed by key {last['key']}, not by {key}.")
        if known and not known & {(head["size"], head["root"]) for head in heads}:
            raise Damage(f"{place}: its checkpoint is not one that you kept, and nothing joins the two.")
        known |= {(head["size"], head["root"]) for head in heads} if known else set()
        root, nodes = from_hex(place, last["root"]), [from_hex(place, node) for node in proof["path"]]
        if "entry" not in proof:
            if not consistency_holds(first["size"], last["size"], from_hex(place, first["root"]), root, nodes):
                raise Damage(f"{place}: the later tree is not shown to begin as the earlier one.")
            continue
        entry = read_object(place, canonical(proof["entry"]), ENTRY_FIELDS)
        leaf = bytes.fromhex(entry_hash(canonical(entry), entry["hash"]))
        if leaf.hex() != entry["hash"] or not inclusion_holds(leaf, entry["seq"] - 1, last["size"], nodes, root):
            raise Damage(f"{place}: entry {entry['seq']} is not shown to lie in the signed tree.")
        proven.append(entry)
    return proven


def named_files(value: Any) -> Iterator[tuple[str, str]]:
    """Name, without its folder, and digest of every file that a record names."""
    if isinstance(value, dict) and {"name", "digest"} <= set(value):
        yield str(value["name"]).rpartition("/")[2], str(value["digest"])
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from named_files(part)


def check_files(folder: Path, records: Path) -> Iterator[str]:
    """Hold each file of an export against what the records beside it name."""
    named = {pair for place, line in read_lines(records) for pair in named_files(read_object(place, line))}
    for path in sorted(one for one in folder.iterdir() if one.is_file()):
        with path.open("rb") as stream:
            digest = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
        if (path.name, digest) not in named and path.name in {name for name, _ in named}:
            raise Damage(f"{path.name}: its bytes are not those that the record names: it was altered or exchanged.")
        yield f"{path.name}: {'as the record names it' if (path.name, digest) in named else 'named by no record here'}"


def find_ledger(folder: Path) -> Path:
    """The folder that a ledger or proofs lie in: a project's, an export's, or the one that was named."""
    inside = [folder / ".selftune" / "ledger", folder / "ledger"]
    if any((folder / name).exists() for name in ("00000001.jsonl", CHECKPOINTS, PROOF)):
        return folder
    return next((one for one in inside if one.is_dir()), inside[0])


def tell(folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """What holds, and what nobody can know from here."""
    proof = options.proof
    if not proof and folder.resolve().parent.name != ".selftune" and not any(folder.glob("[0-9]*.jsonl")):
        proof = folder / PROOF if (folder / PROOF).exists() else None
    if proof:
        proven = check_proofs(proof, read_kept(options.checkpoint) if options.checkpoint else [], options.key)
        if not options.proof:
            named = {digest_named(entry) for entry in proven}
            demand_named({key: place for key, place in read_records(folder / RECORDS).items() if key not in named})
        for entry in proven:
            yield f"verifies: entry {entry['seq']}, {entry['event']} at {entry['at']}: {entry['record_id']}"
        if not options.proof and folder.name == "ledger" and (folder / RECORDS).exists():
            yield from check_files(folder.resolve().parent, folder / RECORDS)
        yield f"{len(proven)} entries are proven to lie in the signed tree; of the others a proof tells nothing."
    else:
        verdict = verify(folder, options.checkpoint, options.witness, options.key, options.certificate, options.heard)
        yield from (str(verdict), *verdict.remarks)
        if verdict.covered < verdict.entries:
            yield f"Entries {verdict.covered + 1} to {verdict.entries} are under no checkpoint yet."
    if options.checkpoint is None:
        yield UNKNOWN


def printable(text: str) -> str:
    """Text that steers no terminal, whoever wrote it."""
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)


def main(arguments: Sequence[str] | None = None, heard: Heard = lambda _: None) -> int:
    """Verify what is named on the command line and print the verdict; `heard` as in `verify`."""
    import argparse  # whoever opens a store reads this file, and no command line

    parser = argparse.ArgumentParser(prog="verify", description="Check a selftune ledger.")
    parser.add_argument("folder", type=Path, help="a project, or what selftune exported")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint that was kept away from this machine")
    parser.add_argument("--witness", metavar="KEY", default="", help="demand a co-signature by this key")
    parser.add_argument("--key", metavar="KEY", help="the machine's key, told to you by another way")
    parser.add_argument("--proof", type=Path, help="check this proof in place of all entries")
    parser.add_argument("--certificate", type=Path, help="check what this certificate claims, too")
    options = parser.parse_args(arguments, argparse.Namespace(heard=heard))
    folder = find_ledger(options.folder)
    for needed in (None if options.proof else folder, options.checkpoint, options.proof, options.certificate):
        if needed is not None and not needed.exists():
            sys.stderr.write(f"{needed} is not there. Name a project folder, and a checkpoint file if you kept one.\n")
            return 2
    try:
        said = list(tell(folder, options))
    except Damage as damage:
        sys.stderr.write(printable(f"does not verify: {damage}\n"))
        return 8
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        sys.stderr.write(printable(f"does not verify: something is not of the form it must have ({error!r}).\n"))
        return 8
    sys.stdout.write(printable("\n".join(said) + "\n"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
