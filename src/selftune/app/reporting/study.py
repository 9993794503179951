"""The secondary measures of the longitudinal study (mission A39), of what each generation said while it served.

Each is reckoned from interactions in the log that a release wrote, and from the last verdict on each. What the log does
not hold is called not measured, and why; nothing is made up afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

from selftune.app.reporting.arms import LEVEL
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Said, Section, Table
from selftune.gate.statistics.means import mean_interval
from selftune.personas.gauges.resolution import UNRESOLVED, is_high, resolution_turns
from selftune.records import (
    Codex,
    Interaction,
    InteractionOutcome,
    Judgement,
    JudgementStatus,
    Release,
    Rubric,
    Trigger,
    digest_of,
)
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.loop.project import Project
    from selftune.records import DissonanceLimits
    from selftune.store.facts import Verdict

FIDELITY: Final = ("logical_rigor", "creative_synthesis")
"""The criteria of the rubric `golden` that hold each persona to its own part (mission A14)."""

_PARTS: Final = ("the analyst, by logical rigor", "the synthesist, by creative synthesis")
_RESAMPLED: Final = "resampled"

RESOLVED: Final = 0.5
"""Without a codex dissonance counts as resolved at the first turn in which so much of its highest value is gone."""


@dataclass(frozen=True, kw_only=True)
class GenerationStudy:
    """What one generation said while it served.

    Attributes:
        interactions: All that it wrote; `judged`: those with a scored verdict, of which `failed` had a critical error
            and `intervened` were set right or finished by a person (one may be both).
        turns: Of each dialogue whose dissonance rose and was resolved, the turns that it took.
        unresolved: Dialogues that ended before it was.
        fidelity: Mean of the two criteria of each verdict that gave both, and the scale they are on; `analyst` and
            `synthesist` are the two by themselves, `by_persona` the mean again, over the verdicts on what each named
            persona spoke in.
        by_users: Tasks that users brought with a scored verdict, and those of them that succeeded; `by_goals` the same
            of goals that the system set itself. An answer that was drawn again is no task of its own.
    """

    version: str
    interactions: int
    judged: int
    failed: int
    intervened: int
    succeeded: int
    turns: tuple[int, ...] = ()
    unresolved: int = 0
    fidelity: tuple[float, ...] = ()
    scale: tuple[float, float] = (1.0, 5.0)
    analyst: tuple[float, ...] = ()
    synthesist: tuple[float, ...] = ()
    by_persona: tuple[tuple[str, tuple[float, ...]], ...] = ()
    by_users: tuple[int, int] = (0, 0)
    by_goals: tuple[int, int] = (0, 0)


def turns_to_resolve(by_turn: Sequence[float], resolved: float = RESOLVED) -> int | None:
    """Turns from the one in which dissonance stood highest to the first with at most 1 - `resolved` of that left.

    None where it never fell so far. It is held against its own height: the scale of another runtime has no threshold
    that we know. A dialogue under a codex is held against that codex's (see `gauges.resolution`).
    """
    highest = max(by_turn)
    top = by_turn.index(highest)
    return next((at for at, value in enumerate(by_turn[top:]) if value <= highest * (1 - resolved)), None)


@dataclass(kw_only=True)
class _Tally:
    """One generation while its interactions are counted."""

    interactions: int = 0
    judged: int = 0
    failed: int = 0
    intervened: int = 0
    succeeded: int = 0
    turns: list[int] = field(default_factory=list)
    unresolved: int = 0
    fidelity: list[tuple[float, ...]] = field(default_factory=list)
    by_persona: dict[str, list[float]] = field(default_factory=dict)
    users: list[bool] = field(default_factory=list)
    goals: list[bool] = field(default_factory=list)


class _Writer(NamedTuple):
    """Which release wrote an interaction, and which of its personas spoke there."""

    version: str
    personas: tuple[str, ...]


def study_generations(project: Project, releases: Sequence[Release]) -> tuple[GenerationStudy, ...]:
    """Each release that wrote anything, oldest first; one pass over the log, words are read and let go."""
    store = project.store
    versions = {release.build_digest: release.version for release in reversed(releases)}
    verdicts = {one.interaction_id: one for one in store.verdicts() if one.status is JudgementStatus.SCORED}
    limits = {codex.id: codex.dissonance for _, codex in store.each(Codex)}
    passed_over, tallies, writers = store.superseded(), dict[str, _Tally](), dict[str, _Writer]()
    for _, said in store.each(Interaction):
        version = versions.get(said.generated_by or "")
        if version is not None and said.id not in passed_over:
            writers[said.id] = _Writer(version, _speakers(said))
            tally = tallies.setdefault(version, _Tally())
            _count(tally, said, verdicts.get(said.id), limits.get(said.codex_id or ""))
    scale = _add_fidelity(project, tallies, writers, verdicts)
    ordered = dict.fromkeys(release.version for release in releases if release.version in tallies)
    return tuple(_studied(version, tallies[version], scale) for version in ordered)


def _speakers(said: Interaction) -> tuple[str, ...]:
    """The personas that spoke in it, each once; none where nobody wrote down who."""
    named = (message.persona for message in said.messages if message.role == "assistant")
    return tuple(dict.fromkeys(name for name in named if name))


def _count(tally: _Tally, said: Interaction, verdict: Verdict | None, limits: DissonanceLimits | None) -> None:
    tally.interactions += 1
    if verdict is not None:
        failed = verdict.critical or said.outcome is InteractionOutcome.ERROR
        corrected = said.feedback is not None and said.feedback.correction is not None
        intervened = corrected or said.outcome is InteractionOutcome.HUMAN_INTERVENED
        tally.judged += 1
        tally.failed += failed
        tally.intervened += intervened
        tally.succeeded += not (failed or intervened)
        if _RESAMPLED not in said.flags:
            (tally.goals if said.trigger is Trigger.MOTIVATOR else tally.users).append(not (failed or intervened))
    if UNRESOLVED in said.flags:
        # It broke off, or was measured in part: whatever its last score is, no round resolved it.
        tally.unresolved += 1
    elif said.dissonance and (max(said.dissonance) > 0 if limits is None else is_high(said.dissonance, limits)):
        turns = turns_to_resolve(said.dissonance) if limits is None else resolution_turns(said.dissonance, limits)
        if turns is None:
            tally.unresolved += 1
        else:
            tally.turns.append(turns)


def _add_fidelity(
    project: Project, tallies: Mapping[str, _Tally], writers: Mapping[str, _Writer], verdicts: Mapping[str, Verdict]
) -> tuple[float, float]:
    """Read the criteria of the last verdicts, where a rubric has those of the personas; gives the rubric's scale."""
    rubrics = {digest_of(one): one for _, one in project.store.each(Rubric) if _has_personas(one)}
    if not rubrics:
        return (1.0, 5.0)
    last = {verdicts[name].judgement_id: writer for name, writer in writers.items() if name in verdicts}
    newest = list(rubrics.values())[-1]
    for _, verdict in project.store.each(Judgement):
        if verdict.id in last and verdict.rubric_digest in rubrics:
            given = {one.name: one.score for one in verdict.criteria}
            scores = [score for name in FIDELITY if (score := given.get(name)) is not None]
            if len(scores) == len(FIDELITY):
                tally, writer = tallies[last[verdict.id].version], last[verdict.id]
                tally.fidelity.append(tuple(scores))
                for name in writer.personas:
                    tally.by_persona.setdefault(name, []).append(fmean(scores))
    return newest.lowest, newest.highest


