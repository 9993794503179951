"""The policy in force: kept as it was when a candidate was begun, so that nobody moves the bar while it is measured."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.gate.policies import POLICIES, load_policy, policy_text
from selftune.loop.ejected import find_text
from selftune.records import Decision, Run, digest_of

if TYPE_CHECKING:
    from selftune.gate.config import Policy
    from selftune.loop.project import Project

EVENT: Final = "policy changed"
_FILE: Final = "policy_in_force.toml"


def policy_of(project: Project) -> Policy:
    """The policy that the config names.

    Raises:
        ConfigError: it is no sound policy, or it was changed after the training of a candidate that is not decided yet.
    """
    name = _name_of(project)
    before, now = _kept(project), policy_text(name)
    if before not in {None, now} and _is_measuring(project):
        raise ConfigError(
            f"policy {project.config.gate.policy!r} was changed while a candidate is being measured.",
            next_step=f"Copy {_place(project)} to {_home(project)} and finish with `selftune cycle`; then change it: "
            "the next cycle goes by the new one.",
        )
    return load_policy(name)


def keep_policy(project: Project) -> None:
    """Put the policy in force on record: a change becomes a ledger entry that names who made it, from what to what."""
    before, now = _kept(project), policy_text(_name_of(project))
    if before == now:
        return
    detail = {"policy": project.config.gate.policy, "to": digest_of(now), "by": getpass.getuser()}
    project.store.note(EVENT, detail if before is None else detail | {"from": digest_of(before)})
    fresh = _place(project).with_suffix(".new")
    fresh.write_text(now, encoding="utf-8", newline="")
    fresh.replace(_place(project))


def _is_measuring(project: Project) -> bool:
    """Whether a run stands that no decision was made about."""
    return project.store.last_sequence(Run) > project.store.last_sequence(Decision)


def _name_of(project: Project) -> str:
    return find_text(project.folder, "policy", project.config.gate.policy)


def _home(project: Project) -> Path:
    """Where the project's own copy of the policy stands, or would."""
    name = _name_of(project)
    return Path(name) if POLICIES.is_path(name) else project.folder / POLICIES.folder / f"{name}{POLICIES.endings[0]}"


def _place(project: Project) -> Path:
    return project.hidden / _FILE


def _kept(project: Project) -> str | None:
    place = _place(project)
    return place.read_text(encoding="utf-8") if place.is_file() else None
