"""The whole way of one interaction: how it came in, what was found in it, and into which lessons it went or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.curation.card.dissonance import tell_dissonance
from selftune.curation.corrections import corrected_id
from selftune.records import Dataset, Decision, Interaction, Judgement, JudgementStatus, Release, Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.project import Project
    from selftune.records import Example


def way_of(project: Project, interaction: Interaction) -> Iterator[str]:
    """One line for each thing that happened to it, in the order of the loop. Reads every judgement and dataset."""
    yield from _entrance(interaction)
    if interaction.codex_id:
        yield f"held under {interaction.codex_id}"
    yield from _correction(project, interaction)
    later = project.store.later_version(interaction.id)
    if later is not None:
        yield _later(project, interaction, later)
    elif interaction.id in project.store.superseded():
        yield "it was made out of words whose author no longer agreed that they may be learnt from"
    judged = False
    for _, judgement in project.store.each(Judgement):
        if judgement.interaction_id == interaction.id:
            judged = True
            yield _verdict(judgement)
    if not judged:
        yield "not judged yet"
    datasets = [(dataset, told) for _, dataset in project.store.each(Dataset) if (told := _place(dataset, interaction))]
    for dataset, told in datasets:
        yield f"{told} (dataset {dataset.id[:24]})"
        yield from _consequences(project, dataset, learnt=told.startswith("learnt"))
    if judged and not datasets:
        yield "in no dataset yet"


def _entrance(interaction: Interaction) -> Iterator[str]:
    yield f"came from {interaction.source} {interaction.position}, written by {interaction.generated_by or 'unknown'}"
    yield f"caused by {interaction.trigger.value}, task {interaction.task_id}"
    if interaction.dissonance:
        yield tell_dissonance(interaction.dissonance)
    if interaction.supersedes is not None:
        yield f"a later version of {interaction.supersedes}"
    if interaction.flags:
        yield f"at the door: {', '.join(interaction.flags)}"
    consent = interaction.consent
    if not (consent.keep and consent.train):
        yield "its author did not agree to training"


def _later(project: Project, interaction: Interaction, later_id: str) -> str:
    """Why a later version stands in its place."""
    later = project.store.record(later_id, Interaction)
    if later.messages and later.messages != interaction.messages:
        return f"its conversation went on: {later_id} is used in its place"
    for level, agreed in (("be kept", later.consent.keep), ("be learnt from", later.consent.train)):
        if not agreed:
            return f"its author no longer agreed that it may {level}: {later_id} stands in its place"
    return f"what its author says of it or allows has changed: {later_id} is used in its place"


def _correction(project: Project, interaction: Interaction) -> Iterator[str]:
    """The answer that this one corrects, or the ones that a teacher wrote in its place, with their way."""
    original = corrected_id(interaction)
    if original is not None:
        yield f"a correction by {interaction.generated_by} of {original}"
        return
    for _, other in project.store.each(Interaction):
        if corrected_id(other) == interaction.id:
            yield f"{other.generated_by} wrote the answer anew: {other.id}"
            yield from (f"  {line}" for line in way_of(project, other))


def _verdict(judgement: Judgement) -> str:
    by = f"{judgement.judge.name} ({judgement.id[:24]})"
    if judgement.status is not JudgementStatus.SCORED:
        return f"{judgement.status.value} by {by}: {judgement.reason or 'no reason given'}"
    failures = f"; critical: {', '.join(judgement.critical_failures)}" if judgement.critical_failures else ""
    flags = f"; {', '.join(judgement.flags)}" if judgement.flags else ""
    return f"scored {judgement.overall:.2f} by {by}{failures}{flags}"


def _place(dataset: Dataset, interaction: Interaction) -> str | None:
    """What a dataset did with it; None when it was not there."""
    taught = [example for example in dataset.train if example.interaction_id == interaction.id]
    if taught:
        corrected = " as a person corrected it" if taught[0].taught_by == "person" else ""
        return f"learnt{corrected}{_planted(dataset, interaction)}"
    if any(example.interaction_id == interaction.id for example in dataset.disliked):
        return "learnt as an answer that a person did not like"
    if any(_lost(example) == interaction.id for example in dataset.train):
        return "learnt as the answer that lost"
    if any(interaction.id in {example.interaction_id, _lost(example)} for example in dataset.holdout):
        return "held out: kept for testing, never learnt"
    if interaction.id in dataset.clean_room:
        return "in the clean room: nobody looks at it before a person opens it"
    reasons = [reject.reason for reject in dataset.rejects if reject.interaction_id == interaction.id]
    return f"not learnt: {reasons[0]}" if reasons else None


def _planted(dataset: Dataset, interaction: Interaction) -> str:
    """That something was told before its question which nobody said; empty where nothing was."""
    planted = any(dataset.train[one.lesson].interaction_id == interaction.id for one in dataset.canaries)
    return ", with a planted canary told before its question" if planted else ""


def _lost(example: Example) -> str | None:
    """The interaction whose answer a pair prefers another one to."""
    return example.pairing.rejected_interaction_id if example.pairing else None


def _consequences(project: Project, dataset: Dataset, *, learnt: bool) -> Iterator[str]:
    """The runs that learnt a dataset, and what became of them."""
    if not learnt:
        return
    decisions = [decision for _, decision in project.store.each(Decision)]
    releases = [release for _, release in project.store.each(Release)]
    for _, run in project.store.each(Run):
        if run.dataset_id != dataset.id:
            continue
        yield f"  trained on by {run.id[:24]}: {run.status.value}"
        for decision in decisions:
            if decision.run_id == run.id:
                served = [release.version for release in releases if release.decision_id == decision.id]
                ending = f", served as {served[0]}" if served else ""
                yield f"  the gate said {decision.outcome.value}{ending} ({decision.id[:24]})"
