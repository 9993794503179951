"""What `selftune ledger` does: checkpoints carried away and co-signed, and machine keys that follow one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.app.ledger_files import ledger_folder, located
from selftune.errors import MissingFileError, UsageError
from selftune.failpoints import reach
from selftune.ledger import keys, verify
from selftune.ledger.mirror import Checkpoint, Mirror
from selftune.ledger.proofs import succession_detail, witness_line
from selftune.store.store import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.ledger.proofs import Signer
    from selftune.loop.project import Project

REASONS: Final = ("replaced", "lost", "stolen")


@dataclass(frozen=True, kw_only=True)
class Succession:
    """Which key signs now, since which entry, and who vouches for it; `vouched_by` is empty where nobody does."""

    key: str
    entry: int
    vouched_by: str
    checkpoint: Checkpoint


def on_paper(checkpoint: Checkpoint) -> str:
    """A checkpoint as three lines that a person can copy out and type in again."""
    return f"size {checkpoint.size}\nroot {checkpoint.root}\nkey {checkpoint.key}\n"


def co_sign(path: Path, key: Signer, name: str) -> bytes:
    """The newest checkpoint of a file, signed by another key than its own.

    Raises:
        IntegrityError: the checkpoint was altered.
        UsageError: it is by the same key.
    """
    with located():
        head = max((head for _, head in verify.read_kept(path)), key=lambda head: int(head["size"]))
    if head["key"] == key.public:
        raise UsageError(
            "a key can't be the witness of what it signed itself.",
            next_step="Sign on another machine, or with a person's key: `--key NAME`.",
        )
    return witness_line(head, key, name=name, at=utc_now()) + b"\n"


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


def place_of(project: Project, since: str) -> int:
    """The entry that a number or a date names: of a date the first entry that bears it or a later one.

    Raises:
        UsageError: there is no such entry.
    """
    last = project.store.last_entry()
    if since.isdecimal() and 0 < int(since) <= last:
        return int(since)
    found = None if since.isdecimal() else next((one.seq for one in project.store.history() if one.at >= since), None)
    if found is None:
        raise UsageError(
            f"no entry of the ledger is of {since} or later.", next_step=f"Name an entry from 1 to {last}, or a date."
        )
    return found


def succeed(project: Project, because: str, *, since: str = "", witness: Signer | None = None) -> Succession:
    """Put a new machine key in force, by an entry that the old key or a witness has signed.

    Each step can be repeated: what a crash cut off is ended by the next call.

    Raises:
        UsageError: no such reason, a key called lost that is there, or a date that no entry bears.
        MissingFileError: nothing tells which key was in force.
    """
    if because not in REASONS:
        raise UsageError(f"{because!r} is no reason.", next_step=f"Say one of: {', '.join(REASONS)}.")
    folder = project.hidden / "keys"
    done = _begun(project, folder)
    if done is None:
        (folder / keys.NEXT).unlink(missing_ok=True)
        before, old, checkpoint = _what_was(project, folder, because)
        place = place_of(project, since) if since else None
        following = keys.prepare_next(folder)
        reach("key-prepared")
        by = witness or old
        detail = succession_detail(checkpoint, old=before, new=following.public, because=because, since=place, by=by)
        project.store.note(verify.SUCCEEDED, detail)
        reach("succession-noted")
        done = detail
    entry = max(one.seq for one in project.store.history() if one.event == verify.SUCCEEDED)
    keys.take_over(folder, keys.prepare_next(folder))
    return Succession(key=done["new"], entry=entry, vouched_by=done["by"], checkpoint=project.store.checkpoint())


def _begun(project: Project, folder: Path) -> dict[str, str] | None:
    """The succession that is in the ledger and not yet in force."""
    if not (folder / keys.NEXT).exists():
        return None
    noted = [detail for _, detail in project.store.noted(verify.SUCCEEDED)]
    return noted[-1] if noted and noted[-1]["new"] == keys.prepare_next(folder).public else None


def _what_was(project: Project, folder: Path, because: str) -> tuple[str, Signer | None, Checkpoint]:
    """The key before, itself where it is there, and the last tree head that it signed."""
    if because != "lost":
        old = keys.load_machine_key(folder)
        return old.public, old, project.store.checkpoint()
    if (folder / keys.PRIVATE).exists():
        raise UsageError(
            f"{folder / keys.PRIVATE} is there.",
            next_step="Say `replaced` or `stolen`; or restore machine.pub beside it.",
        )
    with located():
        heads = verify.read_heads(ledger_folder(project) / verify.CHECKPOINTS, verify.DOMAIN, verify.CHECKPOINT_FIELDS)
    if heads:
        last = Checkpoint(**heads[-1][1])
        return last.key, None, last
    for public in keys.read_public(folder)[:1]:
        return (
            public,
            None,
            Checkpoint(number=0, size=0, root=verify.Frontier().root().hex(), at="", key="", signature=""),
        )
    raise MissingFileError(
        "neither machine.pub nor a checkpoint tells which key was in force.",
        next_step="Restore .selftune/keys from a backup of the project.",
    )


def describe_succession(done: Succession) -> Iterator[str]:
    """What it means, and what to do now."""
    yield f"Since entry {done.entry} key {done.key} signs. What the keys before signed in this project still counts."
    if done.vouched_by:
        yield f"Key {done.vouched_by} vouches for it in the ledger itself."
    else:
        yield (
            "No key vouches for it: whoever kept a checkpoint must be told the new key by another way, and verify with"
            " --key; whoever held this machine in between could have written what came after their checkpoint."
        )
    yield "Carry a checkpoint away: `selftune ledger checkpoint --out FILE`."
