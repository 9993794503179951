"""What was seen of earlier tries on a base, as proposers are told it: how far each lay from its baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.loop.experiments.base import Seen
from selftune.records import Experiment, ExperimentResult

if TYPE_CHECKING:
    from selftune.records import Mode
    from selftune.store import Store


def seen_on(store: Store, base_digest: str, mode: Mode) -> tuple[Seen, ...]:
    """The tries on this very base in this mode, oldest first; what another base or mode showed is no news of this."""
    return tuple(
        seen_of(one) for _, one in store.each(Experiment) if one.base_digest == base_digest and one.mode is mode
    )


def seen_of(experiment: Experiment) -> Seen:
    """One try as it is told."""
    return Seen(
        experiment=experiment.name,
        changes=experiment.changes,
        lane=experiment.lane,
        effect=experiment.effect,
        trouble="" if experiment.effect is not None else experiment.why,
        cut_off=experiment.result is ExperimentResult.OUT_OF_TIME,
    )
