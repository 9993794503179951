"""Another machine key takes over: by an entry of the ledger that the key before, or a witness, has signed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.ledger_files import ledger_folder, located
from selftune.errors import MissingFileError, UsageError
from selftune.failpoints import reach
from selftune.ledger import keys, verify
from selftune.ledger.mirror import Checkpoint
from selftune.ledger.proofs import succession_detail, vouch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.ledger.proofs import Signer
    from selftune.loop.project import Project

REASONS: Final = ("replaced", "lost", "stolen")
_NOTHING: Final = Checkpoint(number=0, size=0, root=verify.Frontier().root().hex(), at="", key="", signature="")


@dataclass(frozen=True, kw_only=True)
class Succession:
    """Which key signs now, since which entry, and who vouches for it; `vouched_by` is empty where nobody does."""

    key: str
    entry: int
    vouched_by: str
    checkpoint: Checkpoint


def succeed(project: Project, because: str, *, since: str = "", witness: Signer | None = None) -> Succession:
    """Put a new machine key in force; the old key vouches for it where it is there, else the witness, or nobody.

    Each step can be repeated: what a crash cut off is ended by the next call.

    Raises:
        UsageError: no such reason, a key called lost that is there, a date that no entry bears, or a witness whose
            word would not count.
        MissingFileError: nothing tells which key was in force.
    """
    begun = _begun(project)
    if begun is not None:
        return _end(project, begun)
    detail, old = _begin(project, because, since)
    by = witness or old
    return _note(project, vouch(detail, by) if by else detail)


def ask_for(project: Project, because: str, *, since: str = "") -> bytes:
    """Prepare a new machine key, and the line that a witness elsewhere is asked to sign; until it is, nothing signs.

    Raises:
        UsageError: as `succeed`.
        MissingFileError: as `succeed`.
    """
    return verify.canonical(_begin(project, because, since)[0]) + b"\n"


def vouch_for(path: Path, witness: Signer) -> tuple[bytes, dict[str, str]]:
    """What `ask_for` wrote, signed by a witness; and what it says.

    Raises:
        UsageError: the file is no such line.
    """
    detail = _read_request(path)
    return verify.canonical(vouch(detail, witness)) + b"\n", detail


def succeed_as_vouched(project: Project, path: Path) -> Succession:
    """Put the prepared key in force that a witness elsewhere has vouched for.

    Raises:
        UsageError: no key was prepared, it is about another one, or the witness's word would not count.
    """
    begun, detail = _begun(project), _read_request(path)
    if begun is not None:
        return _end(project, begun)
    folder = project.hidden / "keys"
    if not (folder / keys.NEXT).exists() or detail["new"] != keys.prepare_next(folder).public:
        raise UsageError(
            f"{path} is not about the key that was prepared here.",
            next_step="Run `selftune ledger succeed` with --ask again, and have that file signed.",
        )
    return _note(project, detail)


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


def _begin(project: Project, because: str, since: str) -> tuple[dict[str, str], Signer | None]:
    """The change as nobody has signed it yet, and the old key where it is there; a key that was prepared is dropped."""
    if because not in REASONS:
        raise UsageError(f"{because!r} is no reason.", next_step=f"Say one of: {', '.join(REASONS)}.")
    folder = project.hidden / "keys"
    if _begun(project) is None:
        (folder / keys.NEXT).unlink(missing_ok=True)
    place = place_of(project, since) if since else None
    before, old, checkpoint = _what_was(project, because)
    following = keys.prepare_next(folder)
    reach("key-prepared")
    return succession_detail(checkpoint, old=before, new=following.public, because=because, since=place), old


def _note(project: Project, detail: dict[str, str]) -> Succession:
    """Enter the change, which must hold: an entry that does not verify could never be taken back."""
    signers = _signers(ledger_folder(project))
    try:
        signers.hear("the change", {"event": verify.SUCCEEDED, "seq": 0, "detail": detail})
    except verify.Damage as damage:
        raise UsageError(
            f"{damage}", next_step="Let the old key sign it, or a witness whose key `selftune ledger keep` has named."
        ) from damage
    project.store.note(verify.SUCCEEDED, detail)
    reach("succession-noted")
    return _end(project, detail)


def _end(project: Project, detail: dict[str, str]) -> Succession:
    """Put the key in force whose change is in the ledger."""
    folder = project.hidden / "keys"
    entry = max(one.seq for one in project.store.history() if one.event == verify.SUCCEEDED)
    keys.take_over(folder, keys.prepare_next(folder))
    return Succession(key=detail["new"], entry=entry, vouched_by=detail["by"], checkpoint=project.store.checkpoint())


def _begun(project: Project) -> dict[str, str] | None:
    """The change that is in the ledger and not yet in force."""
    folder = project.hidden / "keys"
    if not (folder / keys.NEXT).exists():
        return None
    noted = [detail for _, detail in project.store.noted(verify.SUCCEEDED)]
    return noted[-1] if noted and noted[-1]["new"] == keys.prepare_next(folder).public else None


def _what_was(project: Project, because: str) -> tuple[str, Signer | None, Checkpoint]:
    """The key before, itself where it is there, and a tree head that the ledger has held."""
    folder = project.hidden / "keys"
    if because != "lost":
        old = keys.load_machine_key(folder)
        return old.public, old, project.store.checkpoint()
    if (folder / keys.PRIVATE).exists():
        raise UsageError(
            f"{folder / keys.PRIVATE} is there.",
            next_step="Say `replaced` or `stolen`; or restore machine.pub beside it.",
        )
    with located():
        path = ledger_folder(project) / verify.CHECKPOINTS
        heads = verify.read_heads(path, verify.DOMAIN, verify.CHECKPOINT_FIELDS)
    known = _signers(ledger_folder(project)).key or next(iter(keys.read_public(folder)), None)
    if known is None:
        raise MissingFileError(
            "neither machine.pub nor a checkpoint tells which key was in force.",
            next_step="Restore .selftune/keys from a backup of the project.",
        )
    return known, None, Checkpoint(**heads[-1][1]) if heads else _NOTHING


def _signers(folder: Path) -> verify.Signers:
    """Whose signature counts at the end of a ledger, as whoever verifies it will find.

    Raises:
        IntegrityError: it does not verify.
    """
    signers, tree = verify.Signers(), verify.Frontier()
    with located():
        due = verify.read_heads(folder / verify.CHECKPOINTS, verify.DOMAIN, verify.CHECKPOINT_FIELDS)
        for place, entry in itertools.chain([("", None)], verify.read_entries(folder)):
            if entry is not None:
                signers.hear(place, entry)
                tree.append(bytes.fromhex(entry["hash"]))
            while due and due[0][1]["size"] == tree.size:
                signers.hold(*due.pop(0))
    return signers


def _read_request(path: Path) -> dict[str, str]:
    try:
        detail = verify.read_object(path.name, path.read_bytes().strip(), verify.SUCCESSION_FIELDS)
    except (verify.Damage, FileNotFoundError) as error:
        raise UsageError(
            f"{path} asks for no change of key.", next_step="Make it with `selftune ledger succeed lost --ask FILE`."
        ) from error
    return {name: str(value) for name, value in detail.items()}
