"""Suites beside the one that decides: which a project has, and how they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError, offer
from selftune.evals.config import EvaluationConfig
from selftune.evals.suites import SUITES, load_suite
from selftune.gate.rules.further import HOLDOUT, REGRESSION
from selftune.gate.rules.identity import IDENTITY
from selftune.gate.rules.leakage import LEAKAGE
from selftune.loop.ejected import find_text
from selftune.loop.measuring.grading import make_gate_judge
from selftune.loop.measuring.identity import identity_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.gate.config import Policy
    from selftune.loop.project import Project
    from selftune.records import Suite

GROWN: Final = (REGRESSION, LEAKAGE)
"""Suites that grow in the project's own folder, and are asked without being named in the config."""


def further_suites(project: Project, first: Suite) -> tuple[EvaluationConfig, ...]:
    """What else the arms are asked, beside `first`; equal for every arm. The codex's probes stand last.

    Raises:
        UnknownNameError: no suite has a name that the config gives.
        ConfigError: it is no sound suite, or two in force have the same name.
    """
    section = project.config.evaluation
    found: dict[str, EvaluationConfig] = {}
    for name in dict.fromkeys((*section.further, *_grown(project))):
        suite = load_suite(find_text(project.folder, "suite", name))
        if suite.name in {first.name, *found}:
            raise ConfigError(
                f"[evaluation] names suite {suite.name!r} twice.", next_step="Drop it from further in selftune.toml."
            )
        grader = make_gate_judge(project, suite)
        found[suite.name] = EvaluationConfig(suite=suite, repeats=section.repeats, slots=section.slots, grader=grader)
    probes = identity_of(project)
    if probes is None:
        return tuple(found.values())
    if IDENTITY in {first.name, *found}:
        raise ConfigError(
            f"[evaluation] names a suite {IDENTITY!r}, and so are the codex's probes named.",
            next_step="Give the suite another name, in its file and in selftune.toml.",
        )
    return *found.values(), probes


def refuse_unknown_demands(policy: Policy, project: Project, evaluated: Sequence[Suite]) -> None:
    """Refuse a policy that asks something of a suite nobody knows: a slip there would pass for a rule.

    Raises:
        ConfigError: a name is neither a shipped suite's nor one of the project's; the nearest is offered.
    """
    own = (project.folder / SUITES.folder).glob(f"*{SUITES.endings[0]}")
    known = {*SUITES.names(), *(file.stem for file in own), *(one.name for one in evaluated), *GROWN, HOLDOUT, IDENTITY}
    for name, _ in policy.suites:
        if name not in known:
            raise ConfigError(
                f"policy {policy.name!r} asks something of suite {name!r}, and there is none.",
                next_step=offer(name, known),
            )


def _grown(project: Project) -> tuple[str, ...]:
    folder = project.folder / SUITES.folder
    return tuple(name for name in GROWN if (folder / f"{name}{SUITES.endings[0]}").is_file())
