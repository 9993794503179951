"""Rules that people set aside: who did, why, for which recipe, and what came of it (E15)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Page, Said, Section, Table
from selftune.errors import IntegrityError
from selftune.loop.lessons.recipes import EVENT
from selftune.records import Decision, Run, Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.loop.project import Project


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """One rule, set aside for one recipe.

    Attributes:
        at: When it was said, or when the first such training ended.
        who: The person, as they named themselves.
        effects: Trainings that the rule would have refused, each with how it ended and what was decided.
    """

    rule: str
    recipe: str
    at: str
    who: str
    why: str
    effects: tuple[str, ...]


@dataclass(frozen=True)
class _Trained:
    """A run where it stands in the ledger."""

    place: int
    at: str
    run: Run


def gather_escalations(project: Project) -> tuple[Escalation, ...]:
    """Every rule that was set aside, oldest first; of each the trainings since, until it was set aside anew."""
    entries = tuple(project.store.history())
    trained = [
        _Trained(entry.seq, entry.at, project.store.record(entry.record_id, Run))
        for entry in entries
        if entry.kind == Run.KIND and entry.record_id is not None
    ]
    decided = [decision for _, decision in project.store.each(Decision)]
    found, claimed = list[Escalation](), set[tuple[str, str]]()
    for entry in reversed([entry for entry in entries if entry.event == EVENT]):
        detail = dict(entry.detail)
        rule, recipe = detail["rule"], detail["recipe"]
        since = [one.run for one in trained if one.place > entry.seq and one.run.recipe == recipe]
        mine = [run for run in since if rule in _overruled(run) and (run.id, rule) not in claimed]
        claimed |= {(run.id, rule) for run in mine}
        who, why = _word(project, entry.record_id)
        effects = tuple(_effect(run, decided) for run in mine)
        found.append(Escalation(rule=rule, recipe=recipe, at=entry.at, who=who, why=why, effects=effects))
    written = (
        Escalation(
            rule=rule,
            recipe=one.run.recipe,
            at=one.at,
            who="who wrote the recipe",
            why="written in it, under overrules",
            effects=(_effect(one.run, decided),),
        )
        for one in trained
        for rule in _overruled(one.run)
        if (one.run.id, rule) not in claimed
    )
    return tuple(sorted((*found, *written), key=lambda one: one.at))


def _word(project: Project, statement_id: str | None) -> tuple[str, str]:
    """Who said so, and why; older entries hold no word."""
    if statement_id is None:
        return "not written down", figures.NOTHING
    try:
        said = project.store.record(statement_id, Statement)
    except IntegrityError:
        return "erased", "erased"
    return said.author, said.text


def escalations_page(escalations: Sequence[Escalation]) -> Page:
    """A row for each."""
    counted = figures.counted(len(escalations), "rule was", "rules were")
    head = ("when", "rule", "recipe", "who", "why", "what came of it")
    rows = tuple(
        (
            one.at[:16],
            one.rule,
            one.recipe,
            one.who,
            one.why,
            "; ".join(one.effects) or "no training yet",
        )
        for one in escalations
    )
    parts = (
        Table(caption="Rules of the pre-flight that were set aside", head=head, rows=rows),
        Said(text="A curve of the loss, and of what else was measured, stands with each run: selftune report RUN"),
    )
    return Page(
        title="Rules set aside",
        lead=(f"{counted} set aside.",),
        sections=(Section(title="One by one", parts=parts),) if escalations else (),
        foot="Read from the ledger and the records when this page is made.",
        again="escalations",
    )


def _overruled(run: Run) -> tuple[str, ...]:
    """The rules that its recipe set aside, by itself or for a person's word."""
    told = dict(run.settings).get("overrules", "")
    return tuple(told.split(", ")) if told else ()


def _effect(run: Run, decided: Sequence[Decision]) -> str:
    outcomes = [decision.outcome.value for decision in decided if decision.run_id == run.id]
    ended = run.status.value.replace("_", " ")
    return f"{run.id[:12]} {ended}, {', then '.join(outcomes) or 'nothing decided'}"
