"""`selftune rules`: what is declared, and what enforces it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.gate.policies import load_policy
from selftune.governance.rules_table import RuleRow, rule_rows
from selftune.loop.config import CONFIG_FILE, ProjectConfig, load_config
from selftune.loop.ejected import find_text

if TYPE_CHECKING:
    from pathlib import Path


def rules_of(folder: Path) -> tuple[RuleRow, ...]:
    """The rules in force in a project, or the defaults where there is none."""
    config = load_config(folder) if (folder / CONFIG_FILE).exists() else ProjectConfig()
    return rule_rows(load_policy(find_text(folder, "policy", config.gate.policy)))
