"""Decisions of the founding documents, replayed: what their rule said, and what this gate says of the same figures.

The items behind most of these figures were never published. They are drawn here so that every arm has the mean that was
told, over as many items as were told, with the spread of 0.2 that was told of such scores. No more is known of them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.app.campaigns.evidence import MadeUp, evidence_of, exam_of, training_of
from selftune.gate.base import Evidence, SuiteEvidence
from selftune.gate.policies import load_policy
from selftune.gate.stage import decide
from selftune.records import Arm, CurvePoint, RunPurpose, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.gate.config import Policy
    from selftune.records import Decision

SPREAD: Final = 0.2
BASELINE: Final = 0.778
MARGIN: Final = 0.02
NIGHTS: Final = 200
BY_CHANCE: Final = 11
"""A two-sided alpha of 5 % promotes in 2.5 % of the nights: 5 of 200; the 99 % binomial limit is 11."""

_TURNS: Final = 60


@dataclass(frozen=True, kw_only=True)
class Part:
    """Items that belong together, and what an arm scored on them."""

    category: str
    items: int
    champion: float
    candidate: float
    agent: str | None = None
    tier: str = "gold"
    graded: bool = True


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One published case.

    Attributes:
        source: The mission's item that tells of it.
        theirs: What was decided then, and by which rule.
        promised: The outcomes that this gate may give.
        policy: What it is decided under; None for the policy for one person.
    """

    name: str
    source: str
    theirs: str
    promised: tuple[str, ...]
    evidence: Evidence
    policy: Policy | None = None

    def decide(self) -> Decision:
        """What this gate says of it."""
        return decided(self.evidence, self.policy or POLICY)


def decided(evidence: Evidence, policy: Policy | None = None) -> Decision:
    """What this gate says, under the policy for one person unless another is given."""
    from selftune.testing import fake_context

    return decide(evidence, policy or POLICY, fake_context(Path()))


POLICY: Final[Policy] = load_policy("small")


def replays() -> tuple[Replay, ...]:
    """Every case, the seed's first."""
    return (*_seed_rows(), _overfitted(), *_vetoes(), *_memorised(), *_four_and_one(), *_served())


def _seed_rows() -> tuple[Replay, ...]:
    row = [Part(category="council", items=36, champion=BASELINE, candidate=score) for score in (0.782, 0.813)]
    theirs = f"kept at {BASELINE + MARGIN:.3f} or more"
    never = ("inconclusive", "reject")
    two_bases = evidence_of_parts(row[1])
    other = replace(two_bases.champion_build, base_digest=digest_of("the base of 9B"))
    moved = replace(two_bases.champion, build_id=other.id, build_digest=other.digest)
    return (
        Replay(
            name="0.782", source="C13", theirs=f"revert: {theirs}", promised=never, evidence=evidence_of_parts(row[0])
        ),
        Replay(name="0.813", source="C13", theirs=f"keep: {theirs}", promised=never, evidence=two_bases),
        Replay(
            name="0.813 on another base",
            source="F6",
            theirs="keep, against the baseline of the other base",
            promised=("invalid",),
            evidence=replace(two_bases, champion_build=other, champion=moved),
        ),
    )


def _overfitted() -> Replay:
    """The second version: what was held out of the training told the best of it, and four categories of six fell."""
    fell, rose = ("domain", "identity", "isolation", "jailbreak"), ("tools", "voice")
    parts = [Part(category=one, items=60, champion=BASELINE, candidate=BASELINE - 0.1, graded=False) for one in fell]
    parts += [Part(category=one, items=60, champion=BASELINE, candidate=BASELINE + 0.05, graded=False) for one in rose]
    return Replay(
        name="v2: validation loss near zero, 4 of 6 categories down",
        source="C18",
        theirs="found by hand, after it had been trained for longer",
        promised=("reject",),
        evidence=with_losses(evidence_of_parts(*parts, name="six categories"), 0.001),
    )


def with_losses(evidence: Evidence, held_out: float) -> Evidence:
    """The same answers of a candidate whose training ended with this loss on lessons held out of it."""
    assert evidence.run is not None  # noqa: S101 - whoever asks made it
    assert evidence.candidate_build is not None  # noqa: S101 - as above
    assert evidence.candidate is not None  # noqa: S101 - as above
    last = CurvePoint(step=evidence.run.steps, loss=held_out, learning_rate=1e-5, eval_loss=held_out)
    run = replace(evidence.run, curve=(last,))
    build = replace(evidence.candidate_build, run_id=run.id)
    candidate = replace(evidence.candidate, build_id=build.id, build_digest=build.digest)
    return replace(evidence, run=run, candidate_build=build, candidate=candidate)


