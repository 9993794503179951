"""`selftune rules` says of each rule what the last decision measured for it."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.cli.screen import show_decision
from selftune.app.rules import last_measured, rules_of
from selftune.records import Check, CheckStatus, Decision, Outcome

if not app.registered_commands:
    register_commands()


def check(name: str, status: CheckStatus, **figures) -> Check:
    return Check(name=name, status=status, detail="as told", **figures)


CHECKS = (
    check("gain", CheckStatus.PASS, measured=0.25, interval=(0.2, 0.3), n=160),
    check("category_cap:tone", CheckStatus.PASS, measured=0.1, n=40),
    check("category_cap:field", CheckStatus.NOT_SHOWN, measured=-0.05, n=40),
    check("parity", CheckStatus.NOT_MEASURED),
)


def test_the_gravest_of_a_rule_s_checks_stands_for_it():
    assert last_measured(CHECKS, "gain") == "pass +0.250 [+0.200, +0.300], n = 160"
    assert last_measured(CHECKS, "category_cap") == "not shown -0.050, n = 40 (field, 1 of 2)"
    assert last_measured(CHECKS, "parity") == "not measured"
    assert last_measured(CHECKS, "floor") == ""


def test_a_project_that_decided_shows_what_was_measured(project):
    decision = Decision(
        outcome=Outcome.PROMOTE, reason="better", checks=CHECKS, arms=(), policy="small", policy_digest="sha256:0",
        build_id=None, run_id=None,
    )  # fmt: skip
    project.store.save([decision], event="decided")
    rows = {row.name: row.last_measured for row in rules_of(project.folder)}
    assert rows["gain"].startswith("pass +0.250")
    assert rows["leakage"] == rows["approvals"] == ""


def test_before_the_first_decision_and_without_a_project_nothing_was_measured(project, tmp_path):
    assert {row.last_measured for row in rules_of(project.folder)} == {""}
    assert {row.last_measured for row in rules_of(tmp_path)} == {""}


def test_each_rule_is_told_in_a_sentence_with_who_declares_it_and_what_enforces_it(tmp_path):
    told = CliRunner().invoke(app, ["rules", "--project", str(tmp_path)]).output.splitlines()
    rows = rules_of(tmp_path)
    assert told[::2] == [f"{row.name}: {row.what}" for row in rows]
    assert all(row.what.endswith(".") for row in rows)
    assert told[1] == "  declared by the policy, enforced by selftune.gate.rules.validity:RunFinished"


def test_a_decision_says_in_words_what_was_gained_and_what_did_not_pass():
    decision = Decision(
        outcome=Outcome.INCONCLUSIVE, reason="Not sure.", checks=CHECKS, arms=(), policy="small",
        policy_digest="sha256:0", build_id=None, run_id=None,
    )  # fmt: skip
    seen = StringIO()
    show_decision(Console(file=seen, width=100), decision)
    told = [line for line in seen.getvalue().splitlines() if line.endswith(": as told")]
    assert told == [
        "gain (pass): as told", "category_cap:field (not shown): as told", "parity (not measured): as told",
    ]  # fmt: skip


def test_where_a_table_has_no_room_every_check_is_told_in_words():
    decision = Decision(
        outcome=Outcome.PROMOTE, reason="Better.", checks=CHECKS, arms=(), policy="small", policy_digest="sha256:0",
        build_id=None, run_id=None,
    )  # fmt: skip
    seen = StringIO()
    show_decision(Console(file=seen, width=40), decision)
    assert [line.partition(" (")[0] for line in seen.getvalue().splitlines()[2:]] == [one.name for one in CHECKS]
