"""The judge at the gate: it grades what code can't, is no kin of who chose the lessons, and is paid for once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from selftune.errors import ConfigError, JudgeMissingError
from selftune.evals.base import PAIRWISE, Answered, Score, is_graded
from selftune.governance.independence import Party, check_independence
from selftune.governance.registry.lineage import lineage_of
from selftune.interactions.reading.assemble import find_state
from selftune.judges.config import Judging
from selftune.judges.endpoint import is_loopback
from selftune.judges.purse import Prices
from selftune.judges.rubric import load_rubric
from selftune.loop.ejected import codex_of, find_text
from selftune.loop.incoming.privacy import TodaysRules, rules_of
from selftune.plugins import load_plugin
from selftune.records import CheckStatus, Consent, Interaction, Message, Rejected, Trigger, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.context import Context, Reader
    from selftune.evals.base import Grader
    from selftune.evals.config import EvaluationConfig
    from selftune.gate.config import Policy
    from selftune.judges.base import Judge
    from selftune.judges.bill import Bill
    from selftune.loop.project import Project
    from selftune.records import JudgeIdentity, Judgement, Rubric, Suite, SuiteItem

SOURCE: Final = "gate"


@dataclass(frozen=True)
class GateJudge:
    """Grades by rubrics: the scorer's name says which, `judge:golden` or `pairwise:golden`.

    Attributes:
        judging: The judge, and how it is asked and paid.
        rubrics: The rubric behind each scorer's name.
    """

    judging: Judging
    rubrics: tuple[tuple[str, Rubric], ...]

    @cached_property
    def judge_identity(self) -> JudgeIdentity:
        """Who it is."""
        return appoint(self.judging).identity

    @property
    def name(self) -> str:
        """Who grades, and by which rubrics."""
        names = sorted({f"{scorer.partition(':')[0]}:{rubric.name}" for scorer, rubric in self.rubrics})
        return f"{' + '.join(names)} by {self.judge_identity.name}"

    @property
    def lineage(self) -> tuple[str, ...]:
        """The models behind it; empty when it is code."""
        return self.judge_identity.lineage

    @property
    def identity(self) -> str:
        """Names a step by judge and rubrics; prices and budgets change no grade."""
        return digest_of([self.judging.identity, [[scorer, rubric.id] for scorer, rubric in self.rubrics]])

    @property
    def nearby(self) -> bool:
        """Whether what it is shown stays on this machine."""
        host = urlsplit(self.judging.endpoint or "").hostname
        return host is None or is_loopback(host)

    def grade(self, answered: Sequence[Answered], context: Context) -> Iterator[Score]:
        """A score for each, in order; verdicts of an earlier try of this step are not paid for again.

        Raises:
            JudgeMissingError: the judge is not there, or fell silent.
            BudgetError: the money does not pay for one more.
        """
        places = defaultdict(list)
        for place, one in enumerate(answered):
            places[one.scorer].append(place)
        scores: dict[int, Score] = {}
        for scorer, members in places.items():
            graded = self._by_one_rubric(scorer, [answered[place] for place in members], context)
            scores.update(zip(members, graded, strict=True))
        return (scores[place] for place in range(len(answered)))

    def _by_one_rubric(self, scorer: str, answered: Sequence[Answered], context: Context) -> Iterator[Score]:
        from selftune.judges.injection.guard import guard
        from selftune.judges.stage import judge_by  # a status asks whether a suite needs a judge, and none to judge

        rubric = dict(self.rubrics)[scorer]
        judging = replace(self.judging, name=PAIRWISE) if _compares(scorer) else self.judging
        appointed = appoint(judging)
        verdicts = judge_by(
            guard(appointed, spoiled_copies_from=None),
            tuple(as_interaction(one, consent_to(one.item, context.read)) for one in answered),
            rubric,
            context,
            budget_usd=judging.budget_usd,
            required=False,
            prices=judging.prices_of_a_verdict,
        )
        try:
            for verdict in verdicts:
                yield score_of(verdict, rubric, paid=bool(appointed.identity.lineage))
        except JudgeMissingError as error:
            raise JudgeMissingError(
                f"at the gate: {error.message}",
                next_step="See that the endpoint under [gate_judge] answers, then run the same command again: what was "
                "answered and graded so far is kept.",
            ) from error


def foresee_grading(asked: EvaluationConfig) -> Bill | None:
    """What grading one arm on a suite will come to, if its answers are as long as they may be; None where code scores.

    Raises:
        ConfigError: the judge can't be appointed.
    """
    from selftune.judges.bill import Bill, bill_by_size

    grader = asked.grader
    if not isinstance(grader, GateJudge) or not grader.lineage:
        return None
    longest = "word " * asked.suite.generation.max_tokens
    bills = []
    for scorer, rubric in grader.rubrics:
        graded = (item for item in asked.suite.items if (item.scorer or asked.suite.scorer) == scorer)
        shown = (
            Answered(item=item, scorer=scorer, repeat=repeat, answers=(longest,) * (1 + len(item.follow_ups)))
            for item in graded
            for repeat in range(asked.rounds)
        )
        judging = replace(grader.judging, name=PAIRWISE) if _compares(scorer) else grader.judging
        transcripts = (as_interaction(one, Consent()) for one in shown)
        bills.append(bill_by_size(rubric, transcripts, judging.prices_of_a_verdict))
    there = [bill for bill in bills if bill is not None]
    return Bill(
        verdicts=sum(bill.verdicts for bill in there),
        tokens=sum(bill.tokens for bill in there),
        cost_usd=sum(bill.cost_usd for bill in there),
        on_record=0,
    )


def appoint(judging: Judging) -> Judge:
    """The judge that is described; errors as `judge`."""
    appointed: Judge = load_plugin("selftune.judges", judging.name).from_config(judging)
    return appointed


def _compares(scorer: str) -> bool:
    return scorer.partition(":")[0] == PAIRWISE


def as_interaction(answered: Answered, consent: Consent) -> Interaction:
    """What was asked and answered, as a judge takes it; nothing in it says which arm spoke, and it goes into no store.

    In a comparison the item's reference is the other answer. Equal words have an equal id: an answer that was judged
    is found again.
    """
    item, messages = answered.item, list(answered.item.messages)
    for turn, answer in enumerate(answered.answers):
        messages.append(Message(role="assistant", content=answer))
        if turn < len(item.follow_ups):
            messages.append(Message(role="user", content=item.follow_ups[turn]))
    rival = Rejected(at=len(messages) - 1, messages=(Message(role="assistant", content=item.reference or ""),))
    return Interaction(
        salt=digest_of([SOURCE, answered.scorer, item.id, answered.repeat]),
        conversation=item.id,
        task_id=item.id,
        trigger=Trigger.SIMULATED,
        source=SOURCE,
        position=item.id,
        messages=tuple(messages),
        state=find_state(item.messages),
        rejected=(rival,) if _compares(answered.scorer) and item.reference else (),
        consent=consent,
    )


def consent_to(item: SuiteItem, read: Reader) -> Consent:
    """What may be done with an item's words: as the person said whose they are; a suite's own may go anywhere."""
    if item.origin is None or not item.origin.startswith(f"{Interaction.KIND}:"):
        return Consent(send=True)
    return read.record(item.origin, Interaction).consent


def score_of(verdict: Judgement, rubric: Rubric, *, paid: bool) -> Score:
    """A verdict on the scale of 0 to 1, with the overall as we compute it and the judge's own beside it."""
    calls = verdict.attempts if paid else 0
    if verdict.overall is None:
        return Score(
            value=None,
            unscored_reason=verdict.reason,
            calls=calls,
            cost_usd=verdict.cost_usd,
            judged_by=verdict.reported_model,
        )
    scored = [(one.name, one.score) for one in verdict.criteria if one.score is not None]
    own = () if verdict.judge_overall is None else (("judge_overall", verdict.judge_overall),)
    return Score(
        value=(verdict.overall - rubric.lowest) / (rubric.highest - rubric.lowest),
        reasons=(*(f"{one.name}: {one.reasoning}" for one in verdict.criteria), *verdict.flags),
        critical_failures=verdict.critical_failures,
        measures=(("overall", verdict.overall), *own, *scored),
        calls=calls,
        cost_usd=verdict.cost_usd,
        judged_by=verdict.reported_model,
    )


