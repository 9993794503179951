"""Checkpoints carried away, and co-signed by others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from selftune.app.ledger_files import ledger_folder, located, newest
from selftune.errors import IntegrityError, UsageError
from selftune.ledger import keys, verify
from selftune.ledger.mirror import Mirror
from selftune.ledger.proofs import witness_line
from selftune.store.store import utc_now

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.ledger.mirror import Checkpoint
    from selftune.ledger.proofs import Signer
    from selftune.loop.project import Project


def on_paper(checkpoint: Checkpoint) -> str:
    """A checkpoint as three lines that a person can copy out and type in again."""
    return f"size {checkpoint.size}\nroot {checkpoint.root}\nkey {checkpoint.key}\n"


def co_sign(path: Path, key: Signer, name: str, memory: Path) -> bytes:
    """The newest checkpoint of a file, signed by another key than its own; it is remembered.

    Of a ledger that was seen before, only what is proven to go on from there is signed: else two pasts of one ledger
    could both be witnessed.

    Args:
        path: A checkpoint, or a proof that joins it to one that was seen before.
        key: The witness's.
        name: Who the witness is.
        memory: The folder that holds what was signed here, by ledger.

    Raises:
        IntegrityError: the checkpoint was altered, or is of another past than the one seen before.
        UsageError: it is by the same key, or nothing shows that it goes on from what was seen before.
    """
    with located():
        proof = b'"later":' in path.read_bytes()
        head = _last_of_proof(path) if proof else newest(verify.read_kept(path))
        before = memory / f"{head['key']}.jsonl"
        seen = verify.read_heads(before, verify.WITNESS, verify.WITNESS_FIELDS)
    if head["key"] == key.public:
        raise UsageError(
            "a key can't be the witness of what it signed itself.",
            next_step="Sign on another machine, or with a person's key: `--key NAME`.",
        )
    if seen:
        _refuse_another_past(head, newest(seen), path if proof else None)
    line = witness_line(head, key, name=name, at=utc_now()) + b"\n"
    memory.mkdir(parents=True, exist_ok=True)
    with before.open("ab") as stream:
        stream.write(line)
    return line


def _last_of_proof(path: Path) -> dict[str, Any]:
    """The checkpoint that a proof ends at, all of its lines checked."""
    verify.check_proofs(path, [])
    later = (json.loads(line).get("later") for line in path.read_bytes().splitlines())
    return max(filter(None, later), key=lambda head: int(head["size"]))


def _refuse_another_past(head: dict[str, Any], seen: dict[str, Any], proof: Path | None) -> None:
    if (head["size"], head["root"]) == (seen["size"], seen["root"]):
        return
    if head["size"] == seen["size"]:
        raise IntegrityError(
            f"another past of this ledger was witnessed here: other entries up to {seen['size']}, at {seen['at']}.",
            next_step="Keep both files: one key has signed two histories.",
        )
    if proof is None:
        raise UsageError(
            f"the first {seen['size']} entries of this ledger were witnessed here before, and nothing joins the two.",
            next_step="Have `selftune ledger prove --since SEEN --out FILE` run there, SEEN being the co-signature of"
            " then, and sign that file.",
        )
    with located():
        verify.check_proofs(proof, [("", seen)])


def keep_witness(project: Project, path: Path) -> tuple[dict[str, Any], ...]:
    """Keep what witnesses have co-signed beside the ledger, and name their keys in it.

    A witness that is named, under a checkpoint of the machine key, can vouch for another machine key later on.

    Raises:
        IntegrityError: a signature does not hold, or the witness has seen other entries than ours.
        UsageError: the file holds no co-signature, or one by the machine's own key.
    """
    folder, own = ledger_folder(project), keys.load_machine_key(project.hidden / "keys")
    with located():
        heads = [head for _, head in verify.read_heads(path, verify.WITNESS, verify.WITNESS_FIELDS)]
        _hold_against(folder, heads)
    if not heads or any(head["key"] in own.trusted for head in heads):
        raise UsageError(
            f"{path} holds no co-signature by another key.", next_step="Make one with `selftune ledger witness FILE`."
        )
    named = {detail["key"] for _, detail in project.store.noted(verify.NAMED)}
    there = (folder / verify.WITNESSES).read_bytes().splitlines() if (folder / verify.WITNESSES).exists() else []
    for head in heads:
        line = verify.canonical(head)
        if line not in there:
            with Mirror(folder).locked():
                Mirror(folder).add_witness(line)
        if head["key"] not in named:
            named.add(head["key"])
            project.store.note(verify.NAMED, {"key": head["key"]})
    project.store.checkpoint()
    return tuple(heads)


def _hold_against(folder: Path, heads: list[dict[str, Any]]) -> None:
    """Every head is of our own tree; `Damage` otherwise."""
    due, tree = sorted(heads, key=lambda head: int(head["size"])), verify.Frontier()
    entries = verify.read_entries(folder)
    for head in due:
        while tree.size < head["size"] and (following := next(entries, None)):
            tree.append(bytes.fromhex(following[1]["hash"]))
        if tree.size != head["size"] or tree.root().hex() != head["root"]:
            raise verify.Damage(f"the first {head['size']} entries here are not those that {head['name']} has seen.")
