"""Governance: what waits for a person, doubts by their rules, who signed what, the alarms, and the ledger's check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response

from selftune.app.alarms import look_at_all
from selftune.app.approving import approve_next, describe_what_waits
from selftune.app.dashboard.actions import Form, done
from selftune.app.dashboard.cells import figure, linked, tinted
from selftune.app.dashboard.keys import ask_nobody, require_alone
from selftune.app.dashboard.reading import acting_on, folder_of, project_of, remembered
from selftune.app.dashboard.rendering import show
from selftune.app.doubting import Wish, end, raise_on, reply, speaker, take_back
from selftune.app.doubts_page import headline, who_may_end
from selftune.app.health import check_ledger
from selftune.app.lifting import lift_stays
from selftune.app.waiting import Awaited, what_waits
from selftune.errors import UnknownNameError, UsageError
from selftune.governance.alarms.base import Verdict
from selftune.governance.brake.stays import KINDS, project_stays
from selftune.governance.doubts import DOUBTS, doubts
from selftune.governance.statements import PROJECT, STAYS
from selftune.loop.hearing import hear_project
from selftune.records import Gravity, StatementKind

if TYPE_CHECKING:
    from selftune.app.waiting import Waiting
    from selftune.governance.alarms.base import Look
    from selftune.governance.doubts import Doubt, Hearing
    from selftune.loop.project import Project
    from selftune.records import Statement

router = APIRouter()

_HERE: Final = "/governance"
_SIGNED: Final = frozenset({
    StatementKind.APPROVAL, StatementKind.REFUSAL, StatementKind.SIGN_OFF, StatementKind.REVOCATION,
    StatementKind.AMENDMENT, StatementKind.RETIREMENT, StatementKind.ESCALATION,
})  # fmt: skip
_MOST: Final = 50
_TINTS: Final = {Verdict.HOLD: "bad", Verdict.ADVISE: "unsure", Verdict.QUIET: "good", Verdict.TOO_SHORT: "unsure"}
_LOUD: Final = frozenset({Verdict.HOLD, Verdict.ADVISE})
_CLOSE: Final = 'selftune concern close {} --because "…" --evidence ID'


@router.get("/governance")
def governance(request: Request, everything: bool = False) -> Response:
    """All of it on one page; with `everything` the doubts too that no longer stand."""
    project = project_of(request)
    hearing = hear_project(project)
    found = [one for one in doubts(hearing, DOUBTS | STAYS) if everything or one.stands]
    waits = what_waits(project)
    looked_at = remembered(request, "alarms", look_at_all)
    looks = [(looked.subject, one) for looked in looked_at.value for one in looked.looks]
    return show(
        request,
        "governance",
        title="Governance",
        waits=[_waiting(one, hearing) for one in waits],
        approvable=_approvable(project, waits) if hearing.alone else "",
        doubts=[_doubt(one, hearing, project) for one in reversed(found)],
        everything=everything,
        alone=hearing.alone,
        gravities=[one.value for one in Gravity],
        signed=[_signed(one) for _, one in reversed(hearing.said) if one.kind in _SIGNED][:_MOST],
        behind=looked_at.is_behind,
        alarm_head=["about", "alarm", "series", "verdict", "what was found", "n"],
        loud=[_look(looked, one) for looked, one in looks if one.verdict in _LOUD],
        quiet=[_look(looked, one) for looked, one in looks if one.verdict not in _LOUD],
    )


@router.get("/governance/ledger")
def ledger(request: Request) -> Response:
    """The ledger, checked from its first entry to its last; that may take a while."""
    return show(request, "ledger", title="The ledger", finding=check_ledger(folder_of(request)))


@router.post("/governance/approve")
def approve(request: Request, form: Form) -> Response:
    """Say yes to what waits, as `selftune approve` does."""
    with acting_on(request) as project:
        require_alone(project, "selftune approve")
        shown = form.needed("shown", "what you approve")
        if describe_what_waits(project).strip() != shown:
            raise UsageError("something else waits by now.", next_step="Load the page again and read what it is.")
        said = approve_next(project, author="", text=form.text("text"), ask=ask_nobody)
    return done(request, _HERE, f"Approved, on record: {said.id}")


@router.post("/governance/raise")
def raise_concern(request: Request, form: Form) -> Response:
    """Put a doubt on record; nobody has to sign what adds caution."""
    gravity = form.text("gravity") or Gravity.NOTED.value
    if gravity not in {one.value for one in Gravity}:
        raise UnknownNameError("gravity", gravity, [one.value for one in Gravity])
    wish = Wish(subject=form.text("subject") or PROJECT, text=form.needed("text", "what you doubt"))
    with acting_on(request) as project:
        said = raise_on(
            project,
            wish,
            gravity=Gravity(gravity),
            topic=form.text("topic"),
            evidence=(),
            write=lambda draft: draft.text,
        )
    blocking = ["It blocks until somebody else has closed it."] if gravity == Gravity.BLOCKING.value else []
    return done(request, _HERE, f"On record: {said.id}", *blocking)


@router.post("/governance/answer")
def answer(request: Request, form: Form) -> Response:
    """Reply to a doubt, which closes nothing."""
    with acting_on(request) as project:
        reply(project, form.needed("id", "the concern"), form.needed("text", "your reply"), author="")
    return done(request, _HERE, "Your reply is on record. The concern is as open as before.")


@router.post("/governance/close")
def close(request: Request, form: Form) -> Response:
    """Close a concern, or lift what holds one record, by the rules of who may."""
    name, because = form.needed("id", "the concern"), form.needed("text", "the reason")
    with acting_on(request) as project:
        require_alone(project, _CLOSE.format(name[:18]))
        evidence = tuple(form.text("evidence").split())
        end(project, name, because, author="", evidence=evidence, ask=ask_nobody)
    return done(request, _HERE, "It is ended, with your reason on record.")


@router.post("/governance/withdraw")
def withdraw(request: Request, form: Form) -> Response:
    """Take back one's own doubt; both stay on record."""
    name, because = form.needed("id", "the concern"), form.needed("text", "the reason")
    with acting_on(request) as project:
        require_alone(project, f'selftune concern withdraw {name[:18]} --because "…"')
        take_back(project, name, because, author="", ask=ask_nobody)
    return done(request, _HERE, "Withdrawn; both stay on record.")


