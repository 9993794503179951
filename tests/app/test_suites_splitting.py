"""One suite cut in two: no pair torn, nothing of the one known from the other, every part in both."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.suites.splitting import split_named, split_suite
from selftune.errors import UsageError
from selftune.evals.suites import load_suite
from selftune.loop.experiments.screening import find_shared

if not app.registered_commands:
    register_commands()

WHOLE = load_suite("state_obedience_plain")


@pytest.mark.parametrize("name", ["state_obedience_plain", "council", "general"])
def test_the_two_parts_share_nothing_and_hold_every_category_and_agent(name):
    suite = load_suite(name)
    halves = split_suite(suite)
    assert Counter(halves.gate.items) + Counter(halves.screen.items) == Counter(suite.items)
    pairs = [{item.pair or item.id for item in half.items} for half in (halves.gate, halves.screen)]
    assert not pairs[0] & pairs[1]
    assert find_shared(halves.screen, [halves.gate]) == {}
    parts = [{(item.category, item.agent) for item in half.items} for half in (halves.gate, halves.screen)]
    assert parts[0] == parts[1]
    assert (halves.gate.purpose, halves.screen.purpose) == ("gate", "screen")
    assert 0.15 < len(halves.screen.items) / len(suite.items) < 0.45


def test_the_same_seed_cuts_the_same_and_another_one_otherwise():
    assert split_suite(WHOLE, seed=1) == split_suite(WHOLE, seed=1)
    assert split_suite(WHOLE, seed=1).screen.items != split_suite(WHOLE, seed=2).screen.items


def test_what_says_the_same_stays_together():
    pair = WHOLE.items[:2]
    twins = tuple(
        replace(item, id=f"{item.id}-x", pair="twin", messages=(*item.messages[:-1], _louder(item.messages[-1])))
        for item in pair
    )
    suite = replace(WHOLE, items=(*WHOLE.items, *twins))
    for seed in range(6):
        sides = [{item.pair for item in half.items} for half in _halves(split_suite(suite, seed=seed))]
        assert not any("twin" in side and pair[0].pair not in side for side in sides)


def _louder(message):
    return replace(message, content=message.content.upper())


def _halves(halves):
    return halves.gate, halves.screen


def test_what_is_held_out_stays_with_the_gate_and_so_does_what_is_like_it():
    clean = replace(WHOLE.items[0], id="clean", pair=None, category="field", tier="held_out")
    other = replace(WHOLE.items[1], id="clean-b", pair=None, category="field", tier="held_out")
    suite = replace(WHOLE, unit="item", items=(*WHOLE.items, clean, other))
    for seed in range(4):
        halves = split_suite(suite, seed=seed)
        assert {"clean", WHOLE.items[0].id} <= {item.id for item in halves.gate.items}
        assert "held_out" not in {item.tier for item in halves.screen.items}


def test_a_part_that_can_t_be_on_both_sides_is_refused_by_name():
    with pytest.raises(UsageError, match="all of identity_battle of Odalys"):
        split_suite(load_suite("identity_battle"))
    with pytest.raises(UsageError, match="none"):
        split_suite(WHOLE, share=0.9)
    with pytest.raises(UsageError, match="screen itself"):
        split_suite(split_suite(WHOLE).screen)


def test_a_project_that_was_split_asks_one_part_and_screens_by_the_other(tmp_path):
    halves, (gate, screen) = split_named(tmp_path, "state_obedience_plain")
    assert (load_suite(gate), load_suite(screen)) == (halves.gate, halves.screen)
    assert (gate.stem, screen.stem) == ("state_obedience_plain_gate", "state_obedience_plain_screen")
    with pytest.raises(UsageError, match="there already"):
        split_named(tmp_path, "state_obedience_plain")
    assert split_named(tmp_path, "state_obedience_plain", seed=1, force=True)[0] != halves


def test_the_command_says_what_to_set(tmp_path):
    told = CliRunner().invoke(app, ["suite", "split", "state_obedience_plain", "--project", str(tmp_path)])
    assert told.exit_code == 0
    assert 'suite = "state_obedience_plain_gate" under [evaluation]' in told.stdout
    again = ["suite", "split", "state_obedience_plain", "--project", str(tmp_path), "--force", "--json"]
    assert json.loads(CliRunner().invoke(app, again).stdout)["stayed"] == 0
