"""The project as one try would have it: the recipe and the curation in force with its changes, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from selftune.curation.config import check_curation
from selftune.errors import UsageError
from selftune.loop.experiments.agenda.knobs import SHARE, lane_of, now_of
from selftune.loop.experiments.agenda.points import values_in
from selftune.loop.experiments.base import Lane
from selftune.loop.lessons.recipes import find_recipe
from selftune.loop.planning import make_curation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selftune.loop.config import CurationSection
    from selftune.loop.project import Project


def apply_changes(project: Project, changes: Sequence[str]) -> Project:
    """The project with these changes, each as `KEY=VALUE`; what stands there already changes nothing.

    Raises:
        UsageError: a change is no `KEY=VALUE`, or its value no number.
        ConfigError: a key that stands fast, or a value outside of what recipe or curation allows.
        UnknownNameError: there is no such knob.
    """
    wanted = {key: text for key, text in values_in(changes).items() if not _stands(project, key, text)}
    if not wanted:
        return project
    curated = {key: text for key, text in wanted.items() if lane_of(key) is Lane.MIXTURES}
    trained = values_in(project.recipe_changes) | {key: text for key, text in wanted.items() if key not in curated}
    varied = replace(
        project,
        recipe_changes=tuple(f"{key}={text}" for key, text in trained.items()),
        config=replace(project.config, curation=_curated(project.config.curation, curated)),
    )
    find_recipe(varied)
    curation = make_curation(varied)
    check_curation(replace(curation, trigger=curation.trigger or 1))  # 0 is left to the profile, and no try's affair
    return varied


def _stands(project: Project, key: str, text: str) -> bool:
    """Whether the project has this value already, however it is written."""
    now = now_of(key, find_recipe(project), project.config)
    try:
        return float(text) == float(now)
    except ValueError:
        return text == now


def _curated(section: CurationSection, values: Mapping[str, str]) -> CurationSection:
    shares = {
        key.removeprefix(SHARE): _number(key, text, float) for key, text in values.items() if key.startswith(SHARE)
    }
    plain = {
        key: _number(key, text, type(getattr(section, key)))
        for key, text in values.items()
        if not key.startswith(SHARE)
    }
    mixture = tuple((part, shares.get(part, share)) for part, share in section.mixture)
    return replace(section, mixture=mixture, **plain)


def _number(key: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        what = "whole number" if kind is int else "number"
        raise UsageError(f"{key} takes a {what}, not {text!r}.", next_step="Correct the change.") from error
