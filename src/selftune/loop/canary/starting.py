"""A trial is started: only with a build that was evaluated, that nobody stopped, and that people let in where asked."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from selftune.errors import IntegrityError, UsageError, WaitingForPersonError
from selftune.governance.approvals import SOLO_APPROVALS, TEAM_APPROVALS, valid_approvals
from selftune.governance.doubts import doubts_about
from selftune.ledger.keys import load_machine_key
from selftune.loop.braking import check_brake, check_freeze
from selftune.loop.canary.note import CanaryNote, Limits, note_path, read_canary, write_canary
from selftune.loop.canary.place import serve_candidate, stop_candidate
from selftune.loop.canary.settling import settle_canary
from selftune.loop.hearing import hear_project
from selftune.loop.incoming.taking_back import refuse_withdrawn
from selftune.loop.opened import utc_now
from selftune.loop.releasing.service import make_target, serving_release
from selftune.records import Build, Decision, Evaluation, Outcome
from selftune.records.signatures import build_is_sealed
from selftune.release.live import LiveServer

if TYPE_CHECKING:
    from selftune.governance.doubts import Doubt, Hearing
    from selftune.loop.opened import Project

CANDIDATE: Final = "candidate"
STARTED: Final = "canary started"
_SALT_BYTES: Final = 16
_REFUSED: Final = frozenset({Outcome.REJECT, Outcome.INVALID})


def start_trial(project: Project, name: str, *, share: float, shadow: bool) -> CanaryNote:
    """Have a candidate answer this share of the users from now on, or be asked in the shadow of the champion.

    Raises:
        UsageError: there is no such candidate, it was not evaluated, it serves already, another trial runs, or the
            champion does not answer.
        WaitingForPersonError: all work is stopped, training is frozen, somebody holds it, or an approval is missing.
        IntegrityError: it does not bear the project's seal, can't be served, or is not what was evaluated.
    """
    check_brake(project)
    check_freeze(project)
    settle_canary(project)
    _refuse_second(project)
    _refuse_share(share, shadow=shadow)
    build = candidate_named(project, name)
    serving = serving_release(project)
    if build.id == serving.build_id:
        raise UsageError(
            f"{build.id[:18]} serves already.", next_step="Name a candidate: `selftune canary start candidate`."
        )
    decision = last_word_on(project, build.id)
    evaluation = evaluation_of(project, build, decision)
    if decision is not None and decision.outcome in _REFUSED and not shadow:
        raise UsageError(
            f"the gate said {decision.outcome.value} to {build.id[:18]}: {decision.reason}",
            next_step="Nobody is shown what the gate refused; with --shadow it is asked, and shown to nobody.",
        )
    approvals = let_in(project, build, decision)
    refuse_without_champion(project)
    _, status = serve_candidate(project, build, evaluation)
    note = CanaryNote(
        trial=secrets.token_hex(8),
        candidate_build_id=build.id,
        candidate_digest=build.digest,
        champion_build_id=serving.build_id,
        champion_digest=serving.build_digest,
        evaluation_id=evaluation.id,
        address=status.address,
        share=0.0 if shadow else share,
        shadow=shadow,
        salt=secrets.token_hex(_SALT_BYTES),
        started_at=utc_now(),
        limits=limits_of(project),
        approvals=approvals,
    )
    _put_on_record(project, note)
    return note


def refuse_without_champion(project: Project) -> None:
    """A candidate alone would be compared with nobody, and nobody would step in for it.

    Raises:
        UsageError: the champion does not answer now.
    """
    status = LiveServer(make_target(project)).status()
    if status is not None and status.version is not None and status.resting is None:
        return
    why = f": {status.resting}" if status is not None and status.resting else ""
    raise UsageError(
        f"the champion does not serve now{why}, and a trial is held against its answers.",
        next_step="Start it first: `selftune up`, or `selftune start`.",
    )


def candidate_named(project: Project, name: str) -> Build:
    """The build of this id or its beginning; `candidate` is the one that the gate last spoke of.

    Raises:
        UsageError: nothing has come before the gate yet.
        UnknownNameError: no build has this name.
    """
    if name != CANDIDATE:
        return project.store.record(name, Build)
    decision = project.store.last(Decision)
    if decision is None or decision.build_id is None:
        raise UsageError("no candidate has come before the gate yet.", next_step="Run `selftune cycle`.")
    return project.store.record(decision.build_id, Build)


def last_word_on(project: Project, build_id: str) -> Decision | None:
    """The gate's newest decision about this build; None where it never came before it."""
    return next((one for one in reversed(list(_decisions(project))) if one.build_id == build_id), None)