def _has_personas(rubric: Rubric) -> bool:
    return set(FIDELITY) <= {criterion.name for criterion in rubric.criteria}


def _studied(version: str, tally: _Tally, scale: tuple[float, float]) -> GenerationStudy:
    return GenerationStudy(
        version=version,
        interactions=tally.interactions,
        judged=tally.judged,
        failed=tally.failed,
        intervened=tally.intervened,
        succeeded=tally.succeeded,
        turns=tuple(tally.turns),
        unresolved=tally.unresolved,
        fidelity=tuple(map(fmean, tally.fidelity)),
        scale=scale,
        analyst=tuple(rigor for rigor, _ in tally.fidelity),
        synthesist=tuple(synthesis for _, synthesis in tally.fidelity),
        by_persona=tuple((name, tuple(scores)) for name, scores in sorted(tally.by_persona.items())),
        by_users=(len(tally.users), sum(tally.users)),
        by_goals=(len(tally.goals), sum(tally.goals)),
    )


# --- The section ------------------------------------------------------------------------------------------------------


def study_section(studied: Sequence[GenerationStudy]) -> Section:
    """The three measures, one row for each generation and measure, each with its n and interval or why it has none."""
    return Section(title="The study's secondary measures", parts=tuple(_parts(studied)))


def _parts(studied: Sequence[GenerationStudy]) -> Iterator[Part]:
    if not studied:
        yield Said(text="Not measured: no interaction in the log was written by a release of this project.")
        return
    rows = [
        row
        for one in studied
        for row in (
            _success(one),
            *_success_by_asker(one),
            _resolution(one),
            _fidelity(one),
            *_fidelity_by_persona(one),
        )
    ]
    yield Table(
        caption="By generation, over what it said while it served; intervals at 95 %",
        head=("generation", "measure", "value", "interval", "n", "of"),
        rows=tuple(rows),
    )
    yield Said(
        text="Task success: no critical error in the last verdict and nothing set right by a person. Resolution: turns "
        "from the first in dissonance to the first below the codex's threshold; in a log without a codex from the "
        "highest to half of it. Fidelity: the mean of logical rigor and creative synthesis. Each "
        "generation was asked other things, so what differs between rows need not be the model; the gate reads none."
    )


