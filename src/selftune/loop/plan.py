"""What a cycle will do, read from the project before the first step and printed by `--dry-run`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selftune.builds.prompts import PromptLayout, prompted
from selftune.curation.base import Judged, Key, Pair, Yardstick
from selftune.curation.config import Selection
from selftune.curation.corrections import find_correctable
from selftune.gate.base import Evidence, SuiteEvidence
from selftune.gate.config import AlphaOverNights
from selftune.gate.picks.base import Picks
from selftune.gate.planning import needs_base
from selftune.gate.rules.leakage import LEAKAGE
from selftune.judges.calibration.canaries import CANARY
from selftune.loop.lessons.correcting import Corrections
from selftune.loop.measuring.controls import prompt_of_lessons
from selftune.loop.measuring.leaks import leakage_of
from selftune.loop.study.shuffling import deal_verdicts
from selftune.records import (
    Arm,
    Build,
    Dataset,
    Decision,
    Interaction,
    Judgement,
    Run,
    digest_of,
    not_erased,
)
from selftune.store.consent import TIGHTENED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from selftune.builds.config import BuildConfig
    from selftune.context import Context
    from selftune.curation.config import Curation
    from selftune.evals.config import EvaluationConfig
    from selftune.gate.config import Policy
    from selftune.interactions.base import Source
    from selftune.interactions.config import Capture
    from selftune.judges.config import Judging
    from selftune.loop.executor import Stored
    from selftune.loop.lessons.teaching import Teaching
    from selftune.loop.measuring.holdout import Holdout
    from selftune.loop.prompts.stage import PromptSearching
    from selftune.records import Evaluation, JudgeIdentity, LiveTrial, Release, Suite
    from selftune.release.base import Promotion
    from selftune.release.config import Target
    from selftune.store import Store
    from selftune.training.config import Recipe


@dataclass(frozen=True)
class JudgedLog:
    """Judged interactions in an order, each with what other judges said of it; read when somebody asks for them."""

    names: tuple[Key, ...]
    store: Store

    @classmethod
    def of(cls, judgement_ids: Iterable[str], store: Store) -> JudgedLog:
        """What these judgements judged, with nobody else's opinion."""
        judgements = store.records(judgement_ids, Judgement)
        return cls(tuple(Key(judgement.interaction_id, judgement.id) for judgement in judgements), store)

    def __iter__(self) -> Iterator[Pair]:
        return self.read(self.names)

    def keys(self) -> Iterator[Key]:
        """What names each pair, in the order of the log."""
        return iter(self.names)

    def read(self, keys: Sequence[Key]) -> Iterator[Pair]:
        """The pairs of these names, in this order."""
        interactions = self.store.records((key.interaction_id for key in keys), Interaction)
        judgements = self.store.records((key.judgement_id for key in keys), Judgement)
        for key, interaction, judgement in zip(keys, interactions, judgements, strict=True):
            opinions = tuple(self.store.records(key.opinion_ids, Judgement))
            yield Pair(interaction=interaction, judgement=judgement, opinions=opinions)

    def said(self, keys: Sequence[Key]) -> Iterator[Interaction]:
        """Their interactions alone, in this order."""
        return self.store.records((key.interaction_id for key in keys), Interaction)

    @property
    def identity(self) -> str:
        """Names a step that read this log."""
        return digest_of(self.names)


@dataclass(frozen=True, kw_only=True)
class Logged:
    """The new part of the log as a source: it is kept already, and passes through as it is."""

    interactions: Stored[Interaction]

    def read(self, context: Context) -> Iterator[Interaction]:  # noqa: ARG002 - a source is handed the context
        """Every interaction, oldest first."""
        yield from self.interactions


