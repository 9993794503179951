"""Chat: words with what serves, one answer beside another generation's, and what a person thinks of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response

from selftune.app.codices import codex_in_force, prompt_of
from selftune.app.conversing import (
    Talk,
    answer_anew,
    answer_beside,
    ask,
    ask_otherwise,
    others_than,
    say_of_answer,
    sounds_like_doubt,
)
from selftune.app.dashboard.actions import Form, done
from selftune.app.dashboard.errands import Errand, Errands
from selftune.app.dashboard.following import follow
from selftune.app.dashboard.reading import acting_on, folder_of, project_of
from selftune.app.dashboard.rendering import render, show
from selftune.app.demo import STATE_FILE
from selftune.app.resuming import kept_talks, resume_talk
from selftune.errors import LockedError, SelftuneError, UnknownNameError
from selftune.loop.project import open_project
from selftune.records.codex import PlayedBy

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.app.conversing import Other
    from selftune.app.dashboard.actions import Fields
    from selftune.app.dashboard.talks import Talks
    from selftune.loop.project import Project
    from selftune.records import Interaction

    Work = Callable[[Project, Callable[[str], None]], Talk]

router = APIRouter()

_THUMBS: Final = {"1": 1, "-1": -1}


@dataclass(frozen=True, kw_only=True)
class Pending:
    """What an errand of a conversation is about: a question, or the generation that is started beside."""

    question: str = ""
    beside: str = ""


class Asking(Errand):
    """An errand that has a conversation go on."""

    def __init__(self, talk: Talk, pending: Pending, *, replaces: bool) -> None:
        super().__init__(about=_about(talk.name), title="an answer is on its way", path=_path(talk.name))
        self.pending = pending
        self.replaces = replaces


@router.get("/chat")
def begin_page(request: Request) -> Response:
    """A form to begin, and the conversations that go on."""
    state = folder_of(request) / STATE_FILE
    system = state.read_text(encoding="utf-8", errors="replace").strip() if state.is_file() else ""
    around = _around(request, None)
    here = {one.name for one in around["others"]}
    kept = [(name, _asked_first(one)) for name, one in kept_talks(project_of(request)) if name not in here]
    return show(request, "chat", **around, proposed=None, draft="", system=system, kept=kept, personas=_voices(request))


@router.post("/chat/begin")
def begin(request: Request, form: Form) -> Response:
    """Begin a conversation with its first question."""
    question = form.needed("question", "your question")
    persona, system = form.text("persona"), form.text("system")
    if persona:
        system = "\n\n".join(filter(None, (prompt_of(folder_of(request), persona, ""), system)))
    name, keep = _talks(request).new_name(), form.text("private") != "yes"
    talk = Talk(name=name, system=system, persona=persona, keep=keep)
    _talks(request).put(talk)
    return _go_on(request, talk, Pending(question=question), lambda project, heard: ask(project, talk, question, heard))


@router.get("/chat/{name}")
def talk_page(request: Request, name: str) -> Response:
    """A conversation as it stands, or as it comes."""
    return _page(request, name)


@router.get("/chat/{name}/stream")
async def stream(request: Request, name: str) -> Response:
    """The newest answer, as it comes."""
    return follow(request, _errand(request, name), lambda: render(request, "chat_live", **_around(request, name)))


@router.post("/chat/{name}/ask")
def ask_on(request: Request, name: str, form: Form) -> Response:
    """Ask the next question; where it sounds as if the answer was wrong, first ask whether that is meant."""
    question, wrong = form.needed("question", "your question"), form.text("wrong")
    talk = _seen(request, name, form) if wrong else _talk(request, name)
    unsaid = bool(talk.exchanges) and talk.last.thumbs is None and talk.last.correction is None
    if not wrong and unsaid and sounds_like_doubt(question):
        return _page(request, name, proposed=question)
    talks = _talks(request)

    def work(project: Project, heard: Callable[[str], None]) -> Talk:
        if wrong != "yes":
            return ask(project, talk, question, heard)
        said = say_of_answer(project, talk, thumbs=-1, correction=None)
        talks.put(said)
        return ask(project, said, question, heard)

    return _go_on(request, talk, Pending(question=question), work)


@router.post("/chat/{name}/anew")
def anew(request: Request, name: str, form: Form) -> Response:
    """Have the last question answered once more."""
    talk = _seen(request, name, form)
    pending = Pending(question=talk.last.question)
    return _go_on(request, talk, pending, lambda project, heard: answer_anew(project, talk, heard), replaces=True)


@router.post("/chat/{name}/otherwise")
def otherwise(request: Request, name: str, form: Form) -> Response:
    """Put another question in the place of the last one."""
    question, talk = form.needed("question", "your question"), _seen(request, name, form)
    work: Work = lambda project, heard: ask_otherwise(project, talk, question, heard)  # noqa: E731 - named for its type
    return _go_on(request, talk, Pending(question=question), work, replaces=True)


@router.post("/chat/{name}/beside")
def beside(request: Request, name: str, form: Form) -> Response:
    """Have another generation, or a Build that was never released, answer the last question too."""
    talk, key = _seen(request, name, form), form.needed("generation", "the generation")
    known = {one.key: one for one in others_than(project_of(request), talk.last.by.build_digest)}
    if key not in known:
        raise UnknownNameError("generation", key, known)
    pending = Pending(question=talk.last.question, beside=known[key].name)
    work: Work = lambda project, heard: answer_beside(project, talk, known[key])  # noqa: ARG005, E731 - it comes whole
    return _go_on(request, talk, pending, work, replaces=True)


@router.post("/chat/{name}/judge")
def judge(request: Request, name: str, form: Form) -> Response:
    """Keep a thumb or a better answer; what is sent without one is as it was."""
    with _errands(request).alone(_about(name)):
        talk = _seen(request, name, form)
        thumbs, correction = talk.last.thumbs, talk.last.correction
        if form.has("thumbs"):
            thumbs = _THUMBS.get(form.text("thumbs"))
        if form.has("correction"):
            correction = form.needed("correction", "the better answer")
        with acting_on(request) as project:
            talk = say_of_answer(project, talk, thumbs=thumbs, correction=correction)
        _talks(request).put(talk)
    said = "Kept beside the answer." if talk.keep else "Noted here; nothing of this conversation is kept."
    return done(request, _path(name), said)


def _go_on(request: Request, talk: Talk, pending: Pending, work: Work, *, replaces: bool = False) -> Response:
    """Begin the errand with the conversation as it is still, and show it while that runs."""
    talks, folder, errands = _talks(request), folder_of(request), _errands(request)

    def run(errand: Errand) -> None:
        with open_project(folder) as project:
            talks.put(work(project, errand.hear))

    def check() -> None:
        if talks.get(talk.name) is not talk:
            raise _moved_on()

    errands.begin(Asking(talk, pending, replaces=replaces), run, check=check)
    return done(request, _path(talk.name))


def _seen(request: Request, name: str, form: Fields) -> Talk:
    """The conversation, whose last answer has to be the one that stood on the page which sent this form.

    Raises:
        LockedError: there is another answer by now.
    """
    talk = _talk(request, name)
    if form.text("of") != talk.last.mark:
        raise _moved_on()
    return talk


def _moved_on() -> LockedError:
    return LockedError(
        "something else was answered or said here by now, and nothing was done.",
        next_step="Look at the conversation as it stands, and say it again.",
    )


def _page(request: Request, name: str, *, proposed: str | None = None) -> Response:
    around = _around(request, name)
    draft = around["pending"].question if around["problem"] and not around["pending"].beside else ""
    return show(request, "chat", **around, proposed=proposed, draft=draft, system="", kept=(), personas=())


def _around(request: Request, name: str | None) -> dict[str, Any]:
    """What the page and its live piece show."""
    others = [one for one in _talks(request).newest() if one.name != name and one.exchanges]
    plain = {"title": "Chat", "others": others, "path": "", "talk": None, "running": False, "pending": None}
    if name is None:
        return plain | {"problem": None, "earlier": (), "last": None}
    errand = _errand(request, name)
    # Asked before the conversation is read: what an errand that is over has kept is then there.
    running = errand is not None and not errand.over
    talk = _talk(request, name)
    apart = running and errand is not None and not errand.replaces
    last = talk.exchanges[-1] if talk.exchanges and not apart else None
    return plain | {
        "path": _path(name),
        "talk": talk,
        "running": running,
        "pending": None if errand is None else errand.pending,
        "problem": None if errand is None or running else errand.problem,
        "heard": "" if errand is None else errand.heard,
        "earlier": talk.exchanges if apart else talk.exchanges[:-1],
        "last": last,
        "beside": () if last is None or running else _beside(request, last.by.build_digest),
    }


def _beside(request: Request, build_digest: str) -> list[tuple[str, list[Other]]]:
    """Whom one can ask beside it, by what they are."""
    found = others_than(project_of(request), build_digest)
    groups = (("Released", True), ("Never released", False))
    named = [(title, [one for one in found if one.is_released is wanted]) for title, wanted in groups]
    return [(title, members) for title, members in named if members]


def _talks(request: Request) -> Talks:
    """The conversations, without what was forgotten."""
    talks: Talks = request.app.state.talks
    talks.drop_forgotten(project_of(request).store)
    return talks


def _talk(request: Request, name: str) -> Talk:
    """The conversation of this name; one that is not here is taken up from the log.

    Raises:
        UnknownNameError: there is none, or none any more.
    """
    talks = _talks(request)
    talks.take_up(name, lambda name: resume_talk(project_of(request), name))
    return talks.get(name)


def _asked_first(one: Interaction) -> str:
    return next((message.content for message in one.messages if message.role == "user"), "")


def _voices(request: Request) -> list[str]:
    """The personas of the codex that a model plays; none of one that can't be read: the page Personas says so."""
    try:
        found = codex_in_force(folder_of(request)).codex
    except SelftuneError:
        return []
    return [one.name for one in found.personas if one.played_by is PlayedBy.MODEL]


def _errands(request: Request) -> Errands:
    errands: Errands = request.app.state.errands
    return errands


def _errand(request: Request, name: str) -> Asking | None:
    found = _errands(request).about(_about(name))
    return found if isinstance(found, Asking) else None


def _about(name: str) -> str:
    return f"chat {name}"


def _path(name: str) -> str:
    return f"/chat/{name}"
