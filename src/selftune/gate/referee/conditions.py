"""Whether the two arms were measured alike: what makes a comparison invalid, and what a reader must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.means import mean_difference
from selftune.records import Check, CheckStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.gate.referee.pairing import Paired
    from selftune.gate.referee.verdict import Terms
    from selftune.gate.statistics.means import MeanDifference
    from selftune.records.scores import ScoreSheet

_LEAST_ITEMS: Final = 2
_NAMED: Final = 10
_FEW: Final = 12


def check_conditions(champion: ScoreSheet, candidate: ScoreSheet, paired: Paired, terms: Terms) -> tuple[Check, ...]:
    """What must hold before anything is said of the candidate; a failed one makes the comparison invalid."""
    everything = paired.common + len(paired.asked_otherwise) + len(paired.alone)
    return (
        _unscored("champion", champion, terms),
        _unscored("candidate", candidate, terms),
        _enough(paired),
        _common(paired, everything, terms),
        *_asked_alike(champion, candidate, paired, terms),
        *_same("judge", champion.facts.judge, candidate.facts.judge),
        *_same("rubric", champion.facts.rubric, candidate.facts.rubric),
        *_same("metric", champion.facts.metric, candidate.facts.metric),
        *_same("suite", champion.facts.suite, candidate.facts.suite),
    )


def _unscored(arm: str, sheet: ScoreSheet, terms: Terms) -> Check:
    share = len(sheet.unscored) / sheet.rows if sheet.rows else 1.0
    reasons = list(dict.fromkeys(row.reason for row in sheet.unscored))
    outage = bool(sheet.rows) and len(sheet.unscored) == sheet.rows
    said = f"{len(sheet.unscored)} of {sheet.rows} rows of the {arm} have no score"
    if outage:
        said = f"no row of the {arm} has a score: an outage of its judge, not an answer of 0 ({reasons[0]})"
    return Check(
        name=f"unscored:{arm}",
        status=CheckStatus.PASS if share <= terms.max_unscored else CheckStatus.FAIL,
        detail=said,
        measured=share,
        threshold=terms.max_unscored,
        n=sheet.rows,
    )


def _enough(paired: Paired) -> Check:
    n = len(paired.places)
    return Check(
        name="paired_items",
        status=CheckStatus.PASS if n >= _LEAST_ITEMS else CheckStatus.FAIL,
        detail=f"{n} items have a score in both arms",
        measured=float(n),
        threshold=float(_LEAST_ITEMS),
        n=n,
    )


def _common(paired: Paired, everything: int, terms: Terms) -> Check:
    """An item that one arm was never asked is missing there, and what is missing may be what went wrong."""
    share = len(paired.alone) / everything if everything else 1.0
    return Check(
        name="same_items",
        status=CheckStatus.PASS if share <= terms.max_unscored else CheckStatus.FAIL,
        detail=f"{len(paired.alone)} of {everything} items stand in one arm only{_listed(paired.alone)}",
        measured=share,
        threshold=terms.max_unscored,
        n=everything,
    )


def _asked_alike(champion: ScoreSheet, candidate: ScoreSheet, paired: Paired, terms: Terms) -> Iterator[Check]:
    """The same id with another question is another item; only files that hold the questions can show it."""
    if not (champion.has_questions and candidate.has_questions):
        return
    asked, n = paired.asked_otherwise, paired.common + len(paired.asked_otherwise)
    share = len(asked) / n if n else 0.0
    yield Check(
        name="same_questions",
        status=CheckStatus.PASS if share <= terms.max_unscored else CheckStatus.FAIL,
        detail=f"{len(asked)} of {n} items ask something else in the other arm{_listed(asked)}",
        measured=share,
        threshold=terms.max_unscored,
        n=n,
    )


def _listed(items: Sequence[str]) -> str:
    """`: a, b, …`; nothing when there are none."""
    return (": " if items else "") + ", ".join(items[:_NAMED]) + (", …" if len(items) > _NAMED else "")


def _same(what: str, champion: str | None, candidate: str | None) -> Iterator[Check]:
    if champion is not None or candidate is not None:
        same = champion == candidate
        yield Check(
            name=f"same_{what}",
            status=CheckStatus.PASS if same else CheckStatus.FAIL,
            detail=f"both by the same {what}, {champion}"
            if same
            else f"the {what} is {champion or 'not named'} in one arm, {candidate or 'not named'} in the other",
        )


def note_conditions(
    champion: ScoreSheet,
    candidate: ScoreSheet,
    paired: Paired,
    found: MeanDifference | None,
    *,
    level: float,
    width: float,
    least: float,
) -> tuple[str, ...]:
    """What does not make the comparison invalid, and must be known to read it."""
    return (
        *_same_model(champion, candidate),
        *_parameters(champion, candidate),
        *_alone(paired),
        *_identical(paired),
        *_artefact(champion, candidate, found, level=level, width=width, least=least),
        *_raw_beside_ours(champion, candidate),
        *_few(found),
        *_critical(champion, candidate),
    )


def _same_model(champion: ScoreSheet, candidate: ScoreSheet) -> Iterator[str]:
    model = champion.facts.model
    if model is not None and model == candidate.facts.model:
        yield f"both arms name the same model, {model}: what differs is not the weights"


def _parameters(champion: ScoreSheet, candidate: ScoreSheet) -> Iterator[str]:
    ours, theirs = dict(champion.facts.parameters), dict(candidate.facts.parameters)
    for name in dict.fromkeys((*ours, *theirs)):
        if ours.get(name) != theirs.get(name):
            yield (
                f"{name} was {ours.get(name, 'not named')} for the champion, {theirs.get(name, 'not named')} for the "
                "candidate: what differs may be the setting, not the model"
            )


def _alone(paired: Paired) -> Iterator[str]:
    if paired.alone:
        yield f"{len(paired.alone)} items stand in one arm only and are left out{_listed(paired.alone)}"
    if paired.asked_otherwise:
        yield (
            f"{len(paired.asked_otherwise)} items ask something else in the other arm and are left out"
            f"{_listed(paired.asked_otherwise)}"
        )


def _identical(paired: Paired) -> Iterator[str]:
    if paired.differences and not any(paired.differences):
        yield (
            f"the two arms have the same score on each of {len(paired.differences)} items: the same file, or the same "
            "model behind both"
        )


def _artefact(
    champion: ScoreSheet,
    candidate: ScoreSheet,
    found: MeanDifference | None,
    *,
    level: float,
    width: float,
    least: float,
) -> Iterator[str]:
    """A difference that the files show, and that is gone once failures are no zeros and overalls are computed."""
    if found is None or not (champion.states and candidate.states):
        return
    items = [item for item in champion.items if item in candidate.items]
    pairs = [(champion.stated(item), candidate.stated(item)) for item in items]
    stated = [theirs - ours for ours, theirs in pairs if ours is not None and theirs is not None]
    if not stated:
        return
    shown = mean_difference([max(-width, min(width, d)) for d in stated], None, level=level, width=width)
    signs = [_sign(one.mean, one.interval, least) for one in (shown, found)]
    if signs[0] != signs[1] or abs(shown.mean - found.mean) >= least:
        yield (
            f"the files' own figures differ by {shown.mean:+.2f} on {shown.n} items, ours by {found.mean:+.2f} on "
            f"{found.n}: the rest is due to rows without a verdict counted as zeros, or to overrides of the judge"
        )


def _sign(mean: float, interval: tuple[float, float], least: float) -> int:
    if interval[0] > 0 and mean >= least:
        return 1
    return -1 if interval[1] < 0 else 0


def _raw_beside_ours(champion: ScoreSheet, candidate: ScoreSheet) -> Iterator[str]:
    """One file's scores are the judge's raw overalls, the other's are computed: they may not be set side by side."""
    kinds = {arm: sheet.has_own for arm, sheet in (("champion", champion), ("candidate", candidate))}
    if champion.facts.format != candidate.facts.format and len(set(kinds.values())) > 1:
        raw = next(arm for arm, computed in kinds.items() if not computed)
        yield (
            f"the {raw}'s scores are as its file gives them, the other arm's are computed by our weights: raw and "
            "corrected scores do not mix"
        )


def _few(found: MeanDifference | None) -> Iterator[str]:
    if found is not None and found.clusters < _FEW:
        yield f"{found.clusters} independent items are few: only a very large difference can be told from noise"


def _critical(champion: ScoreSheet, candidate: ScoreSheet) -> Iterator[str]:
    more = len(candidate.critical) - len(champion.critical)
    if more > 0:
        yield f"the candidate has {more} more items with a critical failure ({len(champion.critical)} before)"