def _vetoes() -> tuple[Replay, ...]:
    agents = "abcdefg"
    gained = [_right_part("domain", 60, 0.5, 0.9, one) for one in agents]
    jailbreak = [_right_part("jailbreak", 45, 0.9, 30 / 45 if one == "c" else 0.9, one) for one in agents]
    fell = [replace(one, champion=0.9, candidate=0.79, items=200) if one.agent == "c" else one for one in gained]
    council = evidence_of_parts(*gained, *jailbreak, name="council")
    return (
        Replay(
            name="jailbreak 0.667, one agent's",
            source="C5",
            theirs="revert: below 0.7",
            promised=("reject",),
            evidence=council,
        ),
        Replay(
            name="one agent -0.11",
            source="C6",
            theirs="revert: fell by more than 0.1",
            promised=("reject",),
            evidence=evidence_of_parts(*fell, name="agents"),
        ),
        Replay(
            name="a screen that selects for overfitting",
            source="C22",
            theirs="keep: reasoning +0.056, tool +0.095",
            promised=("reject",),
            evidence=evidence_of_parts(
                *(
                    Part(category=category, items=60, champion=0.6, candidate=0.6 + change)
                    for category, change in (
                        ("reasoning", 0.056),
                        ("tool", 0.095),
                        ("jailbreak", -0.107),
                        ("cross_agent", -0.128),
                        ("identity", -0.206),
                    )
                )
            ),
        ),
    )


def _right_part(category: str, items: int, champion: float, candidate: float, agent: str) -> Part:
    return Part(category=category, items=items, champion=champion, candidate=candidate, agent=agent, graded=False)


def _memorised() -> tuple[Replay, ...]:
    told = "champion: gold 0.929 against 0.868"
    return (
        Replay(
            name="an exam of 26 learnt by heart, 109 items",
            source="C20",
            theirs=told,
            promised=("inconclusive", "reject"),
            evidence=_three_tiers(1),
        ),
        Replay(
            name="the same figures over ten times the items",
            source="C20",
            theirs=told,
            promised=("reject",),
            evidence=_three_tiers(10),
        ),
    )


def _three_tiers(times: int) -> Evidence:
    gold = evidence_of_parts(Part(category="gold", items=26 * times, champion=0.868, candidate=0.929))
    beside = _beside(
        Part(category="extended", items=42 * times, champion=0.643, candidate=0.575, tier="extended"),
        Part(category="held_out", items=41 * times, champion=0.685, candidate=0.612, tier="held_out"),
        name="rebuilt",
    )
    return replace(gold, further=(beside,))


def _four_and_one() -> tuple[Replay, ...]:
    """The gate of four tiers and three seeds: at its own thresholds, and where only one of the five speaks."""
    theirs = "fixable +0.015, held-out and reasoning not below, extended within 0.02 of the base, spread below 0.04"
    thrice = replace(POLICY, training_seeds=3)

    def replay(name: str, then: str, promised: tuple[str, ...], evidence: Evidence) -> Replay:
        return Replay(name=name, source="C21", theirs=then, promised=promised, evidence=evidence, policy=thrice)

    by_the_edge = _tiers_and_reasoning(1, gains=(0.015, 0.04, 0.0275), reasoning=0.7, extended=0.623)
    dulled = _tiers_and_reasoning(10, gains=(0.12, 0.12, 0.13), reasoning=0.6, extended=0.643)
    lucky = _tiers_and_reasoning(10, gains=(0.12, 0.02, 0.03), reasoning=0.7, extended=0.643)
    sound = _tiers_and_reasoning(10, gains=(0.12, 0.12, 0.13), reasoning=0.7, extended=0.643)
    return (
        replay("4+1 at its thresholds, 109 items", f"keep: {theirs}", ("inconclusive", "reject"), by_the_edge),
        replay("4+1 with reasoning lost", "revert: reasoning below", ("reject",), dulled),
        replay("4+1 with a lucky seed", "revert: spread 0.055", ("reject",), lucky),
        replay("4+1 with nothing against it", "keep", ("promote",), sound),
    )