@dataclass(frozen=True)
class Kept:
    """The store, asked for answers of other days."""

    store: Store

    @property
    def identity(self) -> str:
        """The same whatever the store holds, so that a step that kept answers itself is found after a cut."""
        return "the store"

    def find(self, source: str, positions: Sequence[str]) -> Mapping[str, Interaction]:
        """The answers that are kept for these places, by place."""
        return self.store.kept_at(source, positions)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One turn of the loop: what goes in, the configs in force, and what stands against the candidate.

    Attributes:
        generation: The number the candidate gets if it is promoted.
        watermark: Ingest sequence up to which this cycle reads the log.
        learnt_before: Interactions that the last run has learnt from already.
        calibration: Whether people have been shown to agree with the judge, in one line for the card.
        yardsticks: What measures the model; nothing close to it is learnt from.
        champion: The build that serves now.
        nights: Of each earlier night that tested a gain, whether it promoted.
        ladder: Whether a prompt and every serving form compete, and the simplest that is not inferior is released.
        picked: What people chose between the answers of two builds, the champion first.
        lived: The trials of two builds beside each other on real requests, the champion first.
        seed: What all chance of the project comes from.
        shows_lessons: Whether lessons shown in a prompt are a control beside `others`.
        holdout: How what is held out of the log is asked and graded beside them; None where nobody may grade it.
        further: Suites that may stop the candidate beside the one that decides, and how they are asked.
        others: Controls that training must beat: the bare base, and the base with a prompt alone where one is named.
        recipe: What training does; None where nothing is trained, and the best prompt is the candidate.
        prompts: How a prompt is searched for, where one is the candidate or competes for it.
        promotion: Asks the people responsible, and says what release is to do; raises while a yes is missing.
        again: The recipe under the further seeds that the policy asks for.
        left_out: Interactions that a person took out of what is learnt.
        corrector: The teacher that writes answers anew which are not good enough; None for none.
    """

    store: Store
    generation: int
    watermark: int
    new_interactions: int
    learnt_before: frozenset[str]
    sources: tuple[Source, ...]
    capture: Capture
    judging: Judging
    judge_identity: JudgeIdentity
    calibration: str
    curation: Curation
    yardsticks: tuple[Yardstick, ...]
    recipe: Recipe | None
    form: BuildConfig
    evaluation: EvaluationConfig
    policy: Policy
    target: Target
    champion: Build
    others: tuple[tuple[Arm, Build], ...]
    serving: Release
    promotion: Callable[[Build, Decision], Promotion]
    corrector: Teaching | None = None
    further: tuple[EvaluationConfig, ...] = ()
    seed: int = 0
    shows_lessons: bool = False
    holdout: Holdout | None = None
    nights: tuple[bool, ...] = ()
    ladder: bool = False
    again: tuple[Recipe, ...] = ()
    prompts: PromptSearching | None = None
    left_out: frozenset[str] = frozenset()
    picked: Callable[[Build, Build], Picks] = lambda champion, candidate: Picks()  # noqa: ARG005 - nobody picked
    lived: Callable[[Build, Build], tuple[LiveTrial, ...]] = lambda champion, candidate: ()  # noqa: ARG005 - none was

    def corrections(self, corrector: Teaching, judgements: Stored[Judgement]) -> Corrections:
        """The answers worth a correction, as a source that a teacher writes; none when nobody could judge them."""
        affordable = self.judging_after(judgements).budget_usd != 0
        pairs = find_correctable(self.judged(judgements), self.curation, corrector.most) if affordable else ()
        return Corrections(pairs=pairs, teaching=corrector)

    def judging_after(self, judgements: Stored[Judgement]) -> Judging:
        """The same judge with what these verdicts left of its budget."""
        if self.judging.budget_usd is None:
            return self.judging
        spent = sum(judgement.cost_usd for judgement in judgements)
        return replace(self.judging, budget_usd=max(0.0, self.judging.budget_usd - spent))

    def judged(self, judgements: Stored[Judgement]) -> Judged:
        """All that has been judged so far, this cycle's judgements among it: each generation learns from everything."""
        del judgements  # They are in the store already; asking for them here keeps the order of the story.
        log = judged_log(self.store, self.judge_identity, self.judging.rubric_digest)
        if self.curation.selection == Selection.SHUFFLED:
            log = replace(log, names=deal_verdicts(log.names, self.seed))
        return Judged(
            pairs=log,
            watermark=self.watermark,
            learnt_before=self.learnt_before,
            champion=self.champion.digest,
            yardsticks=self.yardsticks,
            calibration=self.calibration,
            left_out=self.left_out,
        )

    def arms_against(self, candidate: Build | None, dataset: Dataset | None = None) -> Iterator[tuple[Arm, Build]]:
        """Who is evaluated: the champion, the candidate if there is one, and the controls.

        Where no prompt was named, some of the lessons in a prompt are the control of learning them.
        """
        yield Arm.CHAMPION, self.champion
        if candidate is not None:
            yield Arm.CANDIDATE, candidate
        yield from self.others
        shown = prompt_of_lessons(dataset, self.seed) if dataset is not None and self.shows_lessons else None
        trained = candidate is not None and self.recipe is not None
        if trained and self.bare_base is not None and shown is not None:
            yield Arm.PROMPT_ONLY, prompted(self.bare_base, PromptLayout(shown=shown))

    @property
    def bare_base(self) -> Build | None:
        """The base as it is, which every prompt is put before; None before the first release."""
        return dict(self.others).get(Arm.BASE)

    def asks(self) -> int:
        """Questions that evaluating costs at most: what is kept of an arm is not asked again."""
        arms = len(list(self.arms_against(self.champion)))
        beside = [(asked, len(list(self.arms_beside(asked, self.champion)))) for asked in self.further]
        first = (self.evaluation, arms + len(self.again))
        return sum(times * questions_in(asked) for asked, times in (first, *beside))

    @property
    def suites_beside(self) -> tuple[Suite, ...]:
        """The suites beside the one that decides."""
        return tuple(asked.suite for asked in self.further)

    def further_after(self, dataset: Dataset) -> tuple[EvaluationConfig, ...]:
        """What else the arms are asked: the further suites, what this dataset holds out, what may leak of it."""
        held = None if self.holdout is None else self.holdout.asked_of(dataset, self.store)
        own = LEAKAGE in {asked.suite.name for asked in self.further}
        leaks = None if own else leakage_of(dataset, seed=self.seed, slots=self.evaluation.slots)
        return (*self.further, *(asked for asked in (held, leaks) if asked is not None))

    def arms_beside(self, asked: EvaluationConfig, candidate: Build | None) -> Iterator[tuple[Arm, Build]]:
        """Who is asked a further suite; nobody where no candidate can be stopped by it."""
        if candidate is None:
            return
        yield Arm.CHAMPION, self.champion
        yield Arm.CANDIDATE, candidate
        if needs_base(self.policy, asked.suite):
            yield from ((arm, build) for arm, build in self.others if arm is Arm.BASE)

    def evidence(
        self,
        run: Run | None,
        candidate: Build | None,
        evaluations: Mapping[Arm, Evaluation],
        further: Sequence[tuple[Suite, Mapping[Arm, Evaluation]]],
    ) -> Evidence:
        """What the gate looks at."""
        return Evidence(
            champion=evaluations[Arm.CHAMPION],
            candidate=evaluations.get(Arm.CANDIDATE),
            others=tuple((arm, one) for arm, one in evaluations.items() if arm not in {Arm.CHAMPION, Arm.CANDIDATE}),
            suite=self.evaluation.suite,
            run=run,
            candidate_build=candidate,
            champion_build=self.champion,
            champion_run=self.store.record(self.champion.run_id, Run) if self.champion.run_id else None,
            judge=self.judge_identity,
            further=tuple(_beside(suite, arms) for suite, arms in further if arms),
            picks=Picks() if candidate is None else self.picked(self.champion, candidate),
            live=() if candidate is None else self.lived(self.champion, candidate),
            nights=self.nights if self.policy.alpha_over_nights is AlphaOverNights.LORD else (),
        )


