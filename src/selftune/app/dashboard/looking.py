"""The last look at what would be learnt; of a long log it is taken by a process of its own, and nobody waits for it.

To look is to curate without keeping anything, which takes minutes with a hundred thousand interactions. What that
process finds comes back through a pipe: words lie in the store and nowhere else on the disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.app.dashboard.errands import Errand
from selftune.app.tonight import Tonight, as_taken_out, look_at_tonight, rules_of_tonight
from selftune.errors import SelftuneError
from selftune.records import canonical_json

if TYPE_CHECKING:
    from selftune.app.dashboard.errands import Errands
    from selftune.loop.config import ProjectConfig
    from selftune.loop.project import Project

ABOUT: Final = "tonight"
"""What the errand is about that looks."""
AT_ONCE: Final = 500
"""Records that are looked through while the page waits; with more of them it does not wait."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is known of tonight by now.

    Attributes:
        seen: None where nobody has looked yet, or what was seen may not be shown any more.
        is_behind: Whether something has come in since.
    """

    seen: Tonight | None
    is_behind: bool


@dataclass(frozen=True, kw_only=True)
class _State:
    """What a look holds for; it is taken anew once one of these is another."""

    folder: Path
    entry: int
    config: ProjectConfig
    rules: str

    @classmethod
    def of(cls, project: Project) -> _State:
        return cls(
            folder=project.folder,
            entry=project.store.last_entry(),
            config=project.config,
            rules=rules_of_tonight(project),
        )

    def has_rules_of(self, other: _State) -> bool:
        return (self.folder, self.config, self.rules) == (other.folder, other.config, other.rules)


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What the other process says: what it saw, or why it saw nothing and what to do."""

    seen: Tonight | None = None
    problem: str = ""
    next_step: str = ""


class Looking:
    """The last look, and the one that is under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: _State | None = None
        self._seen: Tonight | None = None
        self._failed: _State | None = None

    def at(self, project: Project, errands: Errands) -> Look:
        """What is known now; a look is begun where something came in since the last one, or the rules are others.

        A look of before is shown meanwhile, without what was taken out since, as long as it was taken by the rules of
        today and nothing was erased since: what was forgotten is not shown again.
        """
        with self._lock:
            now = _State.of(project)
            if now == self._at:
                return Look(seen=self._seen, is_behind=False)
            if project.store.last_sequence() <= AT_ONCE:
                self._seen, self._at = look_at_tonight(project), now
                return Look(seen=self._seen, is_behind=False)
            if now == self._failed:
                # This page tells why not; the next one tries again.
                self._failed = None
            else:
                self._begin(errands, now)
            if self._seen is None or self._at is None or not now.has_rules_of(self._at):
                return Look(seen=None, is_behind=True)
            if project.store.erased_since(self._at.entry):
                self._seen = self._at = None
                return Look(seen=None, is_behind=True)
            return Look(seen=as_taken_out(project, self._seen), is_behind=True)

    def _begin(self, errands: Errands, now: _State) -> None:
        running = errands.about(ABOUT)
        if running is not None and not running.over:
            return

        def look(_: Errand) -> None:
            try:
                seen = look_apart(now.folder)
            except BaseException:
                self._failed = now
                raise
            with self._lock:
                self._seen, self._at, self._failed = seen, now, None

        errands.begin(Errand(about=ABOUT, title="the lessons of tonight are looked for", path="/tonight"), look)


def look_apart(folder: Path) -> Tonight:
    """What would be learnt in the project of this folder, found out by another process.

    Raises:
        SelftuneError: what that process was told, or that it ended without a word.
    """
    import msgspec

    command = [sys.executable, "-P", "-m", "selftune.app.dashboard.looking", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        told = process.stdout.read()
    if not told:
        raise SelftuneError(
            "looking through the log was cut off.", next_step="Load the page again; the dashboard's log may say more."
        )
    found = msgspec.json.decode(told, type=_Told)
    if found.seen is None:
        raise SelftuneError(found.problem, next_step=found.next_step)
    return found.seen


def main() -> None:
    """Look, and write what was found to standard output; end with whoever holds the other end of standard input."""
    from selftune.loop.project import open_project

    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with open_project(Path(sys.argv[1])) as project:
            found = _Told(seen=look_at_tonight(project))
    except SelftuneError as error:
        found = _Told(problem=error.message, next_step=error.next_step)
    sys.stdout.buffer.write(canonical_json(found).encode(errors="replace"))


def _end_with_parent() -> None:
    # Past Python's own buffer, whose lock would be held while this process ends by itself.
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


if __name__ == "__main__":
    main()
