"""What serves now, where a release goes, and what release is asked to do once the people have had their say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.errors import IntegrityError
from selftune.governance.approvals import approvals_needed
from selftune.governance.clearance import clear_for_release
from selftune.ledger.keys import load_machine_key
from selftune.loop.hearing import hear_project
from selftune.loop.incoming.taking_back import refuse_withdrawn, withdrawn_from_prompt
from selftune.records import Build, Release
from selftune.records.signatures import build_is_sealed
from selftune.release.base import Promotion
from selftune.release.config import Target
from selftune.release.live import LiveServer
from selftune.release.stage import recover, rollback, taken_back

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.project import Project
    from selftune.records import Decision


def serving_release(project: Project) -> Release:
    """The release in service.

    Raises:
        IntegrityError: nothing was ever released, not even the base.
    """
    release = project.store.last(Release)
    if release is None:
        raise IntegrityError(
            "nothing is in service, not even the base.", next_step="Run `selftune init` in the project again."
        )
    return release


def make_target(project: Project) -> Target:
    """Where a promotion goes."""
    config = project.config
    return Target(
        folder=str(project.folder),
        project=config.project.name,
        base=project.base.name,
        driver=config.serving.driver,
        port=config.serving.port,
        idle_minutes=config.serving.idle_minutes,
        approvals_required=approvals_needed(config.project.profile),
    )


def stop_service(folder: Path) -> bool:
    """Stop the server of the project in this folder; False when none ran.

    Reads neither config nor store: who wants the machine to stop must not be told to mend a file first.
    """
    return LiveServer(Target(folder=str(folder.resolve()), project="", base="")).stop()


def put_right(project: Project) -> tuple[str, ...]:
    """Undo a release that was begun and never recorded, so that the newest on record serves; what was done, in words.

    A release that the keeper took back by itself is put on record as taken back. Only for who holds the lease: a
    release that is under way looks the same.
    """
    done = recover(project.store.last(Release), make_target(project))
    if done:
        project.store.note("put right")
    return (*done, *_record_taken_back(project), *_retire_withdrawn(project))


def _record_taken_back(project: Project) -> tuple[str, ...]:
    newest, target = project.store.last(Release), make_target(project)
    left = None if newest is None else taken_back(newest, target)
    if newest is None or left is None:
        return ()
    model_file, why = left
    earlier = next(release for _, release in project.store.each(Release) if release.model_file == model_file)
    release = rollback(earlier, newest, target, project.context(), reason=why)
    detail = {"from": newest.version, "to": earlier.version}
    project.store.save([release], event="rolled back by itself", detail=detail)
    return (f"{why} It is {release.version} now.",)


def _retire_withdrawn(project: Project) -> tuple[str, ...]:
    """Go back to the newest release that shows nobody's words against their will, where the one in service does."""
    store, target = project.store, make_target(project)
    newest = store.last(Release)
    if newest is None or not withdrawn_from_prompt(store.record(newest.build_id, Build), store):
        return ()
    earlier = [
        release
        for _, release in store.each(Release)
        if not withdrawn_from_prompt(store.record(release.build_id, Build), store)
    ][-1]
    why = f"The prompt of {newest.version} shows words that their author took back."
    release = rollback(earlier, newest, target, project.context(), reason=why)
    detail = {"from": newest.version, "to": earlier.version}
    store.save([release], event="rolled back by itself", detail=detail)
    return (f"{why} {earlier.version} serves again, as {release.version}.",)


def promotion_of(project: Project, build: Build, decision: Decision) -> Promotion:
    """What release is asked to do, once the people responsible have had their say.

    Raises:
        IntegrityError: the build does not bear the project's seal.
        WithdrawnError: its prompt shows words that their author took back.
        WaitingForPersonError: someone or an alarm holds it, a blocking concern is open, or a signature is missing.
    """
    from selftune.loop.deciding.suspicion import hold_if_suspicious  # only a promotion is weighed so
    from selftune.loop.signatures import chain_of_promotion

    serving = serving_release(project)
    public_key = load_machine_key(project.hidden / "keys").trusted
    if not build_is_sealed(build, public_key):
        raise IntegrityError(
            f"{build.id[:18]} does not bear this project's seal.", next_step="Build it again with `selftune build`."
        )
    refuse_withdrawn(build, project.store)
    hold_if_suspicious(project, decision)
    hearing = hear_project(project)
    clearance = clear_for_release(hearing, decision, chain_of_promotion(project, hearing, decision))
    return Promotion(
        build=build,
        decision=decision,
        generation=serving.generation + 1,
        replaced=serving,
        approvals=clearance.approvals,
        concerns=clearance.concerns,
        reason=decision.reason,
    )
