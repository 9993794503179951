from __future__ import annotations

import pytest

from selftune.app.cli.demo_screen import DemoScreen
from selftune.app.cli.exit_codes import MEANINGS, ExitCode, code_of
from selftune.app.demo import DemoSettings, exit_code_of, free_folder, refuse_used_folder, write_settings
from selftune.app.kits import demo_kit
from selftune.errors import UnknownNameError, UsageError
from selftune.loop.config import CONFIG_FILE, Profile, load_config, new_config_text
from selftune.loop.runner import CycleReport, Halted
from selftune.records import Decision, Outcome


def decided(outcome: Outcome) -> CycleReport:
    decision = Decision(
        outcome=outcome, reason="r", checks=(), arms=(), policy="p", policy_digest="d", build_id=None, run_id=None
    )
    return CycleReport(generation=1, decision=decision, release=None, halted=None, timings=())


HALTED = CycleReport(
    generation=1, decision=None, release=None, halted=Halted(reason="r", next_step="n", exit_code=5), timings=()
)


@pytest.mark.parametrize(
    ("reports", "code"),
    [
        ((decided(Outcome.PROMOTE), decided(Outcome.PROMOTE)), 0),
        ((decided(Outcome.PROMOTE), decided(Outcome.REJECT)), 0),
        ((decided(Outcome.PROMOTE), decided(Outcome.INCONCLUSIVE)), 0),
        ((decided(Outcome.PROMOTE), decided(Outcome.INVALID)), 8),
        ((decided(Outcome.PROMOTE), HALTED), 1),
        ((decided(Outcome.REJECT),), 3),
        ((decided(Outcome.INCONCLUSIVE),), 4),
        ((decided(Outcome.INVALID),), 8),
        ((HALTED,), 5),
    ],
)
def test_the_demo_ends_well_only_with_a_promotion_and_honest_decisions(reports, code):
    assert exit_code_of(reports) == code


def test_every_outcome_has_a_code_and_every_code_a_meaning():
    assert len({code_of(outcome) for outcome in Outcome}) == len(Outcome)
    assert set(MEANINGS) == set(ExitCode)


def test_a_second_demo_takes_a_folder_of_its_own_and_nothing_is_written_over(tmp_path):
    taken = tmp_path / "demo"
    taken.mkdir()
    assert free_folder(taken) == taken
    (taken / "mine.txt").write_text("mine")
    assert free_folder(taken) == tmp_path / "demo-2"
    with pytest.raises(UsageError, match="not empty"):
        refuse_used_folder(taken)
    assert (taken / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("taken", [False, True])
def test_a_demo_that_does_not_begin_in_the_folder_asked_for_says_in_which(tmp_path, capsys, taken):
    wanted = tmp_path / "demo"
    wanted.mkdir()
    if taken:
        (wanted / "mine.txt").write_text("mine")
    DemoScreen(DemoSettings(folder=free_folder(wanted)), wanted=wanted)
    said = capsys.readouterr().err
    assert ("holds something already and stays as it is" in said) is ("begins anew" in said) is taken
    assert str(tmp_path / ("demo-2" if taken else "demo")) in said.replace("\n", "")


def test_a_sabotaged_demo_says_so_in_its_own_config(tmp_path):
    kit = demo_kit("reference")
    text = new_config_text(name="demo", base=kit.base, recipe=kit.recipe, suite=kit.suite, profile=Profile.SOLO)
    (tmp_path / CONFIG_FILE).write_text(text)
    write_settings(DemoSettings(folder=tmp_path, selection="worst", seed=3), kit)
    config = load_config(tmp_path)
    assert (config.curation.selection, config.project.seed) == ("worst", 3)


def test_a_demo_that_there_is_not_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'reference'"):
        demo_kit("referense")


def test_the_users_of_a_demo_come_from_its_seed_and_never_answer():
    users = demo_kit("reference").users
    first, again, other = (tuple(users(seed, 20)) for seed in (1, 1, 2))
    assert first == again != other
    assert all([message.role for message in messages] == ["system", "user"] for messages in first)
