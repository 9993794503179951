"""Rebuild: a model that learnt from forgotten words is trained without them, with a certificate that anybody can check.

The certificate says that the rebuilt adapter is, byte for byte, one that was trained in a store which never held the
words, and that ledger entries name what was erased and what was rebuilt. `ledger/verify.py` checks it. Whether the
second training was honestly made is the word of whoever holds the machine key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import IntegrityError, UsageError
from selftune.failpoints import reach
from selftune.ledger.keys import load_machine_key
from selftune.ledger.proofs import sign_certificate
from selftune.loop.forgetting.replay import never_held, plan_replay, replay
from selftune.loop.opened import utc_now
from selftune.loop.runner import hold_machine
from selftune.records import Build, Interaction, Release, Run

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.ledger.mirror import Checkpoint
    from selftune.loop.executor import Observer
    from selftune.loop.forgetting.replay import Replay, Replayed
    from selftune.loop.opened import Project
    from selftune.records import Forgetting

REBUILT: Final = "rebuilt"
FOLDER: Final = "data/forgetting"
_NAME_LETTERS: Final = 12


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What a rebuild left.

    Attributes:
        replaced: The run that had learnt from the words; `run` is the one without them.
        lessons: How many it learnt from, of `before` that the other had.
        dropped: Answers that were left out because what had learnt from the words gave them.
        certificate: Where it lies.
    """

    replaced: str
    run: Run
    lessons: int
    before: int
    dropped: int
    certificate: Path


def rebuild(project: Project, done: Forgetting, observer: Observer) -> Rebuilt:
    """Train without what was forgotten, twice, and keep the run if both are the same; the gate decides about it.

    Raises:
        UsageError: nothing trained here had learnt from it, or it can't come again bit for bit (see `plan_replay`).
        NothingToTrainOnError: nothing is left to learn from.
        IntegrityError: the two trainings differ; nothing is kept.
        LockedError: another runner has the project.
    """
    with hold_machine(project, observer):
        project.check_base_files()
        wanted = plan_replay(project, run_to_rebuild(project, done), done.answers)
        observer.told(f"Training {wanted.run.recipe} without them, then once more in a store that never held them.")
        made = replay(project, wanted)
        with never_held(project, wanted) as other:
            control = replay(other, wanted)
        _refuse_unequal(made, control)
        reach("rebuild-trained")
        project.store.save([made.dataset, made.run], event=REBUILT, detail={"forgetting": done.id})
        return Rebuilt(
            replaced=wanted.run.id,
            run=made.run,
            lessons=len(made.dataset.taught),
            before=len(wanted.dataset.taught),
            dropped=len(wanted.dropped),
            certificate=_certify(project, done, wanted, made, control),
        )


def run_to_rebuild(project: Project, done: Forgetting) -> Run:
    """The run behind what serves, if it had learnt from the words; else the newest that had.

    Raises:
        UsageError: none had.
    """
    touched = [name for name in done.touched if name.startswith(f"{Run.KIND}:")]
    if not touched:
        raise UsageError("no training here learnt from what was forgotten.", next_step="There is nothing to rebuild.")
    release = project.store.last(Release)
    serving = None if release is None else project.store.record(release.build_id, Build).run_id
    return project.store.record(serving if serving in touched else max(touched, key=project.store.sequence_of), Run)


def _refuse_unequal(made: Replayed, control: Replayed) -> None:
    if made.run.adapter and made.adapter == control.adapter and made.dataset.id == control.dataset.id:
        return
    if not made.run.adapter:
        raise IntegrityError(
            f"the training without them left no adapter: {made.run.reason or made.run.status.value}.",
            next_step="Look at what is left with `selftune dataset list`; nothing was kept.",
        )
    raise IntegrityError(
        "the adapter without them is not the one of a store that never held them; nothing was kept.",
        next_step="See whether this machine repeats itself: selftune train repeat",
    )


def _certify(project: Project, done: Forgetting, wanted: Replay, made: Replayed, control: Replayed) -> Path:
    """Sign the ledger as it is now, and write what can be checked against it; returns where."""
    checkpoint: Checkpoint = project.store.checkpoint()
    erased = [name for name in done.erased if name.startswith(f"{Interaction.KIND}:")]
    claims = {
        "what": "selftune forgetting: the rebuilt adapter is that of a training that never saw what was erased",
        "forgetting": done.id,
        "replaced": wanted.run.id,
        "rebuilt": made.run.id,
        "dataset": made.dataset.id,
        "lessons": f"{len(made.dataset.taught)} of {len(wanted.dataset.taught)}",
        "dropped": " ".join(sorted(wanted.dropped)) or "none",
        "declared": "none",
        "code": made.run.code_version,
        "environment": "; ".join(f"{name} {value}" for name, value in made.run.environment),
    }
    text = sign_certificate(
        checkpoint,
        load_machine_key(project.hidden / "keys"),
        at=utc_now(),
        claims=claims,
        present=[*erased, done.id, wanted.run.id, made.dataset.id, made.run.id],
        absent=[],
        equal=[(one, other) for (_, one), (_, other) in zip(made.adapter, control.adapter, strict=True)],
    )
    path = project.folder / FOLDER / f"{made.run.id.partition(':')[2][:_NAME_LETTERS]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(text)
    draft.replace(path)
    return path
