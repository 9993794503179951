"""Tonight: the lessons about to be learnt, each of which a person can take out and let in again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response

from selftune.app.dashboard.actions import Form, done
from selftune.app.dashboard.cells import address
from selftune.app.dashboard.following import follow
from selftune.app.dashboard.looking import ABOUT, Looking
from selftune.app.dashboard.reading import acting_on, project_of
from selftune.app.dashboard.rendering import render, show
from selftune.app.tonight import Tonight, as_taken_out, let_in, take_out
from selftune.loop.lessons.taking_out import standing_exclusions

if TYPE_CHECKING:
    from selftune.app.dashboard.errands import Errands
    from selftune.app.tonight import LessonAhead, TakenOut
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


_LOOKING: Final = Looking()
_NOT_SEEN: Final = Tonight(lessons=(), taken_out=())


@router.get("/tonight")
def tonight(request: Request, first: int = 0) -> Response:
    """The lessons, what is not judged yet, and what was taken out; a page of one of them."""
    look = _LOOKING.at(project_of(request), _errands(request))
    seen = look.seen or as_taken_out(project_of(request), _NOT_SEEN)
    shown = request.query_params.get("show", "lessons")
    shown = shown if shown in _LISTS else "lessons"
    counts = {
        "lessons": len(seen.lessons),
        "unjudged": len(seen.unjudged) + seen.more_unjudged,
        "out": len(seen.taken_out),
    }
    count, first, items = _page_of(seen, shown, first)
    heading, empty = _LISTS[shown]
    return show(
        request,
        "tonight",
        title="Tonight",
        seen=seen,
        known=look.seen is not None,
        behind=look.is_behind,
        **_how_far(request),
        shown=shown,
        heading=heading,
        empty=empty,
        lists=[(key, name, counts[key]) for key, (name, _) in _LISTS.items()],
        items=items,
        first=first,
        pages=_pages(shown, first, count),
    )


@router.get("/tonight/stream")
async def stream(request: Request) -> Response:
    """Whether the log is looked through still, until it no longer is."""
    errand = _errands(request).about(ABOUT)
    return follow(request, errand, lambda: render(request, "tonight_live", **_how_far(request)))


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


def _errands(request: Request) -> Errands:
    errands: Errands = request.app.state.errands
    return errands


def _how_far(request: Request) -> dict[str, Any]:
    """Whether a look is under way, and what stood against the last one."""
    errand = _errands(request).about(ABOUT)
    running = errand is not None and not errand.over
    return {"running": running, "problem": None if errand is None or running else errand.problem}


def _page_of(seen: Tonight, shown: str, first: int) -> tuple[int, int, list[Item]]:
    """How many there are of what is shown, where its page begins, and those of the page.

    The last page where it would lie behind that: its one lesson may just have been taken out.
    """
    count = len({"unjudged": seen.unjudged, "out": seen.taken_out}.get(shown, seen.lessons))
    first = min(max(0, first), max(0, count - 1)) // _PAGE * _PAGE
    until = first + _PAGE
    if shown == "unjudged":
        return count, first, [_of_unjudged(one) for one in seen.unjudged[first:until]]
    if shown == "out":
        return count, first, [_of_taken_out(one) for one in seen.taken_out[first:until]]
    return count, first, [_of_lesson(one) for one in seen.lessons[first:until]]


def _back_to(shown: str, first: str) -> str:
    place = first if first.isdecimal() else "0"
    return address("/tonight", show=shown if shown in _LISTS else "lessons", first=place)


def _pages(shown: str, first: int, count: int) -> list[tuple[str, str]]:
    earlier = [("Earlier ones", address("/tonight", show=shown, first=str(first - _PAGE)))] if first else []
    left = count - first - _PAGE
    later = [("Further ones", address("/tonight", show=shown, first=str(first + _PAGE)))] if left > 0 else []
    return [*earlier, *later]


def _of_lesson(one: LessonAhead) -> Item:
    named = {"person": "a person's words", None: "whose answer is not known"}
    digest = (one.taught_by or "").removeprefix("sha256:")
    by = named.get(one.taught_by) or f"answered by {'build ' if digest != one.taught_by else ''}{digest[:16]}"
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