def _success(one: GenerationStudy) -> Row:
    named = (one.version, "task success rate")
    if not one.judged:
        return (*named, *_missing(f"{figures.counted(one.interactions, 'interaction')}, none with a verdict"))
    low, high = wilson_interval(one.succeeded, one.judged, LEVEL)
    again = one.judged - one.by_users[0] - one.by_goals[0]
    detail = (
        f"{one.judged} judged of {one.interactions}; {one.failed} with a critical error, {one.intervened} set right"
        + (f"; {figures.counted(again, 'further answer')} to the same tasks, drawn to learn from" if again else "")
    )
    return (
        *named,
        _percent(one.succeeded / one.judged),
        f"[{_percent(low)}, {_percent(high)}]",
        str(one.judged),
        detail,
    )


def _success_by_asker(one: GenerationStudy) -> Iterator[Row]:
    if not one.judged:
        return
    for asker, (tasks, succeeded) in (("tasks of users", one.by_users), ("goals set by itself", one.by_goals)):
        named = (one.version, f"of it {asker}")
        if not tasks:
            yield (*named, *_missing("none has a verdict"))
            continue
        low, high = wilson_interval(succeeded, tasks, LEVEL)
        bounds = f"[{_percent(low)}, {_percent(high)}]"
        yield (*named, _percent(succeeded / tasks), bounds, str(tasks), "each task once, as it was answered first")


def _percent(value: float) -> str:
    return f"{figures.number(100 * value, 1)}%"


def _resolution(one: GenerationStudy) -> Row:
    named = (one.version, "dissonance resolution time, turns")
    rose = len(one.turns) + one.unresolved
    if not one.turns:
        why = f"{rose} dialogues, none resolved" if rose else "no interaction carries a dissonance that rose"
        return (*named, *_missing(why))
    bounds = mean_interval(one.turns, LEVEL, (0.0, float(2 * max(one.turns))))
    told = f"{len(one.turns)} resolved of {rose}; those unresolved have no time and are left out"
    return (
        *named,
        figures.number(fmean(one.turns)),
        figures.interval(bounds) or figures.NOTHING,
        str(len(one.turns)),
        told,
    )


def _fidelity(one: GenerationStudy) -> Row:
    named = (one.version, f"persona fidelity, {one.scale[0]:g} to {one.scale[1]:g}")
    if not one.fidelity:
        return (*named, *_missing("no verdict scores both logical rigor and creative synthesis"))
    bounds = mean_interval(one.fidelity, LEVEL, one.scale)
    return (
        *named,
        figures.number(fmean(one.fidelity)),
        figures.interval(bounds) or figures.NOTHING,
        str(len(one.fidelity)),
        "verdicts that score both",
    )


def _fidelity_by_persona(one: GenerationStudy) -> Iterator[Row]:
    parts = [
        *(
            (f"of it {part}", scores, "the same")
            for part, scores in zip(_PARTS, (one.analyst, one.synthesist), strict=True)
        ),
        *((f"of it where {name} spoke", scores, "both, as above") for name, scores in one.by_persona),
    ]
    for part, scores, of in parts:
        if scores:
            bounds = figures.interval(mean_interval(scores, LEVEL, one.scale)) or figures.NOTHING
            yield (one.version, part, figures.number(fmean(scores)), bounds, str(len(scores)), of)


def _missing(why: str) -> tuple[str, str, str, str]:
    return ("not measured", figures.NOTHING, "0", why)
