"""`selftune rules`: what is declared, what enforces it, and what was last measured for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.gate.policies import load_policy
from selftune.governance.rules_table import RuleRow, rule_rows
from selftune.loop.config import CONFIG_FILE, ProjectConfig, load_config
from selftune.loop.databases import has_store, store_database
from selftune.loop.ejected import find_text
from selftune.records import CheckStatus, Decision
from selftune.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selftune.records import Check

_GRAVEST_FIRST: Final = (CheckStatus.FAIL, CheckStatus.NOT_MEASURED, CheckStatus.NOT_SHOWN, CheckStatus.PASS)


def rules_of(folder: Path) -> tuple[RuleRow, ...]:
    """The rules in force in a project with what its last decision measured, or the defaults where there is none."""
    is_project = (folder / CONFIG_FILE).exists()
    config = load_config(folder) if is_project else ProjectConfig()
    rows = rule_rows(load_policy(find_text(folder, "policy", config.gate.policy)))
    decision = _last_decision(folder, config) if is_project else None
    if decision is None:
        return rows
    return tuple(replace(row, last_measured=last_measured(decision.checks, row.name)) for row in rows)


def last_measured(checks: Sequence[Check], family: str) -> str:
    """The gravest of a rule's checks, with its figure, and how many there were; empty for none."""
    own = [check for check in checks if check.name.partition(":")[0] == family]
    if not own:
        return ""
    worst = min(own, key=lambda check: _GRAVEST_FIRST.index(check.status))
    place = worst.name.partition(":")[2]
    where = f" ({place}, 1 of {len(own)})" if len(own) > 1 else ""
    return f"{worst.status.value.replace('_', ' ')}{_figure(worst)}{where}"


def _figure(check: Check) -> str:
    if check.measured is None:
        return ""
    interval = "" if check.interval is None else f" [{check.interval[0]:+.3f}, {check.interval[1]:+.3f}]"
    n = "" if check.n is None else f", n = {check.n}"
    return f" {check.measured:+.3f}{interval}{n}"


def _last_decision(folder: Path, config: ProjectConfig) -> Decision | None:
    if not has_store(folder, config):
        return None
    with Store.open(folder, database=store_database(config)) as store:
        return store.last(Decision)
