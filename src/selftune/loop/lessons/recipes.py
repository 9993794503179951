"""The recipe in force, held against earlier trainings; a rule is set aside by a person's word in the ledger alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.bases.provenance import trained_before
from selftune.governance.keys import sign_statement
from selftune.governance.statements import approve
from selftune.ledger.keys import load_machine_key
from selftune.loop.ejected import find_text
from selftune.loop.incoming.privacy import door_of
from selftune.plugins import find_plugin
from selftune.records import Run
from selftune.training.config import load_recipe
from selftune.training.findings import Standing, overrule, refuse
from selftune.training.habits import judge_history
from selftune.training.varying import vary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.loop.project import Project
    from selftune.training.config import Recipe

EVENT: Final = "rule set aside"


def recipe_in_force(project: Project, name: str = "") -> Recipe:
    """The project's recipe, or the one of this name, with the rules that a person set aside for it.

    How far it may be varied is left out: it says nothing of how it trains, and must not name a step.

    Raises:
        UnknownNameError: no recipe has the name.
        ConfigError: the recipe can't be read.
        RefusedTrainingError: it breaks a rule that nobody set aside, such as a step of ORPO's beta by more than 0.01.
    """
    recipe = with_rules_set_aside(project, find_recipe(project, name))
    refuse(overrule(judge_history(recipe, runs_on_base(project), history_before(project, recipe)), recipe.overrules))
    return replace(recipe, ranges=())


def find_recipe(project: Project, name: str = "") -> Recipe:
    """The recipe of this name, by default the project's, as it is written, varied and placed by this command.

    Raises:
        UnknownNameError: no recipe has the name, it may not be varied so, or no back-end has the name that it gives.
        ConfigError: the recipe can't be read, or a change lies outside of its ranges.
    """
    written = load_recipe(find_text(project.folder, "recipe", name or project.config.training.recipe))
    varied = _placed(vary(written, project.recipe_changes), project)
    find_plugin("selftune.backends", varied.backend)
    return replace(varied, continue_from=project.continue_from) if project.continue_from else varied


def with_rules_set_aside(project: Project, recipe: Recipe) -> Recipe:
    """The same recipe, which overrules what it breaks as far as the ledger says that a person wanted that."""
    broken = {
        one.rule
        for one in judge_history(recipe, runs_on_base(project), history_before(project, recipe))
        if one.standing is Standing.REFUSED and one.rule not in recipe.overrules
    }
    aside = sorted(broken & _set_aside(project, recipe)) if broken else []
    return replace(recipe, overrules=(*recipe.overrules, *aside)) if aside else recipe


def set_rules_aside(project: Project, recipe: Recipe, rules: Iterable[str], *, author: str, text: str) -> None:
    """Keep a person's signed word, and a line in the ledger, for each rule that they set aside for this recipe."""
    key = load_machine_key(project.hidden / "keys")
    for rule in rules:
        said = approve(
            recipe.digest,
            author=author,
            text=text or f"{rule} set aside",
            context=project.context(),
            door=door_of(project),
            evidence=(rule,),
        )
        detail = {"rule": rule, "recipe": recipe.name, "recipe_digest": recipe.digest}
        project.store.save([sign_statement(said, key)], event=EVENT, detail=detail)


def history_before(project: Project, recipe: Recipe) -> tuple[str, ...]:
    """The objectives that made the adapter to begin with or, without one, what was merged into the base."""
    if recipe.continue_from:
        return project.store.record(recipe.continue_from, Run).stage_history
    return trained_before(project.base_folder)


def runs_on_base(project: Project) -> tuple[Run, ...]:
    """Every run on the project's very base, oldest first."""
    return tuple(run for _, run in project.store.each(Run) if run.base_digest == project.base.digest)


def _placed(recipe: Recipe, project: Project) -> Recipe:
    """The recipe as the node trains it on which the project stands."""
    most = min(filter(None, (recipe.max_seconds, project.most_seconds)), default=0.0)
    return replace(recipe, backend=project.backend or recipe.backend, max_seconds=most)


def _set_aside(project: Project, recipe: Recipe) -> frozenset[str]:
    details = (dict(entry.detail) for entry in project.store.history() if entry.event == EVENT)
    return frozenset(detail["rule"] for detail in details if detail["recipe_digest"] == recipe.digest)
