"""Tonight: the lessons about to be learnt, each of which a person can take out and let in again."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request, Response

from selftune.app.dashboard.actions import Form, done
from selftune.app.dashboard.cells import address
from selftune.app.dashboard.reading import acting_on, project_of
from selftune.app.dashboard.rendering import show
from selftune.app.tonight import let_in, look_at_tonight, rules_of_tonight, take_out
from selftune.loop.lessons.taking_out import standing_exclusions

if TYPE_CHECKING:
    from selftune.app.tonight import LessonAhead, TakenOut, Tonight
    from selftune.loop.config import ProjectConfig
    from selftune.loop.project import Project
    from selftune.records import Interaction, Message

router = APIRouter()

_PAGE: Final = 25
_LISTS: Final = {
    "lessons": ("Lessons", "Nothing would be learnt."),
    "unjudged": ("Not judged yet", "Everything new is judged."),
    "out": ("Taken out", "Nobody took anything out."),
}


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of any of the lists."""

    id: str
    facts: str
    messages: tuple[Message, ...]
    rejected: str | None = None
    exclusion: str | None = None
    by_me: bool = False
    author: str = ""
    since: str = ""
    reason: str | None = None


class _Looked:
    """The last look, which holds until something comes into the ledger or the rules are others.

    The ledger tells also of what goes: nothing that was forgotten is shown again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: tuple[str, int, ProjectConfig, str] | None = None
        self._seen: Tonight | None = None

    def at(self, project: Project) -> Tonight:
        """What would be learnt now."""
        with self._lock:
            now = (str(project.folder), project.store.last_entry(), project.config, rules_of_tonight(project))
            if self._seen is None or now != self._at:
                self._seen, self._at = look_at_tonight(project), now
            return self._seen


_LOOKED: Final = _Looked()


@router.get("/tonight")
def tonight(request: Request, first: int = 0) -> Response:
    """The lessons, what is not judged yet, and what was taken out; a page of one of them."""
    seen = _LOOKED.at(project_of(request))
    shown = request.query_params.get("show", "lessons")
    shown = shown if shown in _LISTS else "lessons"
    lists = {
        "lessons": [_of_lesson(one) for one in seen.lessons],
        "unjudged": [_of_unjudged(one) for one in seen.unjudged],
        "out": [_of_taken_out(one) for one in seen.taken_out],
    }
    more = {"unjudged": seen.more_unjudged}
    first = max(0, first) // _PAGE * _PAGE
    heading, empty = _LISTS[shown]
    return show(
        request,
        "tonight",
        title="Tonight",
        seen=seen,
        shown=shown,
        heading=heading,
        empty=empty,
        lists=[(key, name, len(lists[key]) + more.get(key, 0)) for key, (name, _) in _LISTS.items()],
        items=lists[shown][first : first + _PAGE],
        first=first,
        pages=_pages(shown, first, len(lists[shown])),
    )


@router.post("/tonight/out")
def out(request: Request, form: Form) -> Response:
    """Take a lesson out."""
    with acting_on(request) as project:
        said = take_out(project, form.needed("id", "the lesson"), form.text("because"))
    return done(request, _back_to(form.text("show"), form.text("first")), f"Taken out, and on record: {said.text}")


@router.post("/tonight/in")
def let_back_in(request: Request, form: Form) -> Response:
    """Let a lesson in again."""
    with acting_on(request) as project:
        subject = let_in(project, form.needed("id", "what took it out")).subject
        others = [one.author for one in standing_exclusions(project) if one.subject == subject]
    told = f"It stays out: {', '.join(others)} took it out too." if others else "It may be learnt again."
    return done(request, _back_to(form.text("show"), "0"), told)


def _back_to(shown: str, first: str) -> str:
    place = first if first.isdigit() else "0"
    return address("/tonight", show=shown if shown in _LISTS else "lessons", first=place)


def _pages(shown: str, first: int, count: int) -> list[tuple[str, str]]:
    earlier = [("Earlier ones", address("/tonight", show=shown, first=str(first - _PAGE)))] if first else []
    left = count - first - _PAGE
    later = [("Further ones", address("/tonight", show=shown, first=str(first + _PAGE)))] if left > 0 else []
    return [*earlier, *later]


def _of_lesson(one: LessonAhead) -> Item:
    taught = {"person": "a person's words", None: "nobody knows whose answer"}
    by = taught.get(one.taught_by) or (one.taught_by or "").removeprefix("sha256:")[:16]
    facts = ["new" if one.is_new else "learnt before", by]
    facts += [f"judged {one.overall:.1f}"] if one.overall is not None else []
    facts += ["made up, nobody asked it"] if one.synthetic else []
    return Item(id=one.interaction_id, facts=", ".join(facts), messages=one.messages, rejected=one.rejected)


def _of_unjudged(one: Interaction) -> Item:
    return Item(id=one.id, facts=f"from {one.source}", messages=one.messages)


def _of_taken_out(one: TakenOut) -> Item:
    return Item(
        id=one.exclusion.subject,
        facts="taken out",
        messages=one.messages,
        exclusion=one.exclusion.id,
        by_me=one.by_me,
        author=one.exclusion.author,
        since=one.exclusion.said_at,
        reason=one.exclusion.text,
    )
