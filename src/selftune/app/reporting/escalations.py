"""Rules that people set aside: who did, why, for which recipe, and what came of it (E15)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Page, Said, Section, Table
from selftune.errors import IntegrityError
from selftune.gate.statistics.shares import clopper_pearson
from selftune.governance.archive.phases import phases_of
from selftune.governance.matters import if_kept
from selftune.governance.people.roster import fold
from selftune.governance.shredded import as_left
from selftune.loop.lessons.recipes import EVENT
from selftune.records import Decision, Run, Session, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.loop.project import Project
    from selftune.store.sessions import SessionFacts

AROUND: Final = 500
"""Sessions on either side of a correction over which flags are counted."""


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


@dataclass(frozen=True, kw_only=True)
class Correction:
    """One escalated correction, as it was put on record.

    Attributes:
        at: When it was said.
        about: The session, as `PROGRAMME:NUMBER`, or the record.
        effect: What was measured around it, worked out when this is read.
    """

    at: str
    about: str
    who: str
    allowed_by: str
    why: str
    effect: str


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


def gather_corrections(project: Project) -> tuple[Correction, ...]:
    """Every escalated correction that somebody put on record, in that order, with what came of it."""
    programmes: dict[str, list[SessionFacts]] = {}
    found = []
    for _, said in as_left(project.store):
        if said.kind is not StatementKind.ESCALATION:
            continue
        about, effect = f"{said.subject[:22]}", "not a session: nothing is counted around it"
        session = _session(project, said.subject)
        if session is not None:
            if session.programme not in programmes:
                programmes[session.programme] = list(project.store.sessions.facts(session.programme))
            about = f"{session.programme}:{session.number}"
            effect = came_of(programmes[session.programme], session.number)
        found.append(
            Correction(
                at=said.said_at,
                about=about,
                who=said.author,
                allowed_by=_allowed_by(said),
                why=said.text,
                effect=effect,
            )
        )
    return tuple(found)


def came_of(facts: Sequence[SessionFacts], number: int) -> str:
    """Flags around a session, and how many sessions later their level next changed, in words.

    The intervals are exact ones of independent cases; sessions that follow each other are alike, so the true ones are
    wider.
    """
    before = [row for row in facts if row.number < number][-AROUND:]
    after = [row for row in facts if row.number > number][:AROUND]
    if not before or not after:
        return "nothing to compare: no session before it, or none after it"
    turns = [phase.whole.first for phase in phases_of(facts).found[1:]]
    later = next((first - number for first in turns if first > number), None)
    turned = (
        "no change of level in the flags after it"
        if later is None
        else (f"their level next changed {later:,} sessions later")
    )
    return f"flagged {_share(before)} before, {_share(after)} after; {turned}"


def _share(rows: Sequence[SessionFacts]) -> str:
    flagged = sum(bool(row.flags) for row in rows)
    low, high = clopper_pearson(flagged, len(rows), 0.95)
    return f"{flagged / len(rows):.0%} [{low:.0%}, {high:.0%}] of {len(rows):,}"


def _session(project: Project, record_id: str) -> Session | None:
    if not record_id.startswith(f"{Session.KIND}:"):
        return None
    return if_kept(project.store, record_id, Session)


def _allowed_by(said: Statement) -> str:
    """Who allowed it; told where it is who asked for it."""
    name = said.authorised_by or "nobody is named"
    return f"{name}, who did it" if fold(name) == fold(said.author) else name


def escalations_page(escalations: Sequence[Escalation], corrections: Sequence[Correction] = ()) -> Page:
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
    harder = figures.counted(len(corrections), "correction was", "corrections were")
    sections = [Section(title="One by one", parts=parts)] if escalations else []
    if corrections:
        sections.append(Section(title="Escalated corrections", parts=(_table_of(corrections),)))
    return Page(
        title="Rules set aside",
        lead=(f"{counted} set aside; {harder} escalated.",),
        sections=tuple(sections),
        foot="Read from the ledger and the records when this page is made.",
        again="escalations",
    )


def _table_of(corrections: Sequence[Correction]) -> Table:
    head = ("when it was said", "about", "who", "allowed by", "why", "what came of it")
    return Table(
        caption=f"Flags are counted over up to {AROUND} sessions on either side",
        head=head,
        rows=tuple((one.at[:16], one.about, one.who, one.allowed_by, one.why, one.effect) for one in corrections),
    )


def _overruled(run: Run) -> tuple[str, ...]:
    """The rules that its recipe set aside, by itself or for a person's word."""
    told = dict(run.settings).get("overrules", "")
    return tuple(told.split(", ")) if told else ()


def _effect(run: Run, decided: Sequence[Decision]) -> str:
    outcomes = [decision.outcome.value for decision in decided if decision.run_id == run.id]
    ended = run.status.value.replace("_", " ")
    return f"{run.id[:12]} {ended}, {', then '.join(outcomes) or 'nothing decided'}"
