"""Release: put a promoted build into service, or take it back.

It has effects in the world, so every one of them may be done twice: files get their versioned names, the keeper
switches (the pointer on disk is the moment of release), the config is edited. A crash between any two is finished by
running the same step again, or undone by `recover`.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune import failpoints
from selftune.errors import ConfigError, IntegrityError, SelftuneError, WaitingForPersonError
from selftune.records import (
    Arm,
    Build,
    Bundle,
    Evaluation,
    HealthCheck,
    Outcome,
    Release,
    Statement,
    StatementKind,
    canonical_json,
)
from selftune.release.config_edit import edit_serving, plan_edit
from selftune.release.health import GREETING, GREETING_TOKENS
from selftune.release.live import LiveServer
from selftune.release.manifest import Manifest, place_files, read_pointer
from selftune.release.naming import MODEL, file_name, next_version, release_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.context import Context
    from selftune.records import ServingProof
    from selftune.release.base import Live, Promotion, Switched
    from selftune.release.config import Target

STAGE_VERSION: Final = 1
_INTENT: Final = "release"


def release(promotion: Promotion, target: Target, context: Context) -> Release:
    """Put a promoted build into service under a version of its own.

    Raises:
        IntegrityError: the decision does not let this build in.
        DamagedFileError: its files are not what was evaluated; what served before still does.
        ServingError: it did not start, prove itself or answer; what served before still does.
        WaitingForPersonError: approvals are missing.
        ConfigError: `selftune.toml` can't be read; nothing was changed.
    """
    return put_into_service(promotion, target, context, live=LiveServer(target))


def put_into_service(
    promotion: Promotion,
    target: Target,
    context: Context,
    *,
    live: Live,
    reach: Callable[[str], None] = failpoints.reach,
) -> Release:
    """`release`, with the server and the failpoints handed in."""
    check_promotion(promotion, target, context)
    evaluated = evaluated_proof(promotion, context)
    version = next_version(promotion.replaced.version if promotion.replaced else None)
    manifest = Manifest(
        name=release_name(target.project, target.base, version),
        version=version,
        generation=promotion.generation,
        alias=target.alias,
        build=promotion.build,
        proof=evaluated,
        slots=evaluated.slots if evaluated else 1,
        fallback=_name_of(promotion.replaced),
        driver=target.driver,
    )
    facts = _Facts(
        decision_id=promotion.decision.id if promotion.decision else None,
        replaced=promotion.replaced,
        approvals=promotion.approvals,
        reason=promotion.reason,
        concerns=promotion.concerns,
    )
    return _serve(manifest, facts, target, context, live, reach)


def rollback(
    back_to: Release,
    current: Release,
    target: Target,
    context: Context,
    *,
    reason: str,
    approvals: tuple[str, ...] = (),
) -> Release:
    """Serve an earlier release's build again, as a new release: undo is on record and has a version of its own.

    Raises:
        DamagedFileError: the earlier files are damaged; what serves now still does.
        ServingError: the earlier build did not start or prove itself; what serves now still does.
    """
    return take_back(back_to, current, target, context, live=LiveServer(target), reason=reason, approvals=approvals)


def take_back(
    back_to: Release,
    current: Release,
    target: Target,
    context: Context,
    *,
    live: Live,
    reason: str,
    approvals: tuple[str, ...] = (),
    reach: Callable[[str], None] = failpoints.reach,
) -> Release:
    """`rollback`, with the server and the failpoints handed in."""
    version = next_version(current.version)
    manifest = Manifest(
        name=release_name(target.project, target.base, version),
        version=version,
        generation=back_to.generation,
        alias=target.alias,
        build=context.read.record(back_to.build_id, Build),
        proof=back_to.proof,
        slots=back_to.proof.slots if back_to.proof else 1,
        # Not the release that a person has just left.
        fallback=_name_of(back_to),
        # What proved itself is the build as that server answered, whatever serves what is new.
        driver=back_to.driver,
    )
    facts = _Facts(decision_id=back_to.decision_id, replaced=current, approvals=approvals, reason=reason)
    return _serve(manifest, facts, target, context, live, reach)


def recover(active: Release | None, target: Target) -> tuple[str, ...]:
    """Undo a release that was begun and never recorded: afterwards `active`, the newest on record, serves again.

    A cycle that will run its release step again need not call this: running it again finishes it.

    Returns:
        What was put right, in plain words; empty when there was nothing to do.
    """
    return undo_unrecorded(active, target, live=LiveServer(target))


def undo_unrecorded(active: Release | None, target: Target, *, live: Live) -> tuple[str, ...]:
    """`recover`, with the server handed in."""
    pointer = read_pointer(target.hidden)
    # What the keeper took back by itself is no release that was cut off: it is put on record as it is.
    if active is None or pointer is None or pointer.left == _name_of(active):
        return ()
    done = []
    if pointer.active != _name_of(active):
        live.switch(_stem(active))
        done.append(f"{pointer.active} was begun and never recorded; {active.version} serves again.")
    wanted = _config_values(active.model_file, active.version)
    if plan_edit(Path(target.folder), wanted):
        edit_serving(Path(target.folder), wanted)
        done.append(f"selftune.toml names {active.version} again.")
    return tuple(done)


def taken_back(active: Release, target: Target) -> tuple[str, str] | None:
    """The model file that serves in place of the newest release, and why, where the keeper took that one back."""
    pointer = read_pointer(target.hidden)
    if pointer is None or pointer.left != _name_of(active):
        return None
    return file_name(pointer.active, MODEL), pointer.why or "it was not healthy"


def check_promotion(promotion: Promotion, target: Target, context: Context) -> None:
    """Refuse what the gate or the people responsible have not let in.

    Raises:
        IntegrityError: the decision is missing, says something else, or speaks of another build.
        WaitingForPersonError: too few people have approved this very decision.
    """
    decision = promotion.decision
    if decision is None:
        if promotion.generation != 0:
            raise IntegrityError("only the base is released without a decision.", next_step="Run `selftune decide`.")
        return
    if decision.outcome is not Outcome.PROMOTE:
        raise IntegrityError(
            f"the gate said {decision.outcome.value}: {decision.reason}", next_step="Only what it promotes is released."
        )
    if decision.build_id != promotion.build.id:
        raise IntegrityError(
            "the decision speaks of another build than the one to release.", next_step="Evaluate this build first."
        )
    given = count_approvals(promotion, context)
    if given < target.approvals_required:
        raise WaitingForPersonError(
            f"{given} of {target.approvals_required} approvals are there.",
            next_step="Ask a colleague to run `selftune approve`; what serves goes on serving.",
        )


def count_approvals(promotion: Promotion, context: Context) -> int:
    """How many people approved this decision, or signed a bundle of it: named authors, no models, each once."""
    statements = [context.read.record(statement_id, Statement) for statement_id in promotion.approvals]
    decision_id = promotion.decision.id if promotion.decision else None
    for statement in statements:
        signed = statement.kind is StatementKind.SIGN_OFF
        subject = context.read.record(statement.subject, Bundle).subject if signed else statement.subject
        if subject != decision_id:
            raise IntegrityError(
                f"approval {statement.id} is about {statement.subject}, not about this decision.",
                next_step="Approve the decision itself.",
            )
    return len(
        {
            statement.author
            for statement in statements
            if statement.kind in {StatementKind.APPROVAL, StatementKind.SIGN_OFF} and not statement.author_is_model
        }
    )


def evaluated_proof(promotion: Promotion, context: Context) -> ServingProof | None:
    """What the server showed itself to be when the gate's evidence was taken; None for the base.

    Raises:
        IntegrityError: the decision holds no evaluation of this build as it is.
    """
    if promotion.decision is None:
        return None
    for arm, evaluation_id in promotion.decision.arms:
        if arm is Arm.CANDIDATE:
            evaluation = context.read.record(evaluation_id, Evaluation)
            if evaluation.build_digest == promotion.build.digest:
                return evaluation.proof
    raise IntegrityError(
        "the decision rests on no evaluation of this build as served.",
        next_step="Evaluate and decide again.",
    )


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """What a Release says besides what was served."""

    decision_id: str | None
    replaced: Release | None
    approvals: tuple[str, ...]
    reason: str
    concerns: tuple[str, ...] = ()


def _serve(
    manifest: Manifest, facts: _Facts, target: Target, context: Context, live: Live, reach: Callable[[str], None]
) -> Release:
    """All effects in order, each fit to be done twice; what fails after the switch switches back."""
    folder = Path(target.folder)
    values = _config_values(file_name(manifest.name, MODEL), manifest.version)
    edit = _intended_edit(context, manifest, folder, values)
    reach("release-intent")
    placed = place_files(manifest, context.blobs, target.hidden)
    reach("release-placed")
    switched = live.switch(manifest.name, placed)
    reach("release-switched")
    try:
        edit_serving(folder, values)
        reach("release-edited")
        answered = _answers(live)
    except (SelftuneError, OSError):
        _restore(facts.replaced, target, live)
        raise
    return Release(
        version=manifest.version,
        generation=manifest.generation,
        alias=manifest.alias,
        build_id=manifest.build.id,
        build_digest=manifest.build.digest,
        model_file=file_name(manifest.name, MODEL),
        decision_id=facts.decision_id,
        replaced=facts.replaced.id if facts.replaced else None,
        reason=facts.reason,
        config_edit=edit,
        approvals=facts.approvals,
        health=(*switched.health, _gap(switched), answered),
        proof=switched.proof,
        driver=manifest.driver,
        concerns=facts.concerns,
    )


def _intended_edit(
    context: Context, manifest: Manifest, folder: Path, values: dict[str, str]
) -> tuple[tuple[str, str, str], ...]:
    """What the config edit changes, remembered from the first try: after a crash the file may be edited already."""
    key = f"{_INTENT} {manifest.version} {manifest.build.digest}"
    kept = context.work.get(key)
    if kept is not None:
        return tuple((key, old, new) for key, old, new in json.loads(kept))
    edit = plan_edit(folder, values)
    context.work.put(key, canonical_json(edit).encode())
    return edit


def _answers(live: Live) -> HealthCheck:
    """The last look: a question through the address that clients use."""
    text = live.ask(GREETING, max_tokens=GREETING_TOKENS)
    return HealthCheck(name="address", passed=True, detail=f"{len(text)} characters through the public address")


def _gap(switched: Switched) -> HealthCheck:
    detail = f"nobody answered for {switched.gap_seconds:.1f} s" if switched.gap_seconds else "no gap"
    return HealthCheck(name="gap", passed=True, detail=detail)


def _restore(replaced: Release | None, target: Target, live: Live) -> None:
    """What served before serves again, in the config too; nothing to do for the first release."""
    if replaced is None:
        return
    live.switch(_stem(replaced))
    # A config that can't be written is what brought us here, or will be said by the next command that reads it.
    with suppress(ConfigError, OSError):
        edit_serving(Path(target.folder), _config_values(replaced.model_file, replaced.version))


def _config_values(model_file: str, version: str) -> dict[str, str]:
    return {"model": f".selftune/models/{model_file}", "release": version}


def _stem(of: Release) -> str:
    return of.model_file.removesuffix(".gguf")


def _name_of(of: Release | None) -> str | None:
    return None if of is None else _stem(of)
