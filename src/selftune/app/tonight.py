"""What the next cycle would learn, lesson by lesson, before it does; nothing is judged, kept or paid for by looking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.doubting import speaker
from selftune.curation.select import PERSON
from selftune.curation.stage import curate
from selftune.errors import NotYet, SelftuneError, UsageError
from selftune.loop.ejected import KINDS, find_text
from selftune.loop.executor import Stored
from selftune.loop.incoming.news import read_news
from selftune.loop.lessons.coldstart import learnt_so_far
from selftune.loop.lessons.taking_out import left_out, let_lesson_in, standing_exclusions, take_lesson_out
from selftune.loop.plan import judged_log
from selftune.loop.planning import make_plan
from selftune.records import Interaction, Judgement, Message, Statement, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.curation.base import Judged
    from selftune.loop.plan import Plan
    from selftune.loop.project import Project
    from selftune.records import Dataset

WITHOUT_REASON: Final = "taken out before it was learnt"
_MOST_UNJUDGED: Final = 200


@dataclass(frozen=True, kw_only=True)
class LessonAhead:
    """One answer that would be learnt.

    Attributes:
        taught_by: A person, or the build or model that gave the answer; None when unknown.
        rejected: The answer that it is preferred to, where pairs are learnt.
        is_new: Whether no model has learnt from it yet.
        overall: What the judge gave it; None where a person's word stands for it.
    """

    interaction_id: str
    messages: tuple[Message, ...]
    taught_by: str | None
    rejected: str | None
    is_new: bool
    synthetic: bool
    overall: float | None


@dataclass(frozen=True, kw_only=True)
class TakenOut:
    """A lesson that somebody took out: their words, and what it was; no words where these were erased."""

    exclusion: Statement
    messages: tuple[Message, ...]
    by_me: bool


@dataclass(frozen=True, kw_only=True)
class Tonight:
    """What the next cycle would learn as things stand.

    Attributes:
        lessons: New ones first.
        unjudged: New interactions that no judge has seen yet, the first of them; `more_unjudged` counts the rest.
        held_out: How many conversations are kept back to measure with.
        trigger: New lessons that a training needs; None where nothing could be planned.
        halted: Why the cycle would end before it learns; None where it would not.
        next_step: What to do about that.
    """

    lessons: tuple[LessonAhead, ...]
    taken_out: tuple[TakenOut, ...]
    unjudged: tuple[Interaction, ...] = ()
    more_unjudged: int = 0
    held_out: int = 0
    rejects: int = 0
    trigger: int | None = None
    halted: str | None = None
    next_step: str | None = None

    @property
    def new(self) -> int:
        """How many lessons no model has learnt from yet."""
        return sum(one.is_new for one in self.lessons)


def look_at_tonight(project: Project) -> Tonight:
    """What would be learnt; what stands against learning at all is told and not raised.

    Raises:
        MissingFileError: the machine's key is gone.
        IntegrityError: a record is damaged.
    """
    taken_out = tuple(_taken_out(project))
    try:
        plan = make_plan(project, anyway=True)
    except SelftuneError as error:
        return Tonight(lessons=(), taken_out=taken_out, halted=error.message, next_step=error.next_step)
    unjudged, more = _unjudged(project, plan)
    seen = Tonight(
        lessons=(), taken_out=taken_out, unjudged=unjudged, more_unjudged=more, trigger=plan.curation.trigger
    )
    try:
        # Without notes: the night writes them, and a look must not keep it from that. Nobody asks here for tokens.
        looking = replace(project.context(), notes=None, count_tokens=None)
        dataset = curate(_judged(plan), replace(plan.curation, trigger=0), looking)
    except NotYet as halt:
        return replace(seen, halted=halt.message, next_step=halt.next_step)
    lessons = _lessons(dataset, plan, project)
    halted, next_step = _below_trigger(lessons, seen)
    return replace(
        seen,
        lessons=lessons,
        held_out=len(dataset.holdout) + len(dataset.clean_room),
        rejects=len(dataset.rejects),
        halted=halted,
        next_step=next_step,
    )


def as_taken_out(project: Project, seen: Tonight) -> Tonight:
    """What was seen, without what a person has taken out since."""
    gone = left_out(project)
    return replace(
        seen,
        taken_out=tuple(_taken_out(project)),
        lessons=tuple(one for one in seen.lessons if one.interaction_id not in gone),
        unjudged=tuple(one for one in seen.unjudged if one.id not in gone),
    )


def rules_of_tonight(project: Project) -> str:
    """A digest of the texts beside the config that decide what would be learnt, as they stand on disk."""
    config = project.config
    named = {
        "rubric": config.judge.rubric,
        "codex": config.codex.name,
        "recipe": config.training.recipe,
        "policy": config.gate.policy,
        "suite": config.evaluation.suite,
    }
    return digest_of([_text_of(project, kind, name) for kind, name in named.items()])


def take_out(project: Project, interaction_id: str, because: str) -> Statement:
    """Take a lesson out, as who is logged in; errors as `take_lesson_out`."""
    return take_lesson_out(project, interaction_id, author=speaker(project, ""), because=because or WITHOUT_REASON)


def let_in(project: Project, name: str, because: str = "") -> Statement:
    """Let a lesson in again, as who is logged in; errors as `own_exclusion`."""
    words, taken_out = because or "let in again as things stand tonight", own_exclusion(project, name)
    return let_lesson_in(project, taken_out.id, author=speaker(project, ""), because=words)


def own_exclusion(project: Project, name: str) -> Statement:
    """What this person said that takes a lesson out, by its own id or the lesson's.

    Raises:
        UnknownNameError: nothing is called so.
        UsageError: it takes no lesson out now, or somebody else did that, who alone can let it in again.
    """
    found, me = project.store.find(name), speaker(project, "")
    standing = [one for one in standing_exclusions(project) if found in {one.id, one.subject}]
    if not standing:
        raise UsageError(
            f"{name[:26]} takes no lesson out now, and is none that was taken out.",
            next_step="See what is taken out: selftune tonight",
        )
    if not any(one.author == me for one in standing):
        people = " and ".join(one.author for one in standing)
        raise UsageError(
            f"{people} took it out, and nobody else can let it in again.",
            next_step=f"Ask {people} to type: selftune tonight --with {standing[0].subject[:26]}",
        )
    return next(one for one in standing if one.author == me)


def _text_of(project: Project, kind: str, name: str) -> str:
    """Such a text, or why there is none."""
    try:
        return KINDS[kind].text(find_text(project.folder, kind, name))
    except SelftuneError as error:
        return error.message


def _taken_out(project: Project) -> Iterable[TakenOut]:
    me = speaker(project, "")
    for said in standing_exclusions(project):
        kept = next(project.store.kept_records([said.subject], Interaction), None)
        yield TakenOut(exclusion=said, messages=() if kept is None else kept.messages, by_me=said.author == me)


def _judged(plan: Plan) -> Judged:
    """What has been judged by now; the plan reads it from its own store."""
    return plan.judged(Stored((), plan.store))


def _unjudged(project: Project, plan: Plan) -> tuple[tuple[Interaction, ...], int]:
    """New interactions without a verdict of the judge in force, and those that nobody took out."""
    learnt = learnt_so_far(project)
    fresh = read_news(project, 0 if learnt is None else learnt.watermark).fresh
    log = judged_log(plan.store, plan.judge_identity, plan.judging.rubric_digest)
    judged = {key.interaction_id for key in log.names}
    left = [name for name in fresh.ids if name not in judged and name not in plan.left_out]
    return tuple(project.store.kept_records(left[:_MOST_UNJUDGED], Interaction)), max(0, len(left) - _MOST_UNJUDGED)


def _lessons(dataset: Dataset, plan: Plan, project: Project) -> tuple[LessonAhead, ...]:
    """Each interaction once, however often a mixture repeats it; what no model has learnt yet first."""
    examples = {one.interaction_id: one for one in (*dataset.disliked, *dataset.train)}
    verdicts = [one.judgement_id for one in examples.values() if one.judgement_id is not None]
    overall = {one.id: one.overall for one in project.store.kept_records(verdicts, Judgement)}
    found = [
        LessonAhead(
            interaction_id=name,
            messages=one.messages,
            taught_by=one.taught_by,
            rejected=one.rejected,
            is_new=name not in plan.learnt_before,
            synthetic=one.synthetic,
            overall=None if one.taught_by == PERSON or one.judgement_id is None else overall.get(one.judgement_id),
        )
        for name, one in examples.items()
    ]
    return tuple(sorted(found, key=lambda one: not one.is_new))


def _below_trigger(lessons: tuple[LessonAhead, ...], seen: Tonight) -> tuple[str | None, str | None]:
    """Why the cycle would end without a training, where too few lessons are new, and what to do about it."""
    new, needed, waiting = (
        sum(one.is_new for one in lessons),
        seen.trigger or 0,
        len(seen.unjudged) + seen.more_unjudged,
    )
    if new >= needed:
        return None, None
    told = f"{new} lessons are new by now, and a training begins with {needed}."
    if waiting:
        return told, f"The cycle judges {waiting} new interactions first, which may be enough."
    return told, "Go on using the model, or import conversations: selftune import FILE"
