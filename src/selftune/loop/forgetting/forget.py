"""Forget: the words go from every file, and what had learnt from them is put on record."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from selftune.context import Progress
from selftune.errors import LockedError
from selftune.failpoints import reach
from selftune.loop.forgetting.places import clear_files, dialogues_that_quote, files_that_quote, unswept_dialogues
from selftune.loop.opened import utc_now
from selftune.loop.runner import hold_lease
from selftune.records import Build, Forgetting, Release, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selftune.loop.forgetting.finding import Words
    from selftune.loop.opened import Project

FORGOTTEN: Final = "forgotten"


def forget(project: Project, words: Words, told: Callable[[Progress], None] = lambda _: None) -> Forgetting:
    """Erase the words wherever this project holds them; cut off, the same command goes on.

    `told` hears at what it is; how long writing the store anew takes, nobody can say beforehand.

    Raises:
        LockedError: another runner has the project, or another process is at its store.
        BudgetError: there is no room for the store a second time, which writing it anew takes.
    """
    with hold_lease(project):
        done = Forgetting(
            at=utc_now(),
            of=words.of,
            erased=words.erasure.ids,
            touched=words.touched,
            answers=words.answers,
            authors=words.authors,
            unreachable=tuple(out_of_reach(project, words)),
        )
        told(Progress(done=0, total=None, note="in files"))
        clear_files(project, words)
        reach("forget-files")
        # Before the words go: what is cut off behind this leaves the mark, and finds the words once more.
        project.store.save([done], event=FORGOTTEN)
        reach("forget-marked")
        told(Progress(done=0, total=None, note="in the store, which is written anew"))
        try:
            project.store.erase(words.erasure, {"forgetting": done.id})
        except LockedError as error:
            raise LockedError(
                f"the words were erased, but {error.message.rstrip('.')}: its free pages may still hold them.",
                next_step=f"Wait for it to end, then: selftune forget {done.id[:23]}",
            ) from error
        reach("forget-erased")
        project.store.checkpoint()
    return done


def finish(project: Project) -> None:
    """Once more what a forgetting ends with, for one that was cut off or not alone at the store.

    Raises:
        LockedError: another runner has the project, or another process is at its store.
        BudgetError: there is no room for the store a second time.
    """
    with hold_lease(project):
        project.store.sweep_erased()


def out_of_reach(project: Project, words: Words) -> Iterator[str]:
    """Where the words, or what was learnt of them, may still be, in sentences."""
    learnt = [name for name in words.touched if name.partition(":")[0] in {Run.KIND, Build.KIND}]
    if learnt:
        yield f"the weights of {len(learnt)} runs and builds, which learnt from them or held them"
    if words.acts:
        yield f"{words.acts} approvals, sign-offs or other acts, whose author answers for them by name"
    for path in files_that_quote(project, words.texts):
        yield f"{path.relative_to(project.folder)}, which repeats them: take them out of it by hand"
    for name in dialogues_that_quote(project, words.texts):
        yield f"the unfinished dialogue {name}, which repeats them: `selftune chat --end {name}`, then forget once more"
    if unswept_dialogues(project):
        yield "the tables of dialogues that are over: somebody still reads or holds them; once they end, say it again"
    if not project.store.is_file:
        yield "the write-ahead log of the server that keeps the records, until it overwrites it, and its replicas"
    if any((folder / ".git").exists() for folder in chain([project.folder], project.folder.parents)):
        yield "the history of git, if such files were ever committed"
    yield "backups, exports, files that were imported from, and whatever was sent to other machines or services"


def touched_by_forgetting(project: Project) -> dict[str, Forgetting]:
    """What had learnt from erased words, by id, with what is on record of it."""
    return {name: done for _, done in project.store.each(Forgetting) for name in done.touched}


def touched_releases(project: Project) -> tuple[Release, ...]:
    """Releases that had learnt from words which were erased since, oldest first."""
    touched = touched_by_forgetting(project)
    return tuple(release for _, release in project.store.each(Release) if release.id in touched)
