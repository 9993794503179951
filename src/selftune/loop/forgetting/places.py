"""The files of a project, beside its store, in which words may stand: made anew without them, or named."""

from __future__ import annotations

import json
import shutil
from itertools import chain
from typing import TYPE_CHECKING, Final

from selftune.curation.render import GOLDEN_FILE, golden_line
from selftune.loop.databases import dialogue_database
from selftune.loop.incoming.taking_back import forget_in_suites
from selftune.loop.leavings import STAGING
from selftune.loop.unfinished import Room, open_unfinished
from selftune.records import Build, Dataset, Run, not_erased

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from selftune.loop.forgetting.finding import Words
    from selftune.loop.opened import Project

# What the next command makes again from what is left.
_MADE_AGAIN: Final = ("notes", "index")
# What may go where it quotes. Models may hold a sentence in their template, and drafts are somebody else's: not these.
_MAY_GO: Final = frozenset({"blobs", "logs", "staging", "work"})
# What is looked after elsewhere, or holds no text.
_NOT_SEARCHED: Final = frozenset({*_MAY_GO, *_MADE_AGAIN, "keys", "ledger", "models"})
_STORE: Final = "store.db"


def clear_files(project: Project, words: Words) -> None:
    """Take the words out of what selftune itself has written beside its store; done twice, it does no more."""
    _clear_golden(project, words.origins)
    for name in words.origins:
        (project.hidden / STAGING / f"{name.replace(':', '-')}.json").unlink(missing_ok=True)
    forget_in_suites(project.folder, words.origins)
    for name in _MADE_AGAIN:
        shutil.rmtree(project.hidden / name, ignore_errors=True)
    patterns = tuple(_written(words.texts))
    for path in _own_files(project):
        if _holds(path, patterns):
            path.unlink()


def files_that_quote(project: Project, texts: Collection[str]) -> tuple[Path, ...]:
    """Files in the project's folder in which one of these texts still stands, and which are not ours to delete."""
    patterns = tuple(_written(texts))
    others = (path for path in project.folder.rglob("*") if path.is_file() and not _is_ours(project, path))
    return tuple(sorted(path for path in others if _holds(path, patterns)))


def dialogues_that_quote(project: Project, texts: Collection[str]) -> Iterator[str]:
    """Names of dialogues in a database that are not over and in which one of these texts stands.

    Raises:
        LockedError: one is being held just now.
        DatabaseAwayError: the database does not answer.
    """
    if dialogue_database(project.config) is None:
        return
    patterns = tuple(_written(texts))
    for room in Room:
        with open_unfinished(project, room) as checkpoints:
            for one in checkpoints.unfinished():
                said = "\n".join((one.body, *checkpoints.kept(one.thread))).encode("utf-8", "surrogatepass")
                if any(pattern in said for pattern in patterns):
                    yield one.thread


def unswept_dialogues(project: Project) -> bool:
    """Whether words of dialogues that are over are still in the tables of a database, since somebody keeps them there.

    Raises:
        LockedError: one is being held just now.
        DatabaseAwayError: the database does not answer.
    """
    if dialogue_database(project.config) is None:
        return False
    found = False
    for room in Room:
        with open_unfinished(project, room) as checkpoints:
            found |= checkpoints.unswept
    return found


def _is_ours(project: Project, path: Path) -> bool:
    """Whether it is the store, or looked after as such."""
    golden = path == project.folder / "data" / GOLDEN_FILE
    if project.hidden not in path.parents:
        return golden
    first = path.relative_to(project.hidden).parts[0]
    # Beside a database an old file is nobody's store any more, and nothing takes words out of it.
    return first in _NOT_SEARCHED or (first.startswith(_STORE) and project.store.is_file)


def _clear_golden(project: Project, origins: Collection[str]) -> None:
    """Publish the golden file without the lessons that go; a line that somebody else said as well stays."""
    path = project.folder / "data" / GOLDEN_FILE
    if not path.exists():
        return
    theirs, others = set[str](), set[str]()
    for _, dataset in project.store.each(Dataset):
        for example in not_erased(dataset.train):
            (theirs if example.interaction_id in origins else others).add(golden_line(example))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.rstrip("\r\n") not in theirs - others]
    if kept != lines:
        draft = path.with_suffix(".jsonl.draft")
        draft.write_text("".join(kept), encoding="utf-8", newline="\n")
        draft.replace(path)


def _own_files(project: Project) -> Iterator[Path]:
    """What may go of the hidden folder where it quotes; weights are left out, in which no text of people stands."""
    weights = set(_weights(project))
    for path in project.hidden.rglob("*"):
        inside = path.relative_to(project.hidden)
        if path.is_file() and inside.parts[0] in _MAY_GO and path not in weights:
            yield path


def _weights(project: Project) -> Iterator[Path]:
    trained = ((*run.adapter, *run.state) for _, run in project.store.each(Run))
    built = (build.files for _, build in project.store.each(Build))
    yield from (project.blobs.place_of(file.digest) for files in chain(trained, built) for file in files)


def _written(texts: Iterable[str]) -> Iterator[bytes]:
    """Each text as it is written, and as JSON escapes it."""
    for text in texts:
        forms = (text, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1])
        yield from (form.encode("utf-8", "surrogatepass") for form in dict.fromkeys(forms))


def _holds(path: Path, patterns: Collection[bytes]) -> bool:
    try:
        data = path.read_bytes()
    except OSError:
        # It went while we looked; or it can't be read by us, and was not written by us.
        return False
    return any(pattern in data for pattern in patterns)