def make_gate_judge(project: Project, suite: Suite) -> GateJudge | None:
    """Who grades this suite; None where all of it is scored by code.

    Raises:
        ConfigError: the suite needs a judge, and none is named under [gate_judge].
        UnknownNameError: there is no such rubric.
    """
    names = tuple(dict.fromkeys(filter(is_graded, (item.scorer or suite.scorer for item in suite.items))))
    if not names:
        return None
    judging = gate_judging(project)
    if judging is None:
        raise ConfigError(
            f"suite {suite.name!r} is scored by {names[0]!r}, and no judge is named for the gate.",
            next_step="Name one that is no kin of the model and did not choose its lessons: name, endpoint and model "
            "under [gate_judge] in selftune.toml.",
        )
    return GateJudge(judging, tuple((name, _rubric_of(project, name)) for name in names))


def gate_judging(project: Project) -> Judging | None:
    """The judge under [gate_judge]; None where none is named."""
    config, section = project.config, project.config.gate_judge
    if not section.name:
        return None
    return Judging(
        name=section.name,
        rubric=section.rubric,
        codex=codex_of(project.folder, config),
        endpoint=section.endpoint or None,
        model=section.model or None,
        api_key_env=section.api_key_env or None,
        egress=config.egress.allow,
        outlet=TodaysRules(rules_of(config)),
        at_once=section.at_once,
        timeout_seconds=section.timeout_seconds,
        prices=Prices(
            prompt=section.usd_per_million_input,
            completion=section.usd_per_million_output,
            cached=section.usd_per_million_cached_input,
        ),
        budget_usd=section.budget_usd,
    )