@router.post("/governance/lift")
def lift(request: Request, form: Form) -> Response:
    """Lift every hold, freeze or stop of the whole project that stood on the page, with a reason."""
    word, seen = form.needed("word", "what you lift"), form.text("seen").split()
    with acting_on(request) as project:
        require_alone(project, f'selftune lift {word} --because "…"')
        new = set(_standing(hear_project(project), word)) - set(seen)
        # Of a stop one can have read what is not on record yet.
        if new and (seen or KINDS[word] is not StatementKind.STOP):
            raise UsageError(
                f"another {word} stands by now, and nothing was lifted.",
                next_step="Load the page again and read what it says.",
            )
        lifted = lift_stays(project, word, form.needed("text", "the reason"), author="", ask=ask_nobody)
    return done(request, _HERE, f"Lifted: {len(lifted)}, with your reason on record.")


def _waiting(one: Waiting, hearing: Hearing) -> dict[str, Any]:
    word = next((word for word in KINDS if one.command.startswith(f"selftune lift {word} ")), "")
    lift = word if hearing.alone and one.awaited is Awaited.LIFT else ""
    return {"one": one, "lift": lift, "standing": _standing(hearing, lift)}


def _standing(hearing: Hearing, word: str) -> list[str]:
    """Ids of what a lift of this word would end."""
    return [doubt.statement.id for doubt in project_stays(hearing, KINDS[word])] if word in KINDS else []


def _approvable(project: Project, waits: tuple[Waiting, ...]) -> str:
    """What a yes on this page would be to; empty where nothing waits for one."""
    wanted = {Awaited.PROMOTION, Awaited.BREAKER}
    return describe_what_waits(project) if any(one.awaited in wanted for one in waits) else ""


def _doubt(doubt: Doubt, hearing: Hearing, project: Project) -> dict[str, Any]:
    said = doubt.statement
    whole = said.kind in STAYS and said.subject == PROJECT
    mine = said.author == speaker(project, "")
    return {
        "id": said.id,
        "state": doubt.state.value,
        "headline": headline(said),
        "said": said,
        "answers": doubt.answers,
        "refused": doubt.refused,
        "settled_by": doubt.settled_by,
        "stands": doubt.stands,
        "blocks": doubt.blocks,
        "who": who_may_end(hearing, said) if doubt.stands else "",
        "ends_here": doubt.stands and not whole,
        "takes_back": doubt.stands and mine and doubt.settled_by is None,
        "stay": said.kind in STAYS,
    }


def _signed(one: Statement) -> list[Any]:
    what = one.kind.value.replace("_", " ") + (f" as {one.role}" if one.role else "")
    by = f"{one.author}{', a model' if one.author_is_model else ''}"
    key = tinted("with their key", "good") if one.key else "without a key"
    return [what, by, one.said_at[:16].replace("T", " "), _linked_subject(one.subject), key, one.text[:200]]


def _linked_subject(subject: str) -> Any:
    if subject.startswith("decision:"):
        return linked(subject[:26], f"/decisions/{subject}")
    return subject[:26]


def _look(subject: str, one: Look) -> list[Any]:
    return [
        subject,
        one.alarm.value,
        one.about,
        tinted(one.verdict.value, _TINTS[one.verdict]),
        one.told,
        figure(str(one.n)),
    ]
