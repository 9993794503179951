"""Which commands stand together in `selftune help --all`, and in which order: by what a person wants."""

from __future__ import annotations

from typing import Final

# At most a dozen in each: more are not read. The stages stand as the loop has them.
PANELS: Final = {
    "Every day": "init demo up chat ask import cycle status pick why rollback help",
    "Serve it and connect it": "start dashboard gateway connect canary notify mcp schedule",
    "Say yes, say stop": "approve stop hold freeze lift",
    "Stage by stage": "judge curate train build evaluate decide release forms export",
    "By itself, at night": "nightly study experiment program motivator loops nodes",
    "See whether it got better": (
        "compare benchmark review suite report results rules diagnose prompt examples inspect-log"
    ),
    "What it learns from": "tonight search trace forget quarantine dataset index",
    "Who it is, and what it comes from": "codex tool base reference registry archive",
    "Doubts, people and signatures": (
        "annotate annotations escalate concern readiness handoff alarms samples key people sign projection"
    ),
    "Keep it in order": "doctor config eject completion ledger audit store backup restore",
}
PANEL_OF: Final = {name: panel for panel, names in PANELS.items() for name in names.split()}
