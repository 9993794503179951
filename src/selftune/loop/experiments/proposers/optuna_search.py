"""Optuna's TPE (Bergstra et al. 2011), asked and told: its journal lies in a file that outlives a crash.

It learns the paired differences themselves. A try that could not be measured is told as failed, never as a number, and
the project as it stands is known from the start: it lies 0 from itself.
"""

from __future__ import annotations

import random
import warnings
from math import inf, prod
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ProposerError
from selftune.loop.experiments.agenda.points import bounds_of, changes_of, rounded, value_at, values_in
from selftune.loop.experiments.base import Lane, Proposal
from selftune.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from selftune.loop.experiments.base import Asked, Knob

_JOURNAL: Final = "optuna.journal"
_CHANGES: Final = "changes"
_EXPERIMENT: Final = "experiment"
# So many draws by TPE for each proposal that is wanted, and as many by chance; then the lane counts as used up.
_DRAWS: Final = 8
_SEEDS: Final = 1 << 32


class OptunaSearch:
    """One study for each lane, base and agenda; the lanes take turns."""

    def propose(self, asked: Asked) -> tuple[Proposal, ...]:
        """What TPE would try next: first what it asked for before a crash and nobody has tried.

        Raises:
            ProposerError: Optuna is not installed.
        """
        lanes = asked.agenda.lanes
        first = len(asked.seen) % len(lanes)
        found: list[Proposal] = []
        for lane in (*lanes[first:], *lanes[:first]):
            share = -(-asked.count // len(lanes)) if len(found) + 1 < asked.count else asked.count - len(found)
            found += _search(asked, lane, min(share, asked.count - len(found)))
        return tuple(found)


def _search(asked: Asked, lane: Lane, count: int) -> list[Proposal]:
    knobs = [knob for knob in asked.agenda.knobs if knob.lane is lane]
    study = _open(asked, lane)
    space = {knob.key: _distribution(knob) for knob in knobs}
    _tell(study, asked, knobs, space)
    done = {*asked.done, ()}
    left = _cells(knobs) - sum(values_in(changes).keys() <= space.keys() for changes in done)
    found: list[Proposal] = []
    for trial in _waiting(study):
        changes = tuple(trial.user_attrs[_CHANGES])
        if changes in done:
            study.tell(trial.number, state=_failed())
        elif len(found) < count:
            found.append(_proposal(lane, changes, study))
            done.add(changes)
    for draw in range(2 * _DRAWS * count):
        if len(found) == count or len(found) >= left:
            break
        # What TPE likes best it draws again and again; then chance says where to look beside it.
        drawn = _draw(study, asked, knobs, space, by_chance=draw >= _DRAWS * count)
        if drawn in done:
            study.tell(len(study.trials) - 1, state=_failed())
            continue
        found.append(_proposal(lane, drawn, study))
        done.add(drawn)
    return found


def _cells(knobs: Sequence[Knob]) -> float:
    """How many tries a lane has, the project as it stands among them; without end where a knob is no count."""
    sizes = (
        len(knob.choices) or (bounds_of(knob)[1] - bounds_of(knob)[0] + 1 if knob.whole else inf) for knob in knobs
    )
    return prod(sizes)


def _open(asked: Asked, lane: Lane) -> Study:
    try:
        import optuna
        from optuna.exceptions import ExperimentalWarning
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise ProposerError(
            "Optuna is not installed.", next_step="Install it with `pip install 'selftune[train]'`."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    asked.work.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(asked.work / _JOURNAL)))
    name = digest_of(["study", asked.agenda.digest, asked.base, asked.mode, lane])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study = optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
        # The same draws for the same question: the seed follows from how many trials there are.
        seed = int(digest_of([asked.seed, lane, len(study.trials)]).rpartition(":")[2][:8], 16) % _SEEDS
        study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=4, constant_liar=True)
    return study


def _distribution(knob: Knob) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if knob.choices:
        return CategoricalDistribution(knob.choices)
    least, most = bounds_of(knob)
    if knob.whole:
        return IntDistribution(int(least), int(most), log=knob.log)
    return FloatDistribution(least, most, log=knob.log)


