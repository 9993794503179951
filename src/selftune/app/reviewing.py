"""`selftune review` and `selftune judge report`: a person scores blind, and what that says of the judge."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.appointed import appointed_judge
from selftune.errors import NothingNewError, UsageError
from selftune.governance.keys import sign_statement
from selftune.governance.statements import review as say_reviewed
from selftune.judges.asking import ask_all
from selftune.judges.calibration.canaries import CANARY, canaries
from selftune.judges.calibration.draw import Candidate, draw_for_review
from selftune.judges.calibration.human import ONE_MARK, human_identity, is_human, judge_by_hand
from selftune.judges.calibration.measure import category_of
from selftune.judges.calibration.words import describe_drift
from selftune.judges.purse import Purse
from selftune.judges.rubric import load_rubric
from selftune.judges.tally import tally_by_category
from selftune.ledger.keys import load_machine_key
from selftune.loop.configured import make_judging
from selftune.loop.ejected import rubric_of
from selftune.loop.incoming.privacy import door_of
from selftune.loop.measuring.calibrating import calibrate, drift_of
from selftune.loop.plan import latest_judgements
from selftune.plugins import load_plugin
from selftune.records import Interaction, Judgement, JudgementStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from selftune.judges.calibration.measure import Calibration
    from selftune.judges.tally import Tally
    from selftune.loop.executor import Timing
    from selftune.loop.project import Project
    from selftune.records import Rubric

# Judges that lie further apart than this share of the scale dispute an interaction.
_DISPUTED_FROM: Final = 0.25
_DISAGREEMENT: Final = "disagreement"


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One interaction as a reviewer gets it: what was said, and the picks made before a break.

    Nothing tells which model answered or what any judge found.
    """

    interaction_id: str
    turns: tuple[tuple[str, str], ...]
    picks: Mapping[str, float | None]


class Reviewing:
    """One person's reviewing: what to look at next, and each pick kept as soon as it is made.

    Attributes:
        overtaken: What this person had begun to judge and is not shown any more: its conversation has gone on since, or
            its author allows less. The picks stay on record and count for nothing that is learnt.
    """

    def __init__(self, project: Project, *, reviewer: str, rubric: str = "") -> None:
        self._project = project
        self.rubric = rubric_of(project.folder, project.config, rubric)
        self._door = door_of(project)
        pseudonyms = self._door.pseudonyms
        assert pseudonyms is not None, "a project always has a key for names"  # noqa: S101 - its door says so
        self._pseudonym = pseudonyms.of(reviewer)
        self._identity = human_identity(self._pseudonym)
        self._begun: dict[str, Judgement] = {}
        self.overtaken: tuple[str, ...] = ()

    def draw(self, count: int) -> tuple[str, ...]:
        """Ids of what this person should look at: what they began first, then an even draw with disputes in it.

        Only the newest version of a conversation is ever drawn.

        Raises:
            NothingNewError: nothing is judged by this rubric that they have not judged as well.
        """
        mine, scores = self._on_record()
        passed_over = self._project.store.superseded()
        begun = {item: verdict for item, verdict in mine.items() if verdict.status is JudgementStatus.PENDING}
        self._begun = {item: verdict for item, verdict in begun.items() if item not in passed_over}
        self.overtaken = tuple(item for item in begun if item in passed_over)
        fresh = [
            _candidate(item, verdicts, self.rubric)
            for item, verdicts in scores.items()
            if item not in mine and item not in passed_over
        ]
        # A seed that grows with what is done: a second session draws anew and repeats nothing.
        seed = self._project.config.project.seed + len(mine)
        drawn = (*self._begun, *draw_for_review(fresh, count, self.rubric, seed))[:count]
        if not drawn:
            begun_before = f" {len(self.overtaken)} that you had begun have changed since." if self.overtaken else ""
            raise NothingNewError(
                f"nothing to review: no verdict by rubric {self.rubric.name!r} that you have not given one on as well."
                f"{begun_before}",
                next_step="Judge what is new with `selftune judge`, or name another rubric with --rubric.",
            )
        return drawn

    def open(self, interaction_id: str) -> Sheet:
        """What was said, and the picks that were made before the draw."""
        interaction = self._project.store.record(interaction_id, Interaction)
        begun = self._begun.get(interaction_id)
        picks = {} if begun is None else {item.name: item.score for item in begun.criteria}
        turns = tuple((_speaker(message.role, message.persona), message.content) for message in interaction.messages)
        return Sheet(interaction_id=interaction_id, turns=turns, picks=picks)

    def pick(self, sheet: Sheet, criterion: str, score: float | None) -> Sheet:
        """The sheet with one more pick, which is kept before this returns; the last one completes the verdict."""
        return self._keep(sheet, {criterion: score})

    def judge(self, sheet: Sheet, picks: Mapping[str, float | None], mark: float | None) -> Sheet:
        """The sheet with a whole verdict, kept before this returns.

        Args:
            sheet: The answer, and what was marked of it before.
            picks: What was marked by itself, by criterion; None where one does not apply.
            mark: What every other criterion gets; None where nothing was said of the answer as a whole. A verdict in
                which it stands for several is left out where the criteria are compared one by one.

        Raises:
            UsageError: a criterion has no mark.
        """
        marked = {**sheet.picks, **picks}
        others = [one.name for one in self.rubric.criteria if one.name not in marked]
        if others and mark is None:
            raise UsageError(
                f"{', '.join(others)}: no mark yet.",
                next_step="Mark the answer as a whole, or each criterion by itself.",
            )
        return self._keep(sheet, {**picks, **dict.fromkeys(others, mark)}, flags=(ONE_MARK,) if len(others) > 1 else ())

    def _keep(self, sheet: Sheet, given: Mapping[str, float | None], *, flags: tuple[str, ...] = ()) -> Sheet:
        picks = {**sheet.picks, **given}
        context, store = self._project.context(), self._project.store
        verdict = judge_by_hand(
            picks,
            self.rubric,
            interaction_id=sheet.interaction_id,
            reviewer=self._identity,
            salt=context.draw_salt(),
        )
        verdict = replace(verdict, flags=flags)
        done = verdict.status is not JudgementStatus.PENDING
        said = say_reviewed(
            sheet.interaction_id,
            author=self._pseudonym,
            text=f"reviewed by rubric {self.rubric.name}",
            context=context,
            door=self._door,
        )
        key = load_machine_key(self._project.hidden / "keys")
        statement = sign_statement(replace(said, evidence=(verdict.id,)), key)
        store.save([verdict, statement] if done else [verdict], event="reviewed" if done else "picked")
        return replace(sheet, picks=picks)

    def _on_record(self) -> tuple[dict[str, Judgement], dict[str, dict[str, _Given]]]:
        """This person's last verdicts by interaction, and every judge's."""
        mine: dict[str, Judgement] = {}
        given: dict[str, dict[str, _Given]] = defaultdict(dict)
        for _, judgement in self._project.store.each(Judgement):
            if judgement.rubric_digest != self.rubric.id or CANARY in judgement.flags:
                continue
            if judgement.judge == self._identity:
                mine[judgement.interaction_id] = judgement
            elif not is_human(judgement.judge) and judgement.status is not JudgementStatus.UNSCORED:
                given[judgement.interaction_id][judgement.judge.name] = _Given(
                    overall=judgement.overall,
                    category=category_of(judgement),
                    disputed=_DISAGREEMENT in judgement.flags,
                )
        return mine, given


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What one judge gave, as far as the draw needs it."""

    overall: float | None
    category: str
    disputed: bool


def _candidate(interaction_id: str, verdicts: Mapping[str, _Given], rubric: Rubric) -> Candidate:
    """The interaction under its latest judge's score; disputed where judges lie apart."""
    given = list(verdicts.values())
    overalls = [item.overall for item in given if item.overall is not None]
    gap = max(overalls) - min(overalls) if overalls else 0.0
    apart = gap > _DISPUTED_FROM * (rubric.highest - rubric.lowest)
    return Candidate(
        interaction_id=interaction_id,
        overall=given[-1].overall,
        category=given[-1].category,
        disputed=apart or any(item.disputed for item in given),
    )