def questions_in(asked: EvaluationConfig) -> int:
    """How many answers one arm gives to a suite."""
    return len(asked.suite.items) * max(asked.repeats, asked.suite.repeats)


def _beside(suite: Suite, arms: Mapping[Arm, Evaluation]) -> SuiteEvidence:
    """What the arms did on one further suite."""
    return SuiteEvidence(
        suite=suite,
        champion=arms[Arm.CHAMPION],
        candidate=arms[Arm.CANDIDATE],
        others=tuple((arm, one) for arm, one in arms.items() if arm not in {Arm.CHAMPION, Arm.CANDIDATE}),
    )


def judged_log(store: Store, judge: JudgeIdentity, rubric_digest: str | None, *, until: int | None = None) -> JudgedLog:
    """Every judged interaction so far, by this judge and rubric, oldest first, with what other judges said of it.

    With `until`, a place in the order in which all was kept: by the verdicts that had been given there.
    """
    superseded = store.superseded()
    latest: dict[str, str] = {}
    opinions: dict[str, dict[str, str]] = {}
    for verdict in store.verdicts(rubric_digest):
        if until is not None and verdict.sequence > until:
            break
        if verdict.interaction_id in superseded or CANARY in verdict.flags:
            continue
        if verdict.judge == judge:
            latest.pop(verdict.interaction_id, None)
            latest[verdict.interaction_id] = verdict.judgement_id
        else:
            opinions.setdefault(verdict.interaction_id, {})[verdict.judge.name] = verdict.judgement_id
    return JudgedLog(
        tuple(Key(said, found, tuple(opinions.get(said, {}).values())) for said, found in latest.items()), store
    )


def latest_judgements(store: Store, judge: JudgeIdentity, rubric_digest: str | None) -> tuple[str, ...]:
    """The last judgement of each interaction by this judge and rubric, in the order they were made.

    Of a conversation that grew, only the newest version counts. Fixed transcripts are the judge's test, no lessons.
    """
    return tuple(key.judgement_id for key in judged_log(store, judge, rubric_digest).names)


def learnt_ids(store: Store, dataset: Dataset | None) -> frozenset[str]:
    """The interactions among a dataset's training examples, and those that stand in for one under a stricter consent.

    The same words are no new lesson because they may now be used for less.
    """
    lessons = () if dataset is None else not_erased(dataset.taught)
    learnt = frozenset(example.interaction_id for example in lessons)
    stand_ins: set[str] = set()
    for interaction_id in learnt & store.superseded():
        later = store.later_version(interaction_id)
        while later is not None and TIGHTENED in store.record(later, Interaction).flags:
            stand_ins.add(later)
            later = store.later_version(later)
    return learnt | stand_ins
