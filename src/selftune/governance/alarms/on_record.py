"""Every projection on record, against what was measured since: of our own releases, or of an archived programme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.governance.alarms.of_releases import histories_of, measured_promotions, newest_promotion
from selftune.governance.alarms.projections import Reached, judge_projection
from selftune.governance.archive.series import measures_of, series_of, values_of
from selftune.records import Projection, Release

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.governance.alarms.projections import JudgedProjection
    from selftune.store import Store
    from selftune.store.sessions import SessionFacts

RELEASES: Final = "releases"
_AROUND: Final = 100


def judge_on_record(store: Store) -> tuple[tuple[str, JudgedProjection], ...]:
    """Every projection with its id, against what was measured since; worked out each time."""
    found = []
    programmes: dict[str, list[SessionFacts]] = {}
    for place, projection in store.each(Projection):
        wanted, subject = {at for at, _ in projection.points}, projection.subject
        if subject == RELEASES:
            reached = _of_releases(store, projection, wanted)
        else:
            if subject not in programmes:
                programmes[subject] = list(store.sessions.facts(subject))
            reached = _of_sessions(programmes[subject], projection, wanted)
        found.append((projection.id, judge_projection(projection, place, reached)))
    return tuple(found)


def _of_releases(store: Store, projection: Projection, wanted: set[int]) -> dict[int, Reached]:
    """What the promotions of these generations were measured at."""
    promoting = newest_promotion(store)
    if promoting is None:
        return {}
    measured = measured_promotions(store, promoting)
    history = next((one for one in histories_of(measured) if one.name == projection.series), None)
    if history is None:
        return {}
    generations = {one.version: one.generation for _, one in store.each(Release)}
    places = {one.label: store.sequence_of(one.evaluation.id) for one in measured}
    return {
        generations[label]: Reached(value=value, place=places[label])
        for label, value in zip(history.labels, history.values, strict=True)
        if generations.get(label) in wanted
    }


def _of_sessions(facts: Sequence[SessionFacts], projection: Projection, wanted: set[int]) -> dict[int, Reached]:
    """The mean of the hundred sessions up to each of these numbers, once the last of them is there."""
    at = {one.number: place for place, one in enumerate(facts)}
    reached = {}
    for number in sorted(wanted & set(at)):
        rows = facts[max(0, at[number] - _AROUND + 1) : at[number] + 1]
        (window,) = series_of(rows, size=len(rows))
        if projection.series in measures_of((window,)):
            (value,) = values_of((window,), projection.series)
            if value is None:
                continue  # not measured there, which is no zero
            # The session of this very number is what the projection must have come before.
            reached[number] = Reached(value=value, place=rows[-1].sequence, n=len(rows))
    return reached