def _speaker(role: str, persona: str | None) -> str:
    return role if persona is None else f"{role} ({persona})"


def check_after_batch(project: Project, timings: Iterable[Timing]) -> tuple[str, ...]:
    """Give a judge that is a model its fixed transcripts after each batch of verdicts, and tell how it has drifted.

    Nothing is asked where no verdict was new, where `[calibration] canaries` is off, or under a budget: that is the
    lessons' alone.
    """
    judged = any(timing.stage == "judge" and not timing.reused for timing in timings)
    if not judged or not project.config.calibration.canaries or project.config.judge.budget_usd is not None:
        return ()
    identity, rubric = appointed_judge(project)
    if not identity.lineage:
        return ()
    judge_canaries(project)
    return ("fixed transcripts, at first and now:", *describe_drift(drift_of(project, identity, rubric)))


def report_calibration(project: Project) -> Calibration:
    """All that is on record about the project's judge."""
    return calibrate(project, *appointed_judge(project))


def report_scores(project: Project) -> tuple[Tally, ...]:
    """The latest scores of the project's judge: ours beside its own, all of them and by category."""
    identity, rubric = appointed_judge(project)
    ids = latest_judgements(project.store, identity, rubric.id)
    return tally_by_category((project.store.record(judgement_id, Judgement) for judgement_id in ids), rubric)


def judge_canaries(project: Project) -> Sequence[Judgement]:
    """Have the project's judge score the fixed transcripts once more, and keep what it says.

    Raises:
        ConfigError: endpoint, model or key is missing.
        BudgetError: the judge's budget is used up; verdicts so far are kept.
    """
    judging = make_judging(project)
    judge = load_plugin("selftune.judges", judging.name).from_config(judging)
    rubric = load_rubric(judging.rubric, judging.codex)
    fixed, purse = canaries(), Purse(judging.budget_usd)
    project.store.save(fixed, event="canaries laid out")
    verdicts: list[Judgement] = []
    for _, verdict in ask_all(judge, fixed, rubric, purse, project.context().draw_salt):
        verdicts.append(replace(verdict, flags=(*verdict.flags, CANARY)))
        project.store.save(verdicts[-1:], event="canary judged")
    return verdicts
