"""A champion and a baseline for each base and mode: a result says nothing of another base, nor of another budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.errors import UsageError
from selftune.records import Experiment, ExperimentResult, Mode

if TYPE_CHECKING:
    from selftune.store import Store


class IncomparableError(UsageError):
    """Two results were to be compared that no difference can be taken of."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What tries of one base and mode are held against.

    Attributes:
        score: Its mean on the screen of this digest.
    """

    base_digest: str
    mode: Mode
    score: float
    suite_digest: str
    run_id: str | None
    evaluation_id: str | None


def experiments_on(store: Store, base_digest: str, mode: Mode) -> tuple[Experiment, ...]:
    """Every try on this very base in this mode, oldest first."""
    tries = (one for _, one in store.each(Experiment))
    return tuple(one for one in tries if (one.base_digest, one.mode) == (base_digest, mode))


def baseline_of(store: Store, base_digest: str, mode: Mode) -> Baseline | None:
    """The newest baseline measured on this base in this mode; None where there is none, and no other stands in."""
    for one in reversed(experiments_on(store, base_digest, mode)):
        if one.baseline is not None:
            return Baseline(
                base_digest=base_digest,
                mode=mode,
                score=one.baseline,
                suite_digest=one.suite_digest,
                run_id=one.baseline_run_id,
                evaluation_id=one.baseline_evaluation_id,
            )
    return None


def champion_of(store: Store, base_digest: str, mode: Mode) -> Experiment | None:
    """The last try that was kept on this base in this mode; what serves is not its matter."""
    kept = [one for one in experiments_on(store, base_digest, mode) if one.result is ExperimentResult.KEPT]
    return kept[-1] if kept else None


def gain_over(one: Experiment, baseline: Baseline) -> float:
    """By how much a try lies above a baseline, as plain means, for tables. What is decided rests on its paired effect.

    Raises:
        IncomparableError: they are of two bases, modes or screens, or the try was not measured.
    """
    for what, ours, theirs in (
        ("bases", one.base_digest, baseline.base_digest),
        ("modes", one.mode, baseline.mode),
        ("screens", one.suite_digest, baseline.suite_digest),
    ):
        if ours != theirs:
            raise IncomparableError(
                f"experiment {one.name} and that baseline are of two {what}: {ours[:19]} and {theirs[:19]}.",
                next_step=f"Compare it with a baseline of its own {what[:-1]}.",
            )
    if one.score is None:
        raise IncomparableError(f"experiment {one.name} was not measured.", next_step="Try it again.")
    return one.score - baseline.score


def worth_a_full_try(store: Store, full_digest: str) -> tuple[Experiment, ...]:
    """What tries on bases that stand in may decide: those that were kept, and were never tried on the full base."""
    tried = {one.changes for one in experiments_on(store, full_digest, Mode.FULL)}
    proxies = (one for _, one in store.each(Experiment) if one.mode is Mode.PROXY)
    kept = {one.changes: one for one in proxies if one.result is ExperimentResult.KEPT}
    return tuple(one for changes, one in kept.items() if changes not in tried)
