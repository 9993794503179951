"""The end of a model as a Statement, and what a full one says: who, why, last scores, the way back, and its term (E14).

The text says why. The category is what became of the model, the evidence its last scores by reference, a Fact the files
that it can be brought back from, and `expires_at` until when they are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.errors import DamagedFileError, UsageError
from selftune.governance.statements import say
from selftune.interactions.door import redact_words
from selftune.interactions.reading.times import as_utc
from selftune.records import Fact, StatementKind, digest_file, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.context import Blobs, Context
    from selftune.interactions.config import Capture
    from selftune.records import Model, Statement

RESTORE: Final = "restore"
WHY: Final = "why"
DISPOSITION: Final = "what became of it"
SCORES: Final = "last scores by reference"
WAY_BACK: Final = "a restore path that exists"
TERM: Final = "term"
_DIGEST: Final = "sha256:"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What is said of a model's end.

    Attributes:
        why: Verbatim.
        disposition: What became of it, in a word or two: archived, deleted, replaced.
        scores: Ids of records that hold its last scores.
        restore: Where it can be brought back from: a blob's digest, a file, or a folder.
        until: Until when that is kept; a date or time.
    """

    why: str = ""
    disposition: str = ""
    scores: tuple[str, ...] = ()
    restore: str = ""
    until: str = ""


def retire(
    model: Model,
    ending: Ending,
    *,
    author: str,
    context: Context,
    door: Capture,
    folder: Path,
    known: Callable[[str], bool],
) -> Statement:
    """A full retirement record, unsigned.

    Args:
        model: What is retired.
        ending: What is said.
        author: Who says so.
        context: Its blobs are where a digest is looked for.
        door: What takes secrets out of the words.
        folder: Where relative paths begin.
        known: Whether a record of this id is kept.

    Raises:
        UsageError: a part is missing, or does not exist; it names every one.
    """
    fact = restore_fact(ending.restore, context.blobs, folder)
    statement = _statement(model, ending, fact, author=author, context=context, door=door)
    lacking = tuple(missing_parts(statement, known))
    if lacking:
        raise UsageError(
            f"this retirement of {model.name!r} is abbreviated: it lacks {', '.join(lacking)}.",
            next_step="Give --because, --disposition, --scores ID, --restore PATH and --until DATE.",
        )
    return statement


def retire_as_told(
    model: Model, ending: Ending, *, author: str, context: Context, door: Capture, folder: Path
) -> Statement:
    """What an import tells of a model's end, however little: `missing_parts` says what it lacks."""
    fact = restore_fact(ending.restore, context.blobs, folder)
    return _statement(model, ending, fact, author=author, context=context, door=door)


def _statement(
    model: Model, ending: Ending, fact: Fact | None, *, author: str, context: Context, door: Capture
) -> Statement:
    # An index that gives no reason is kept without one: none is made up for it.
    reason = ending.why if ending.why.strip() else "none"
    said = say(StatementKind.RETIREMENT, model.id, author, reason, context, door)
    return replace(
        said,
        text=said.text if ending.why.strip() else "",
        category=redact_words(ending.disposition.strip(), door),
        evidence=ending.scores,
        facts=() if fact is None else (fact,),
        expires_at=as_utc(ending.until) if ending.until else None,
    )


def missing_parts(retirement: Statement, known: Callable[[str], bool]) -> Iterator[str]:
    """What a retirement lacks to be a full one, each by name; an end whose term is over is no gap."""
    if not retirement.text.strip():
        yield WHY
    if not retirement.category:
        yield DISPOSITION
    if not retirement.evidence or not all(map(known, retirement.evidence)):
        yield SCORES
    if not any(fact.query == RESTORE and fact.n for fact in retirement.facts):
        yield WAY_BACK
    if retirement.expires_at is None:
        yield TERM


def restore_fact(path: str, blobs: Blobs, folder: Path) -> Fact | None:
    """What lies where a model can be brought back from; None where nothing was named, n 0 where nothing lies there."""
    if not path.strip():
        return None
    found = sorted(_files(path, blobs, folder))
    return Fact(
        query=RESTORE,
        arguments=(("path", path),),
        value=_told(found),
        n=len(found),
        read_digest=digest_of([digest_file(file) for file in found]),
    )


def lies_there(fact: Fact, blobs: Blobs, folder: Path) -> bool:
    """Whether as many files of as many bytes lie there still; their content is not read."""
    found = list(_files(dict(fact.arguments)["path"], blobs, folder))
    return bool(found) and _told(found) == fact.value


def stands_as_told(fact: Fact, blobs: Blobs, folder: Path) -> bool:
    """Whether just the same files, to the byte, still lie where a model can be brought back from."""
    again = restore_fact(dict(fact.arguments)["path"], blobs, folder)
    return again is not None and again == fact and bool(fact.n)


def _told(files: Sequence[Path]) -> str:
    return f"{len(files)} files, {sum(file.stat().st_size for file in files)} bytes" if files else "nothing lies there"


def _files(path: str, blobs: Blobs, folder: Path) -> Iterator[Path]:
    if path.startswith(_DIGEST):
        try:
            yield blobs.path(path)
        except DamagedFileError:
            return
        return
    place = folder / Path(path).expanduser()
    if place.is_file():
        yield place
    elif place.is_dir():
        yield from (file for file in place.rglob("*") if file.is_file())
