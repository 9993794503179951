"""What an outsider is given of the ledger: proofs, and folders that check themselves with nothing but Python."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import IntegrityError, UnknownNameError, UsageError
from selftune.ledger import verify
from selftune.ledger.mirror import Mirror
from selftune.ledger.proofs import find_entry, inclusion_line, join_line
from selftune.records import encode_record, record_types, sealed_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.ledger.mirror import Checkpoint
    from selftune.loop.project import Project
    from selftune.records import Record

# Of these, nothing that a person or a model said is left once they are sealed; of others, an evaluation's answers are.
WORDLESS: Final = (
    "audit", "base_model", "build", "bundle", "dataset", "decision", "model", "projection", "reading", "release", "run",
    "statement",
)  # fmt: skip
_README: Final = """\
This is the ledger of a selftune project: what happened, entry by entry. Check it with nothing but Python 3.11 or later:

    python verify.py .
    python verify.py . --checkpoint FILE    (FILE: a checkpoint that you were given before, and kept)

The format is told at the top of verify.py, which you can read in ten minutes. Take verify.py from somebody else than
whoever gave you this folder, if you don't trust them: it is the same file in every selftune.
"""


@dataclass(frozen=True, kw_only=True)
class LedgerExport:
    """What an export of the ledger holds; `left_out` are records of other kinds, and those whose words were erased."""

    folder: str
    entries: int
    records: int
    left_out: int
    checkpoint: Checkpoint


def ledger_folder(project: Project) -> Path:
    """Where a project's ledger lies."""
    return project.hidden / "ledger"


@contextmanager
def located() -> Iterator[None]:
    """Turn what `verify.py` finds into an error of ours, place first."""
    try:
        yield
    except verify.Damage as damage:
        raise IntegrityError(
            f"the ledger does not verify: {damage}", next_step="Run `selftune doctor`; keep the files as evidence."
        ) from damage


def prove(project: Project, record_id: str | None, *, since: dict[str, Any] | None = None) -> bytes:
    """Lines of a proof: that the ledger goes on from a checkpoint kept elsewhere, and that it names a record.

    Raises:
        IntegrityError: the ledger does not verify, is shorter than what was kept, or names no such record.
        MissingFileError: the project has no machine key.
    """
    checkpoint = project.store.checkpoint()
    with located():
        entry, leaves = find_entry(ledger_folder(project), record_id or "", checkpoint.size)
    lines = []
    if since is not None:
        if since["size"] > checkpoint.size:
            raise IntegrityError(
                f"the checkpoint that was kept covers {since['size']} entries, the ledger has {checkpoint.size}.",
                next_step="Run `selftune ledger verify --checkpoint FILE`, and ask what became of the rest.",
            )
        lines.append(join_line(since, checkpoint, leaves))
    if record_id is not None:
        if entry is None:
            raise IntegrityError(f"no entry of the ledger names {record_id}.", next_step="Run `selftune doctor`.")
        lines.append(inclusion_line(entry, leaves, checkpoint))
    return b"".join(line + b"\n" for line in lines)


def kept_checkpoint(project: Project, path: Path) -> dict[str, Any]:
    """The newest checkpoint of a file that was kept elsewhere, as a proof must have it: signed by this project.

    Of what was kept on paper, or as a witness's co-signature, this project's own checkpoint of that size and root.

    Raises:
        UsageError: it is none, or this project has signed no such tree.
        IntegrityError: it was altered.
    """
    with located():
        head = newest(_read_any_heads(path))
        own = verify.read_heads(ledger_folder(project) / verify.CHECKPOINTS, verify.DOMAIN, verify.CHECKPOINT_FIELDS)
    signed = [mine for _, mine in own if (mine["size"], mine["root"]) == (head["size"], head["root"])]
    if "number" in head:
        signed.append(head)
    if not signed or head["size"] == 0:
        raise UsageError(
            f"{path} holds no checkpoint over entries of this project.",
            next_step="Use what `selftune ledger checkpoint` or `selftune ledger witness` wrote.",
        )
    return signed[-1]


def newest(heads: Iterable[verify.Head]) -> dict[str, Any]:
    """The tree head over most entries."""
    return max((head for _, head in heads), key=lambda head: int(head["size"]))


def _read_any_heads(path: Path) -> list[verify.Head]:
    """Checkpoints, or what a witness made of one."""
    witnessed = b'"name":' in path.read_bytes()
    return verify.read_heads(path, verify.WITNESS, verify.WITNESS_FIELDS) if witnessed else verify.read_kept(path)


def proof_files(project: Project, record: Record) -> dict[str, bytes]:
    """What goes beside an export and proves that the ledger names its record: content by name, `verify.py` among them.

    Raises:
        IntegrityError: the ledger does not verify.
        MissingFileError: the project has no machine key.
    """
    return {
        verify.PROOF: prove(project, record.id),
        verify.RECORDS: sealed_line(record) + b"\n",
        "verify.py": Path(str(verify.__file__)).read_bytes(),
    }


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Put files into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def sealed_line(record: Record) -> bytes:
    """What a record's id covers: all of it, people's words as salted digests."""
    return sealed_text(encode_record(record)).encode()


def export_ledger(project: Project, folder: Path, *, further: Iterable[str] = ()) -> LedgerExport:
    """Write entries, checkpoints, co-signatures and sealed records into a new folder, with `verify.py`.

    Args:
        project: Whose.
        folder: New or empty.
        further: Kinds of records beside those that hold no words of anybody once they are sealed.

    Raises:
        UsageError: the folder holds something.
        UnknownNameError: there is no such kind of record.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} holds something already.", next_step="Name a new or empty folder.")
    kinds = record_types()
    for kind in further:
        if kind not in kinds:
            raise UnknownNameError("kind of record", kind, filter(None, kinds))
    checkpoint = project.store.checkpoint()
    folder.mkdir(parents=True, exist_ok=True)
    source = ledger_folder(project)
    with Mirror(source).locked():
        for path in sorted(source.glob("*.jsonl")):
            shutil.copyfile(path, folder / path.name)
    written, left_out = _write_records(project, folder / verify.RECORDS, {*WORDLESS, *further})
    shutil.copyfile(str(verify.__file__), folder / "verify.py")
    (folder / "README.txt").write_text(_README, encoding="utf-8")
    with located():
        verdict = verify.verify(folder, key=checkpoint.key)
    return LedgerExport(
        folder=str(folder), entries=verdict.entries, records=written, left_out=left_out, checkpoint=checkpoint
    )


def _write_records(project: Project, path: Path, kinds: set[str]) -> tuple[int, int]:
    """How many were written, and how many were not."""
    written = left_out = 0
    with path.open("wb") as stream:
        for kind, cls in sorted(record_types().items()):
            left_out += project.store.count(cls) if kind else 0
            for _, record in project.store.each(cls) if kind in kinds else ():
                line = sealed_line(record)
                # A record of an older version is named by its own text, which reads as another one today.
                if f"{kind}:{hashlib.sha256(line).hexdigest()}" == record.id:
                    stream.write(line + b"\n")
                    written += 1
    return written, left_out - written
