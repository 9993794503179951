"""What somebody is writing, kept while they write: a sentence that breaks off is on record up to there.

Each draft is two files in `.selftune/drafts`: what it will be said of, and its words, written through to the disk with
every key. Who writes holds a lock that ends with the process. What is found without one was broken off, by Ctrl-C, by a
kill or by a power cut, and becomes a statement that says that it is unfinished.
"""

from __future__ import annotations

import codecs
import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout

from selftune.errors import BudgetError, LockedError, UsageError
from selftune.governance.statements import say
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.loop.opened import DRAFTS
from selftune.platforms import sync_folder
from selftune.records import Gravity, Statement, StatementKind
from selftune.settings import from_mapping

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from selftune.loop.opened import Project

_ABOUT: Final = ".json"
_WORDS: Final = ".txt"
_LOCK: Final = ".lock"


@dataclass(frozen=True, kw_only=True)
class About:
    """What the words of a draft will be: a kind of statement, about what, by whom."""

    kind: StatementKind
    subject: str
    author: str
    gravity: Gravity | None = None
    topic: str = ""
    category: str = ""


class Draft:
    """Words that are being written, on the disk as soon as they are added; a context manager.

    Attributes:
        name: 32 hex digits; the salt of the statement that it becomes, so that it becomes one only once.
        path: The file with the words, for an editor.
    """

    def __init__(self, folder: Path, name: str, about: About) -> None:
        self.name = name
        self._about = about
        self._folder = folder
        self.path = folder / f"{name}{_WORDS}"
        self._lock = FileLock(folder / f"{name}{_LOCK}")

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        self._lock.acquire(timeout=0)
        # Words first: a draft without them is nothing, and one without its header could not be told whose it is.
        self.path.touch(mode=0o600)
        header = self._folder / f"{self.name}{_ABOUT}"
        _write_through(header, json.dumps(asdict(self._about), ensure_ascii=False).encode())
        sync_folder(self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def add(self, words: str) -> None:
        """Append words; they are on the disk when this returns."""
        with self.path.open("ab") as stream:
            stream.write(words.encode("utf-8", "surrogatepass"))
            stream.flush()
            os.fsync(stream.fileno())

    def erase_last(self) -> str:
        """Take the last letter away; returns it, or nothing where there is none."""
        words = self.text
        if words:
            with self.path.open("r+b") as stream:
                stream.truncate(len(words[:-1].encode()))
                os.fsync(stream.fileno())
        return words[-1:]

    @property
    def text(self) -> str:
        """All words so far."""
        return _read_words(self.path)

    def discard(self) -> None:
        """Remove it: its words are on record, or there are none."""
        _remove(self._folder, self.name)


def open_draft(project: Project, about: About) -> Draft:
    """A new draft in this project."""
    return Draft(project.hidden / DRAFTS, project.context().draw_salt(), about)


def keep_broken_off(project: Project) -> tuple[Statement, ...]:
    """Put on record what broke off, word for word up to the break; what is being written now is left alone.

    Where nothing can be written now, the drafts stay for the next command.
    """
    folder = project.hidden / DRAFTS
    names = sorted(path.stem for path in folder.glob(f"*{_WORDS}")) if folder.is_dir() else []
    kept = list[Statement]()
    for name in names:
        try:
            with FileLock(folder / f"{name}{_LOCK}", timeout=0):
                said = _keep(project, folder, name)
        except (Timeout, BudgetError, LockedError, OSError):
            continue
        if said is not None:
            kept.append(said)
    return tuple(kept)


def _keep(project: Project, folder: Path, name: str) -> Statement | None:
    """The draft as an unfinished statement; None where it is empty, or was said in full before its file was removed."""
    words, about = _read_words(folder / f"{name}{_WORDS}"), _read_about(folder / f"{name}{_ABOUT}")
    said = None
    if words.strip() and all(one.salt != name for _, one in project.store.each(Statement)):
        # A header that was cut off: the words stay, about the project, by nobody who can be named.
        about = about or About(kind=StatementKind.ANNOTATION, subject="project", author="unknown")
        moment = datetime.fromtimestamp((folder / f"{name}{_WORDS}").stat().st_mtime, UTC)
        plain = say(about.kind, about.subject, about.author, words, project.context(), door_of(project))
        unfinished = replace(
            plain,
            salt=name,
            said_at=moment.isoformat(timespec="seconds"),
            gravity=about.gravity,
            topic=about.topic,
            category=about.category,
            unfinished=True,
        )
        said = put_on_record(project, unfinished, event="broke off")
    _remove(folder, name)
    return said


def _read_words(path: Path) -> str:
    """The words; a letter of which only a part was written goes, and what is no UTF-8 is shown as its bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    return decoder.decode(path.read_bytes())


def _read_about(path: Path) -> About | None:
    try:
        held = json.loads(path.read_bytes())
        return from_mapping(About, {key: value for key, value in held.items() if value is not None}, where="a draft")
    except (OSError, ValueError, AttributeError, UsageError):
        return None


def _remove(folder: Path, name: str) -> None:
    # The words last: without them the rest is nothing.
    for ending in (_WORDS, _ABOUT, _LOCK):
        (folder / f"{name}{ending}").unlink(missing_ok=True)


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