def _rubric_of(project: Project, scorer: str) -> Rubric:
    named = scorer.partition(":")[2] or project.config.gate_judge.rubric
    return load_rubric(find_text(project.folder, "rubric", named), codex_of(project.folder, project.config))


def refuse_related_graders(
    graders: Iterable[Grader | None], curator: JudgeIdentity, project: Project, policy: Policy
) -> None:
    """The same for whoever grades; code, and nobody, is kin of no one.

    Raises:
        ConfigError: as `refuse_related_grader`.
    """
    for grader in graders:
        if isinstance(grader, GateJudge):
            refuse_related_grader(grader, curator, project, policy)


def refuse_related_grader(grader: GateJudge, curator: JudgeIdentity, project: Project, policy: Policy) -> None:
    """Halt before anything is paid for when the judge at the gate chose the lessons, or is kin of the model.

    Raises:
        ConfigError: they descend from one family, or nobody knows what one of them descends from.
    """
    if policy.independence != "required":
        return
    grading = grader.judge_identity
    found = check_independence(
        judges=(
            Party(role="judge of the lessons", name=curator.name, lineage=curator.lineage),
            Party(role="judge at the gate", name=grading.name, lineage=grading.lineage),
        ),
        candidate=Party(role="base", name=project.base.name, lineage=(project.base.name,)),
        made_of=partial(lineage_of, project.store),
    )
    if found.check.status is not CheckStatus.PASS:
        raise ConfigError(
            f"the judge at the gate is no stranger: {found.in_words}.",
            next_step="Name a judge of another family under [gate_judge], or write your own policy with "
            '`selftune eject policy` and set independence = "reported" there: the decision then says so.',
        )
