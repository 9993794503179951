"""From any record to what it came from: `selftune why`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.app.amendments_page import describe_amendment
from selftune.app.forged import lines_of_forging, lines_of_tool
from selftune.app.forgetting import lines_of_forgetting, lines_of_learning
from selftune.app.prompting import lines_of_search
from selftune.app.reporting.pages.plain import plain, quoted
from selftune.app.signing import lines_of_bundle, lines_of_facts
from selftune.app.targets import lines_on_targets
from selftune.app.tracing_tries import find_try, lines_of_try
from selftune.app.trial_page import describe_trial
from selftune.app.ways import way_of
from selftune.codex.telling import told_codex
from selftune.errors import UsageError
from selftune.governance.archive.finding import find_session
from selftune.governance.registry.names import find_model, models_called
from selftune.governance.shredded import what_is_left
from selftune.records import (
    Amendment,
    BlindPair,
    Build,
    Bundle,
    Codex,
    Dataset,
    Decision,
    Evaluation,
    Experiment,
    Forgetting,
    Forging,
    Interaction,
    Judgement,
    LiveTrial,
    Model,
    Night,
    PromptSearch,
    Record,
    Release,
    Rubric,
    Run,
    Session,
    Statement,
    Tool,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.project import Project


@dataclass(frozen=True, kw_only=True)
class Told:
    """A record, and what is known of it in plain lines."""

    record: Record
    lines: tuple[str, ...]


def trace(project: Project, name: str, *, with_words: bool = True) -> Told:
    """What is known of a record by id, its beginning, version, or name of a night or try; by default the last decision.

    Args:
        project: Where the records are.
        name: What was asked for.
        with_words: Whether the reasons of a release and of a try are told, which people and models give in their words.

    Raises:
        UsageError: nothing was decided yet.
        UnknownNameError: no record begins like that.
    """
    record = find(project, name)
    if isinstance(record, Statement):
        record = what_is_left(project.store, record)
    told = (*lines_about(project, record, with_words=with_words), *lines_of_learning(project, record))
    lines = (one for line in told for one in _apart(line))
    return Told(record=record, lines=tuple(lines))


def _apart(line: str) -> Iterator[str]:
    """A line of ours; further lines that somebody's words bring along stand behind a bar, lest they pass for ours."""
    first, *more = line.split("\n")
    yield plain(first)
    yield from quoted("\n".join(more)) if more else ()


def find(project: Project, name: str) -> Record:
    """The record that a name means: an id or its beginning, a version, a night, a try, a session's number, a model."""
    if not name:
        decision = project.store.last(Decision)
        if decision is None:
            raise UsageError("nothing was decided yet.", next_step="Run `selftune cycle`.")
        return decision
    for _, release in project.store.each(Release):
        if release.version == name:
            return release
    return (
        find_try(project, name)
        or _session_numbered(project, name)
        or (find_model(project.store, name) if models_called(project.store, name) else None)
        or project.store.any_record(name)
    )


def _session_numbered(project: Project, name: str) -> Session | None:
    """The archived session of this number, alone or behind its programme; None where no such thing is named."""
    programme, _, number = name.removeprefix(f"{Session.KIND}:").rpartition(":")
    archived = {one.name for one in project.store.sessions.programmes()}
    if not number.isdecimal() or not (programme in archived if programme else archived):
        return None
    return project.store.record(find_session(project.store, name), Session)


