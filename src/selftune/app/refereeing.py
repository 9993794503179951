"""`selftune compare`: two score files, a verdict; no project is needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.app.scores.base import Asked
from selftune.app.scores.files import read_scores
from selftune.app.scores.ours import sheet_of
from selftune.errors import UsageError
from selftune.gate.policies import load_policy, policy_from, policy_text
from selftune.gate.referee.compare import referee
from selftune.gate.referee.pairing import MixedScalesError
from selftune.gate.referee.verdict import Terms
from selftune.records import Evaluation
from selftune.settings import read_toml

if TYPE_CHECKING:
    from selftune.gate.config import Policy
    from selftune.gate.referee.verdict import ArmSummary, Part, Shift, Verdict
    from selftune.gate.statistics.effects import Bimodality
    from selftune.records.scores import ScoreSheet

_ARM: Final = "#"
_KEPT: Final = f"{Evaluation.KIND}:"
_SMALL: Final = "small"


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the command line asks of a comparison; None for what it leaves open.

    Attributes:
        project: Where evaluations are looked up that are named by their ids.
    """

    policy: str | None = None
    metric: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    max_unscored: float | None = None
    scale: tuple[float, float] | None = None
    project: Path = Path()


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A verdict, and the scores it was reached on."""

    verdict: Verdict
    champion: ScoreSheet
    candidate: ScoreSheet


def compare_files(champion: str, candidate: str, wishes: Wishes) -> Verdict:
    """Read two files, or two arms of one (`FILE#ARM`), and compare them.

    Raises:
        MissingFileError, UsageError, UnknownNameError, ConfigError: a file, a column, an arm or the policy is wrong.
    """
    return compare_scores(champion, candidate, wishes).verdict


def compare_scores(champion: str, candidate: str, wishes: Wishes) -> Compared:
    """The same, with the scores of both arms.

    Raises:
        MissingFileError, UsageError, UnknownNameError, ConfigError: as `compare_files`.
    """
    policy = None if wishes.policy is None else _policy(wishes.policy)
    old, new = read_arm(champion, "champion", wishes), read_arm(candidate, "candidate", wishes)
    try:
        verdict = referee(old, new, _terms(policy, wishes.max_unscored), scale=wishes.scale, policy=policy)
    except MixedScalesError as error:
        raise UsageError(
            f"the two arms do not seem to be scored on one scale: {error}.",
            next_step="Name the scale of both, if it is one: --scale 0 10.",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"the scores can't be compared: {error}.", next_step="Name the scale: --scale 0 10."
        ) from error
    return Compared(verdict=verdict, champion=old, candidate=new)


def items_needed_in_words(verdict: Verdict) -> str:
    """What to do about a comparison that is not sure."""
    return f"About {verdict.items_needed or 0:,} paired items would settle it; these are {verdict.n:,}."


def _policy(name_or_path: str) -> Policy:
    """A policy that may leave out its name and its rules: the rules are then those of the shipped policy `small`."""
    where = f"policy {Path(name_or_path).name}"
    entries = read_toml(policy_text(name_or_path), where)
    if "rules" not in entries:
        entries["rules"] = list(load_policy(_SMALL).rules)
    return policy_from({"name": Path(name_or_path).stem} | entries, where=where)


def _terms(policy: Policy | None, max_unscored: float | None) -> Terms:
    """The terms of the policy, else the defaults; what the command line names goes before both."""
    terms = Terms()
    if policy is not None:
        terms = Terms(
            alpha=policy.alpha, power=policy.power, least_gain=policy.least_gain, max_unscored=policy.max_unscored
        )
    return terms if max_unscored is None else replace(terms, max_unscored=max_unscored)


def read_arm(where: str, role: str, wishes: Wishes) -> ScoreSheet:
    """The scores in `FILE`, or of one arm of it: that of `FILE#ARM`, else the one that is called by its role.

    Raises:
        MissingFileError, UsageError, UnknownNameError: there is no such file, arm or column, or no scores in it.
    """
    path, named, arm = Path(where), False, role
    if where.startswith(_KEPT) and not path.is_file():
        return _kept(wishes.project, where)
    if not path.is_file() and _ARM in where:
        file, _, arm = where.rpartition(_ARM)
        path, named = Path(file), True
    return read_scores(path, Asked(metric=wishes.metric, arm=arm, arm_is_named=named, columns=wishes.columns))


def _kept(folder: Path, name: str) -> ScoreSheet:
    """An evaluation of the project, by its id or the beginning of it.

    Raises:
        UnknownNameError: no evaluation begins like that.
    """
    from selftune.app.tracing import find
    from selftune.loop.project import open_project

    with open_project(folder) as project:
        record = find(project, name)
    if not isinstance(record, Evaluation):
        raise UsageError(f"{name} is a {record.KIND}.", next_step="Name an evaluation: `selftune why` lists them.")
    return sheet_of(record, f"{record.suite} {record.id.removeprefix(_KEPT)[:12]}")


def as_document(verdict: Verdict) -> dict[str, Any]:
    """The verdict as `--json` prints it."""
    unpaired = verdict.unpaired
    return {
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "difference": verdict.difference,
        "interval": verdict.interval,
        "p_value": verdict.p_value,
        "n": verdict.n,
        "items_needed": verdict.items_needed,
        "method": verdict.method,
        "unpaired": {
            "difference": unpaired.difference if unpaired else None,
            "interval": unpaired.interval if unpaired else None,
            "p_value": unpaired.p_value if unpaired else None,
        },
        "arms": {"champion": _arm(verdict.champion, ()), "candidate": _arm(verdict.candidate, verdict.shifts)},
        "checks": [
            {
                "name": check.name,
                "measured": check.measured,
                "threshold": check.threshold,
                "interval": check.interval,
                "n": check.n,
                "status": check.status,
            }
            for check in verdict.checks
        ],
        "warnings": list(verdict.warnings),
    }


def _arm(arm: ArmSummary, shifts: tuple[Shift, ...]) -> dict[str, Any]:
    return {
        "mean": arm.mean,
        "interval": arm.interval,
        "n": arm.n,
        "judge_overall_mean": arm.judge_overall_mean,
        "by_category": _parts(arm.by_category, "category", shifts),
        "by_difficulty": _parts(arm.by_difficulty, "difficulty", shifts),
        "by_agent": _parts(arm.by_agent, "agent", shifts),
        "critical_failures": arm.critical_failures,
        "unscored": [{"item_id": row.item_id, "reason": row.reason} for row in arm.unscored],
        "bimodality": _heaps(arm.bimodality),
    }


def _parts(parts: tuple[Part, ...], kind: str, shifts: tuple[Shift, ...]) -> dict[str, Any]:
    """Each part by name; the candidate's with how it moved, paired, against the champion's."""
    moved = {shift.name: shift for shift in shifts if shift.kind == kind}
    return {
        part.name: {"mean": part.mean, "n": part.n, "critical_failures": part.critical}
        | ({"change": _change(moved[part.name])} if part.name in moved else {})
        for part in parts
    }


def _change(shift: Shift) -> dict[str, Any]:
    return {
        "difference": shift.difference,
        "interval": shift.interval,
        "adjusted_p_value": shift.p_value,
        "n": shift.n,
    }


def _heaps(found: Bimodality | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "coefficient": found.coefficient,
        "two_heaps": found.two_heaps,
        "low": {"mean": found.low[0], "n": found.low[1]},
        "high": {"mean": found.high[0], "n": found.high[1]},
    }
