"""What a project's records say of lasting dissonance, and of what an amendment has changed in it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from selftune.gate.rules.identity import IDENTITY
from selftune.governance.amendments.dialogues import dialogues_in
from selftune.governance.amendments.effects import Probed, effect_of
from selftune.governance.amendments.persistence import Demand, Remedy, find_persistence
from selftune.governance.keys import statement_is_signed
from selftune.ledger.keys import load_machine_key
from selftune.loop.amending.standing import standing_in
from selftune.loop.ejected import codex_of
from selftune.loop.measuring.identity import PROBED_UNIT
from selftune.records import Codex, Evaluation, Interaction, Release, Statement, StatementKind
from selftune.scoring.units import unit_scores

if TYPE_CHECKING:
    from selftune.governance.amendments.dialogues import Dialogue
    from selftune.governance.amendments.effects import Effect
    from selftune.governance.amendments.persistence import Persistence
    from selftune.loop.opened import Project
    from selftune.records import Amendment

_TOOL = "tool:"


def lasting_dissonance(project: Project) -> tuple[Persistence, ...]:
    """Every conflict in the log with what is missing until the personas may deliberate; the nearest to it first.

    Raises:
        ConfigError: the codex is no sound one.
    """
    policy = project.config.amendment
    demand = Demand(
        high=_codex_in_force(project).dissonance.high,
        interactions=policy.interactions,
        days=policy.days,
        tools=policy.tools,
        generations=policy.generations,
    )
    return find_persistence(measured_dialogues(project), _tools(project), _generations(project), demand)


def measured_dialogues(project: Project) -> tuple[Dialogue, ...]:
    """Every dialogue that was measured, oldest first."""
    store = project.store
    return dialogues_in(store.each(Interaction), store.superseded(), store.saved_at)


def effect_on_record(project: Project, amendment: Amendment) -> Effect | None:
    """What came of an amendment; None for one that never was in force."""
    standing = standing_in(project)
    if standing is None or amendment.id not in standing.accepted:
        return None
    undone = standing.undone.get(amendment.id)
    return effect_of(
        measured_dialogues(project),
        amendment.refutation,
        since=project.store.sequence_of(standing.accepted[amendment.id]),
        until=None if undone is None else project.store.sequence_of(undone),
        high=project.store.record(amendment.codex_before, Codex).dissonance.high,
        now=project.now(),
        probed=_probed(project),
    )


def _probed(project: Project) -> tuple[Probed, ...]:
    """Each time that a codex's probes were put to a model, for each time that it served; a refused one counts nowhere.

    A candidate is asked before it serves, and what was asked is not asked again: so it counts from its release on.
    """
    asked = [(place, one) for place, one in project.store.each(Evaluation) if one.suite == IDENTITY]
    releases = list(project.store.each(Release))
    ends = [*(place for place, _ in releases[1:]), math.inf]
    found = [
        Probed(place=place, served=max(place, start), evaluation_id=one.id, held=_held(one))
        for (start, release), end in zip(releases, ends, strict=False)
        for place, one in asked
        if one.build_digest == release.build_digest and place < end
    ]
    return tuple(sorted(found, key=lambda one: (one.served, one.place)))


def _held(evaluation: Evaluation) -> tuple[tuple[str, float], ...]:
    """How far each probe was held; one answer to everything holds its words, and not its counterpart."""
    units = unit_scores(evaluation.outcomes, PROBED_UNIT)
    return tuple((unit.key, unit.value) for unit in units if unit.value is not None)


def _codex_in_force(project: Project) -> Codex:
    standing = standing_in(project)
    if standing is None:
        return codex_of(project.folder, project.config)
    return project.store.record(standing.now.codex_id, Codex)


def _tools(project: Project) -> tuple[Remedy, ...]:
    """Each tool that somebody, or a policy, came to allow, at the place of the first word that did."""
    public_key = load_machine_key(project.hidden / "keys").trusted
    first: dict[str, Remedy] = {}
    for place, one in project.store.each(Statement):
        is_yes = one.kind is StatementKind.APPROVAL and one.subject.startswith(_TOOL)
        if is_yes and statement_is_signed(one, public_key):
            first.setdefault(one.subject, Remedy(record_id=one.subject, place=place))
    return tuple(first.values())


def _generations(project: Project) -> tuple[Remedy, ...]:
    """Each promotion where it first came into service; rolling back to one is no further try."""
    first: dict[str, Remedy] = {}
    for place, one in project.store.each(Release):
        if one.decision_id is not None:
            first.setdefault(one.decision_id, Remedy(record_id=one.id, place=place))
    return tuple(first.values())
