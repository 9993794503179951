"""Nobody moves the bar while a candidate is measured, and whoever moves it stands in the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.errors import ConfigError
from selftune.gate.config import AlphaOverNights
from selftune.loop.config import GateSection
from selftune.loop.deciding.policy_lock import EVENT, keep_policy, policy_of
from selftune.loop.ejected import eject
from selftune.records import Decision, Outcome, Run, RunStatus


def run() -> Run:
    return Run(
        recipe="r", recipe_digest="sha256:0", dataset_id="dataset:0", base_digest="sha256:1", stage_history=("sft",),
        objective="sft", backend="fake", status=RunStatus.FINISHED, seed=0, steps=1, planned_steps=1, passes=1.0,
        examples=1, supervised_tokens=1,
    )  # fmt: skip


def decision() -> Decision:
    return Decision(
        outcome=Outcome.REJECT, reason="no", checks=(), arms=(), policy="small", policy_digest="sha256:0",
        build_id=None, run_id=None,
    )  # fmt: skip


def changes(project) -> list[dict[str, str]]:
    return [dict(entry.detail) for entry in project.store.history() if entry.event == EVENT]


def loosen(project):
    own = project.folder / "policies" / "small.toml"
    own = own if own.exists() else eject(project.folder, "policy", "small")
    own.write_text(own.read_text().replace("least_gain = 0.02", "least_gain = 0.01"))
    return own


def test_the_policy_is_put_on_record_once(project):
    keep_policy(project)
    keep_policy(project)
    (entry,) = changes(project)
    assert entry["policy"] == "small"
    assert "from" not in entry


def test_a_change_is_a_ledger_entry_that_says_who_made_it_and_from_what_to_what(project):
    keep_policy(project)
    loosen(project)
    keep_policy(project)
    first, second = changes(project)
    assert second["from"] == first["to"]
    assert second["to"] != first["to"]
    assert second["by"]


def test_another_policy_by_name_is_a_change_too(project):
    keep_policy(project)
    keep_policy(replace(project, config=replace(project.config, gate=GateSection(policy="strict"))))
    assert [entry["policy"] for entry in changes(project)] == ["small", "strict"]


def test_between_cycles_the_policy_may_change(project):
    keep_policy(project)
    project.store.save([run()], event="trained")
    project.store.save([decision()], event="decided")
    loosen(project)
    assert policy_of(project).least_gain == 0.01


def test_a_shipped_policy_that_an_upgrade_changed_can_be_put_back_as_one_s_own(project):
    keep_policy(project)
    project.store.save([run()], event="trained")
    kept = project.hidden / "policy_in_force.toml"
    kept.write_text(kept.read_text() + "# as it was shipped before\n")
    with pytest.raises(ConfigError, match="was changed while") as refused:
        policy_of(project)
    own = project.folder / "policies" / "small.toml"
    assert f"to {own} and" in refused.value.next_step
    own.parent.mkdir()
    own.write_text(kept.read_text())
    assert policy_of(project).name == "small"


def test_while_a_candidate_is_measured_a_changed_policy_is_refused_until_the_old_text_is_back(project):
    keep_policy(project)
    project.store.save([run()], event="trained")
    own = loosen(project)
    with pytest.raises(ConfigError, match="was changed while a candidate is being measured") as refused:
        policy_of(project)
    kept = next(project.hidden.glob("policy_in_force.toml"))
    assert str(kept) in refused.value.next_step
    assert f"to {own} and finish" in refused.value.next_step
    own.write_text(kept.read_text())
    assert policy_of(project).least_gain == 0.02
    assert policy_of(project).alpha_over_nights is AlphaOverNights.EACH_NIGHT
