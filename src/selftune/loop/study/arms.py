"""The arms of a study: projects on one base that differ in nothing but what becomes of what they are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.curation.config import Selection
from selftune.errors import ConfigError
from selftune.loop.config import CONFIG_FILE
from selftune.loop.project import create_project, open_project
from selftune.loop.releasing.start import put_base_into_service
from selftune.loop.study.plan import StudyArm
from selftune.records import digest_of
from selftune.settings import read_text, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from selftune.loop.executor import Observer
    from selftune.loop.project import Project
    from selftune.loop.study.plan import StudyPlan

ARMS: Final = "arms"
REGISTERED: Final = "study registered"
_REST_MINUTES: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What fits a base: the recipe where the plan names none, the suite of the gate, settings that differ."""

    recipe: str
    suite: str
    settings: tuple[tuple[str, str, int | float | str], ...] = ()


def folder_of(study: Path, arm: StudyArm) -> Path:
    """Where an arm's project lies."""
    return study / ARMS / arm.value


def make_arms(study: Path, plan: StudyPlan, ground: Ground, observer: Observer) -> None:
    """Make the project of each arm, put the base into its service, and register the plan there; what is there stays.

    Raises:
        UnknownNameError: no such base, recipe or suite.
        ConfigError: another plan is registered in an arm.
    """
    for arm in StudyArm:
        folder = folder_of(study, arm)
        if not (folder / CONFIG_FILE).exists():
            folder.mkdir(parents=True, exist_ok=True)
            recipe = plan.recipe or ground.recipe
            create_project(folder, name=arm.value, base=plan.base, recipe=recipe, suite=ground.suite, further=())
            put_settings(folder, (*ground.settings, *_settings_of(plan, arm)))
        with open_project(folder) as project:
            put_base_into_service(project, observer)
            register(project, plan, arm)


def put_settings(folder: Path, settings: Sequence[tuple[str, str, int | float | str]]) -> None:
    """Put settings into a project's config, where a reader can see them; of two with one name the later counts."""
    import tomlkit

    path = folder / CONFIG_FILE
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for section, key, value in settings:
        document.setdefault(section, tomlkit.table())[key] = value
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


def register(project: Project, plan: StudyPlan, arm: StudyArm) -> None:
    """Write the plan into an arm's ledger, before its first night; the same plan once.

    Raises:
        ConfigError: another plan is registered there, or its settings are not those that were registered.
    """
    standing = registered(project)
    if standing is None:
        detail = {
            "name": plan.name,
            "plan": plan.digest,
            "arm": arm.value,
            "settings": settings_digest(project),
            "metric": plan.metric,
            "rule": plan.rule,
            "alpha": f"{plan.alpha:g}",
            "nights": str(plan.nights),
            "seed": str(plan.seed),
            "approve": plan.approve,
        }
        project.store.note(REGISTERED, detail)
    else:
        refuse_change(project, plan, standing)


def registered(project: Project) -> Mapping[str, str] | None:
    """What stands in the arm's ledger about its study; None before it is registered."""
    return next((dict(entry.detail) for entry in project.store.history() if entry.event == REGISTERED), None)


def refuse_change(project: Project, plan: StudyPlan, standing: Mapping[str, str] | None) -> None:
    """Nothing is asked under a plan that nobody registered.

    Raises:
        ConfigError: the plan or the arm's settings are not what stands in its ledger.
    """
    if standing is None or standing["plan"] != plan.digest:
        raise ConfigError(
            f"plan {plan.name!r} is not the one that is registered in {project.folder.name}: {plan.digest[7:19]}.",
            next_step="Put study.toml back as it was. A changed plan is a study of its own: selftune study init FOLDER",
        )
    if standing["settings"] != settings_digest(project):
        raise ConfigError(
            f"{CONFIG_FILE} of arm {project.folder.name} was changed after the study was registered.",
            next_step="Put it back as it was: what is measured may not change on the way.",
        )


def settings_digest(project: Project) -> str:
    """Names what an arm's config says, all but what a release writes there itself.

    What it does not say is not in it: a setting that a later version brings must not stop a study under way.
    """
    table = read_toml(read_text(project.folder / CONFIG_FILE, CONFIG_FILE), CONFIG_FILE)
    kept = {key: value for key, value in table["serving"].items() if key not in {"model", "release"}}
    return digest_of({**table, "serving": kept})


def _settings_of(plan: StudyPlan, arm: StudyArm) -> tuple[tuple[str, str, int | float | str], ...]:
    dealt = (("curation", "selection", Selection.SHUFFLED.value),) if arm is StudyArm.SHUFFLED else ()
    return (
        ("curation", "trigger", plan.trigger),
        ("serving", "idle_minutes", _REST_MINUTES),
        ("project", "seed", plan.seed),
        *dealt,
    )