def lines_about(project: Project, record: Record, *, with_words: bool = True) -> Iterator[str]:
    """What a record says, and the ids of what it rests on; without words, no reason that was given for it."""
    yield f"{record.id}, kept {project.store.saved_at(record.id)}"
    match record:
        case Release():
            because = f": {record.reason}" if with_words else ""
            yield f"{record.version}, generation {record.generation}{because}"
            yield f"serves {record.model_file}; replaced {record.replaced or 'nothing'}"
            yield f"rests on {record.decision_id or 'no decision: it is the base'}"
            yield f"build {record.build_id}"
            yield from (f"went into service in spite of {one}: an open concern" for one in record.concerns)
        case Decision():
            yield from (f"{arm.value}: {evaluation_id}" for arm, evaluation_id in record.arms)
            yield from (f"candidate under another seed: {evaluation_id}" for evaluation_id in record.trainings)
            yield f"build {record.build_id}; run {record.run_id}; policy {record.policy} {record.policy_digest}"
            yield from lines_on_targets(project, record)
            yield f"picks {', '.join(record.picks) or 'none'}"
            yield from (f"tried on real requests: {trial_id}" for trial_id in record.live)
        case Build():
            made_by = ", ".join(record.tools)
            yield f"{record.form.value} {record.quantisation}, {record.size_bytes} bytes, made by {made_by}"
            yield f"dialogues are brought to it as {record.prompting.value}"
            yield f"run {record.run_id or 'none: it is the base'}"
            yield from _lines_of_prompt(record)
        case Run() | Experiment() | Night():
            yield from lines_of_try(project, record, with_words=with_words)
        case Dataset():
            yield from record.card.splitlines()
        case Evaluation():
            yield f"{record.suite} by {record.scorer}, {len(record.outcomes)} answers, {len(record.unscored)} unscored"
            yield f"build {record.build_id}"
        case Judgement():
            yield f"{record.judge.name}: {record.status.value} {record.overall if record.overall is not None else ''}"
            yield from (f"  {one.name}: {one.score} - {one.reasoning}" for one in record.criteria)
            yield f"interaction {record.interaction_id}"
            yield f"by {record.rubric_digest}, asked {record.prompt_digest or 'nothing: no model judged'}"
        case Rubric() | Codex():
            yield from _lines_to_judge_by(record)
        case Interaction():
            yield from (f"  {message.role}: {message.content}" for message in record.messages)
            yield from way_of(project, record)
        case _:
            yield from (
                describe_amendment(project, record) if isinstance(record, Amendment) else _lines_of_people(record)
            )


def _lines_of_prompt(build: Build) -> Iterator[str]:
    """What stands before every conversation, and where it comes from."""
    if build.prompt is not None:
        yield f"found by {build.search_id or 'nobody: it was named'}"
        yield from (f"shows {one}" for one in (() if build.shown is None else build.shown.interaction_ids))
        yield from quoted(build.prompt)


def _lines_of_people(record: Record) -> Iterator[str]:
    """What a person said, or was shown, and what was tried in a prompt; of anything else its kind."""
    if isinstance(record, Forgetting):
        yield from lines_of_forgetting(record)
    elif isinstance(record, Statement):
        yield f"{record.kind.value} by {record.author} at {record.said_at}: {record.text}"
        yield f"about {record.subject}"
        yield from lines_of_facts(record)
    elif isinstance(record, Bundle):
        yield from lines_of_bundle(record)
    elif isinstance(record, BlindPair):
        # Whose answer is whose stays untold: the pair may still be waiting for its pick.
        yield from (f"  {side}: {answer}" for side, answer in zip(("left", "right"), record.sides, strict=True))
        yield f"interaction {record.interaction_id}"
    elif isinstance(record, PromptSearch):
        yield from lines_of_search(record)
    elif isinstance(record, Forging):
        yield from lines_of_forging(record)
    elif isinstance(record, Tool):
        yield from lines_of_tool(record)
    elif isinstance(record, Session):
        yield f"session {record.number} of {record.programme}: selftune archive show {record.id[:24]}"
    elif isinstance(record, Model):
        yield f"entered as {record.name}: selftune registry show {record.id[:20]}"
    else:
        yield from describe_trial(record) if isinstance(record, LiveTrial) else (record.KIND,)


def _lines_to_judge_by(text: Rubric | Codex) -> Iterator[str]:
    yield f"{text.name} {text.version}"
    if isinstance(text, Rubric):
        yield f"{text.lowest:g} to {text.highest:g}, golden from {text.golden:g}: {text.description}"
        yield from (f"  {one.name} (weight {one.weight:g}): {one.description}" for one in text.criteria)
        yield text.persona
    else:
        yield from told_codex(text)