def _tell(study: Study, asked: Asked, knobs: Sequence[Knob], space: Mapping[str, BaseDistribution]) -> None:
    """What was seen since, each try once; what the study asked for itself is told under its own number."""
    told = {trial.user_attrs.get(_EXPERIMENT) for trial in study.trials}
    waiting = {tuple(trial.user_attrs[_CHANGES]): trial for trial in _waiting(study)}
    if not told:
        study.add_trial(_trial({}, 0.0, "", knobs, space))
    for seen in asked.seen:
        values = values_in(seen.changes)
        if seen.experiment in told or not _holds(values, knobs, space):
            continue
        value = None if seen.effect is None else seen.effect.mean
        asked_for = waiting.pop(seen.changes, None)
        if asked_for is not None:
            study.tell(asked_for.number, value, state=_failed() if value is None else None)
        study.add_trial(_trial(values, None if asked_for else value, seen.experiment, knobs, space))


def _trial(
    values: Mapping[str, str],
    effect: float | None,
    experiment: str,
    knobs: Sequence[Knob],
    space: Mapping[str, BaseDistribution],
) -> FrozenTrial:
    """A finished trial; without an effect a failed one, of which TPE learns nothing."""
    from optuna.trial import TrialState, create_trial

    return create_trial(
        params={knob.key: _param(knob, values.get(knob.key, knob.now)) for knob in knobs},
        distributions=dict(space),
        value=effect,
        state=TrialState.FAIL if effect is None else TrialState.COMPLETE,
        user_attrs={_EXPERIMENT: experiment, _CHANGES: changes_of(values, knobs)},
    )


def _draw(
    study: Study, asked: Asked, knobs: Sequence[Knob], space: Mapping[str, BaseDistribution], *, by_chance: bool
) -> tuple[str, ...]:
    """One draw. Knobs beyond as many as may be turned at once stay as they are."""
    chance = random.Random(digest_of([asked.seed, len(study.trials)]))  # noqa: S311 - draws must repeat, not be secret
    turned = chance.sample(list(knobs), min(asked.agenda.constraints.most_changes or len(knobs), len(knobs)))
    set_before = {knob.key: _param(knob, knob.now) for knob in knobs if knob not in turned}
    if by_chance:
        set_before |= {knob.key: _param(knob, value_at(knob, chance.random())) for knob in turned}
    if set_before:
        study.enqueue_trial(set_before)
    trial = study.ask(dict(space))
    changes = changes_of({knob.key: _text(knob, trial.params[knob.key]) for knob in knobs}, knobs)
    trial.set_user_attr(_CHANGES, changes)
    return changes


def _text(knob: Knob, value: Any) -> str:
    return str(value) if knob.choices else rounded(knob, value)


def _waiting(study: Study) -> list[FrozenTrial]:
    """What the study asked for and was not told of."""
    from optuna.trial import TrialState

    return [trial for trial in study.get_trials(states=(TrialState.RUNNING,)) if _CHANGES in trial.user_attrs]


def _holds(values: Mapping[str, str], knobs: Sequence[Knob], space: Mapping[str, BaseDistribution]) -> bool:
    """Whether a try lies in this lane, within today's bounds."""
    known = {knob.key: knob for knob in knobs}
    return all(
        key in known and space[key]._contains(space[key].to_internal_repr(_param(known[key], text)))  # noqa: SLF001
        for key, text in values.items()
    )


def _param(knob: Knob, text: str) -> Any:
    if knob.choices:
        return text
    return int(text) if knob.whole else float(text)


def _proposal(lane: Lane, changes: tuple[str, ...], study: Study) -> Proposal:
    from optuna.trial import TrialState

    measured = len(study.get_trials(states=(TrialState.COMPLETE,))) - 1
    return Proposal(lane=lane, changes=changes, reason=f"TPE, after {measured} measured tries in this lane")


def _failed() -> Any:
    from optuna.trial import TrialState

    return TrialState.FAIL