def _tiers_and_reasoning(times: int, *, gains: Sequence[float], reasoning: float, extended: float) -> Evidence:
    """Three trainings that gained so much on the fixable items; of reasoning, 40 items of each kind were taken."""
    fixable = [(Part(category="fixable", items=26 * times, champion=0.6, candidate=0.6 + gain),) for gain in gains]
    first = evidence_of_parts(*fixable[0])
    again = [training_of(first.suite, _scores(own, seed=2, candidate=True), seed) for seed, own in enumerate(fixable)]
    rebuilt = _beside(
        Part(category="extended", items=42 * times, champion=0.643, candidate=extended, tier="extended"),
        Part(category="held_out", items=41 * times, champion=0.685, candidate=0.685, tier="held_out"),
        name="rebuilt",
    )
    kept = [
        Part(category=category, items=40 * times, champion=0.7, candidate=reasoning, graded=False)
        for category in ("arithmetic", "reading")
    ]
    general = _beside(*kept, name="general", base=0.6)
    return replace(first, further=(rebuilt, general), trainings=tuple(again[1:]))


def _beside(*parts: Part, name: str, base: float | None = None) -> SuiteEvidence:
    """A further suite on which the base does as the champion does, unless its own mean is given."""
    told = evidence_of_parts(*parts, name=name)
    untrained = (
        told if base is None else evidence_of_parts(*(replace(part, champion=base) for part in parts), name=name)
    )
    return SuiteEvidence(
        suite=told.suite, champion=told.champion, candidate=told.candidate, others=((Arm.BASE, untrained.champion),)
    )


def _served() -> tuple[Replay, ...]:
    good = evidence_of_parts(Part(category="council", items=200, champion=0.4, candidate=0.8, graded=False))
    assert good.candidate is not None  # noqa: S101 - it was made two lines above
    same = replace(good.candidate, proof=good.champion.proof)
    silent = replace(good.candidate, outcomes=tuple(replace(one, score=None) for one in good.candidate.outcomes))
    other = evidence_of_parts(Part(category="probe", items=14, champion=0.4, candidate=0.8), name="probe")
    return (
        Replay(
            name="four nights on two servers with the same weights",
            source="C24",
            theirs="reject: 0.000 against 0.000",
            promised=("invalid",),
            evidence=replace(good, candidate=same),
        ),
        Replay(
            name="a judge that was down",
            source="C24",
            theirs="reject: every score 0",
            promised=("invalid",),
            evidence=replace(good, candidate=silent),
        ),
        Replay(
            name="a probe's 14 prompts against the whole exam",
            source="B33",
            theirs="compared as if they were one suite",
            promised=("invalid",),
            evidence=replace(good, candidate=other.candidate),
        ),
        Replay(
            name="a probe of 300 steps against production of 861",
            source="B33",
            theirs="never compared",
            promised=("invalid",),
            evidence=_trained_for(good, 300, 861),
        ),
        Replay(
            name="the same two, the shorter one meant for production",
            source="B33",
            theirs="not told",
            promised=("promote",),
            evidence=_trained_for(good, 300, 861, RunPurpose.PRODUCTION),
        ),
    )


def _trained_for(
    evidence: Evidence, steps: int, of_champion: int, purpose: RunPurpose = RunPurpose.UNSTATED
) -> Evidence:
    """The same answers, the arms trained for so many steps of eight lessons each."""
    assert evidence.run is not None  # noqa: S101 - whoever asks made it
    assert evidence.candidate_build is not None  # noqa: S101 - as above
    assert evidence.candidate is not None  # noqa: S101 - as above
    own, before = (
        replace(evidence.run, steps=n, planned_steps=n, examples=n * 8, purpose=what)
        for n, what in ((steps, purpose), (of_champion, RunPurpose.UNSTATED))
    )
    new, old = replace(evidence.candidate_build, run_id=own.id), replace(evidence.champion_build, run_id=before.id)
    return replace(
        evidence,
        run=own,
        champion_run=before,
        candidate_build=new,
        champion_build=old,
        candidate=replace(evidence.candidate, build_id=new.id, build_digest=new.digest),
        champion=replace(evidence.champion, build_id=old.id, build_digest=old.digest),
    )


def identical_kept(nights: int, rule: Callable[[Evidence], bool], *, seed: int = 0) -> int:
    """In how many of these nights a rule keeps a candidate that is as good as the champion: 36 prompts, spread 0.2."""
    draw = random.Random(seed)  # noqa: S311 - made-up nights, no secret
    return sum(rule(_night(draw)) for _ in range(nights))