def evaluation_of(project: Project, build: Build, decision: Decision | None) -> Evaluation:
    """What the build showed when it was evaluated as it is: on the suite that decided, else on the last one.

    Raises:
        UsageError: it was never evaluated.
    """
    decided = {evaluation_id for _, evaluation_id in decision.arms} if decision is not None else set()
    own = [one for _, one in project.store.each(Evaluation) if one.build_digest == build.digest]
    if not own:
        raise UsageError(
            f"{build.id[:18]} was never evaluated, and only what was is shown to people.",
            next_step="Run `selftune evaluate`, or `selftune cycle`.",
        )
    return next((one for one in own if one.id in decided), own[-1])


def let_in(project: Project, build: Build, decision: Decision | None) -> tuple[str, ...]:
    """The approvals that count for this trial; one person alone needs none.

    Raises:
        IntegrityError: the build does not bear the project's seal.
        WithdrawnError: its prompt shows words that their author took back.
        WaitingForPersonError: somebody holds it, a blocking concern is open, or an approval is missing.
    """
    if not build_is_sealed(build, load_machine_key(project.hidden / "keys").trusted):
        raise IntegrityError(
            f"{build.id[:18]} does not bear this project's seal.", next_step="Build it again with `selftune build`."
        )
    refuse_withdrawn(build, project.store)
    hearing = hear_project(project)
    doubt = what_blocks(hearing, build.id, decision)
    if doubt is not None:
        raise WaitingForPersonError(
            f"the candidate is held: {doubt.statement.text!r} ({doubt.statement.author}).",
            next_step=f"Read it with `selftune concern show {doubt.statement.id[:18]}`; the champion alone answers.",
        )
    needed = SOLO_APPROVALS if hearing.alone else TEAM_APPROVALS
    given = valid_approvals(build.id, hearing, needed=needed)
    if len(given) < needed:
        raise WaitingForPersonError(
            f"the trial waits for {needed - len(given)} approval by a person other than {hearing.runner}.",
            next_step=f"Ask a colleague to run `selftune canary approve {build.id[:18]}`; the champion alone answers.",
        )
    return tuple(one.id for one in given)


def what_blocks(hearing: Hearing, build_id: str, decision: Decision | None) -> Doubt | None:
    """The first doubt that stands between a build and a trial: about it, its decision, or the project."""
    subjects = [build_id] if decision is None else [build_id, decision.id]
    found = (one for subject in subjects for one in doubts_about(hearing, subject))
    return next((one for one in found if one.stands and one.blocks), None)


def limits_of(project: Project) -> Limits:
    """What [canary] tolerates."""
    section = project.config.canary
    return Limits(
        alpha=section.alpha,
        errors=section.more_errors,
        refusals=section.more_refusals,
        thumbs=section.more_thumbs_down,
        slow=section.more_slow,
        slower_times=section.slower_times,
    )


def _put_on_record(project: Project, note: CanaryNote) -> None:
    """Say that a trial starts, and have the gateway know; where that fails the server that was started goes again."""
    how = "in the shadow" if note.shadow else f"{note.share:.0%} of users"
    try:
        project.store.note(STARTED, {"build": note.candidate_build_id, "trial": note.trial, "how": how})
        write_canary(note, project.hidden)
    except BaseException:
        with suppress(OSError):
            note_path(project.hidden).unlink(missing_ok=True)
        stop_candidate(project.hidden)
        raise


def _decisions(project: Project) -> list[Decision]:
    return [one for _, one in project.store.each(Decision)]


def _refuse_second(project: Project) -> None:
    running = read_canary(project.hidden)
    if running is not None:
        raise UsageError(
            f"{running.candidate_build_id[:18]} is being tried already.",
            next_step="See it with `selftune canary status`, end it with `selftune canary stop`.",
        )


def _refuse_share(share: float, *, shadow: bool) -> None:
    if not shadow and not 0 < share < 1:
        raise UsageError(
            f"{share:g} is no share of the users.", next_step="Choose one between 0 and 1, such as --share 0.1."
        )