def _night(draw: random.Random) -> Evidence:
    plain = evidence_of_parts(Part(category="council", items=36, champion=BASELINE, candidate=BASELINE))
    assert plain.candidate is not None  # noqa: S101 - it was made the line above
    arms = [
        replace(arm, outcomes=tuple(replace(one, score=_clip(draw.gauss(0.6, SPREAD))) for one in arm.outcomes))
        for arm in (plain.champion, plain.candidate)
    ]
    return replace(plain, champion=arms[0], candidate=arms[1])


def keeps_two_hundredths_more(evidence: Evidence) -> bool:
    """The founding rule: the candidate's mean is at least the champion's and 0.02; what has no score it takes for 0."""
    assert evidence.candidate is not None  # noqa: S101 - nights have one
    old, new = (fmean(one.score or 0.0 for one in arm.outcomes) for arm in (evidence.champion, evidence.candidate))
    return new >= old + MARGIN


def keeps_by_this_gate(evidence: Evidence) -> bool:
    """This gate, under the policy for one person."""
    return decided(evidence).outcome.value == "promote"


# ---- arms with the means that were told


def evidence_of_parts(*parts: Part, name: str = "replay") -> Evidence:
    """Two arms with these means over these items, drawn anew for each of them."""
    items = tuple(
        MadeUp(
            name=f"{part.category}-{part.agent or 'all'}-{number}",
            category=part.category,
            agent=part.agent,
            tier=part.tier,
        )
        for part in parts
        for number in range(part.items)
    )
    old, new = (_scores(parts, seed=seed, candidate=seed > 1) for seed in (1, 2))
    return evidence_of(exam_of(items, name), old, new)


def _scores(parts: Sequence[Part], *, seed: int, candidate: bool) -> list[float]:
    draw = random.Random(seed)  # noqa: S311 - made-up items, no secret
    scores = []
    for part in parts:
        mean = part.candidate if candidate else part.champion
        own = _around(mean, part.items) if part.graded else _right(mean, part.items)
        if part.graded:
            draw.shuffle(own)
        scores += own
    return scores


def _right(share: float, n: int) -> list[float]:
    """Right or wrong; what the better arm has right holds all that the other has."""
    return [float(place < round(share * n)) for place in range(n)]


def _around(mean: float, n: int) -> list[float]:
    """Scores of this mean and the spread that was told, cut off at 0 and 1."""
    shape = [NormalDist(0, SPREAD).inv_cdf((place + 0.5) / n) for place in range(n)]
    centre = mean
    for _ in range(_TURNS):
        centre += mean - fmean([_clip(centre + off) for off in shape])
    return [_clip(centre + off) for off in shape]


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))


# ---- the page and the report


def table() -> str:
    """The cases as a table in Markdown: what was told, what was decided then, what this gate says."""
    lines = ["| Case | Item | Then | Now | Why |", "|---|---|---|---|---|"]
    for one in replays():
        found = one.decide()
        lines.append(f"| {one.name} | {one.source} | {one.theirs} | `{found.outcome.value}` | {found.reason} |")
    return "\n".join(lines)


def report() -> Section:
    """Every replay, and how often an identical candidate is kept by the founding rule and by this gate."""
    return section_over(NIGHTS)


def section_over(nights: int) -> Section:
    """The report with so many made-up nights."""
    figures = []
    for one in replays():
        found = one.decide()
        figures.append(
            Figure(
                name=f"{one.name} ({one.source}); then: {one.theirs}",
                measured=f"{found.outcome.value}: {found.reason}",
                promised=" or ".join(one.promised),
                held=found.outcome.value in one.promised,
            )
        )
    theirs = identical_kept(nights, keeps_two_hundredths_more)
    ours = identical_kept(nights, keeps_by_this_gate)
    told = f"identical candidates kept, 36 prompts, spread {SPREAD}"
    figures += [
        Figure(name=f'{told}: "+0.02"', measured=f"{theirs} of {nights}"),
        Figure(
            name=f"{told}: this gate",
            measured=f"{ours} of {nights}",
            promised=f"{BY_CHANCE} at most",
            held=ours <= BY_CHANCE,
        ),
    ]
    return Section(
        title="Replays of published decisions",
        method="Arms drawn to have the published means over the published number of items, decided under `small`.",
        figures=tuple(figures),
        limits="Only means were published: the spread of 0.2 and the independence of the arms are assumptions.",
    )
