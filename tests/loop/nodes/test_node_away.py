"""A node that goes away in the middle of a night ends the trying, and says so; what was begun is gone on with."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from selftune.errors import SelftuneError
from selftune.loop.executor import Silent
from selftune.loop.experiments.base import Lane, Proposal
from selftune.loop.night.shift import Shift, note_experiment
from selftune.loop.night.trying import cut_off_tries, try_all
from selftune.training.elsewhere.reaching import HostKeyError, NodeAwayError, NodeFullError

PROPOSAL = Proposal(lane=Lane.HYPERPARAMETERS, changes=("lora_rank=8",), reason="less may do", proposer="grid")
NAME = "2026-03-01-01"


class Breaks:
    """A service under which every training meets the same trouble."""

    def __init__(self, trouble: SelftuneError) -> None:
        self.trouble = trouble

    @contextmanager
    def paused(self, why: str):
        raise self.trouble
        yield why


def shift_on(project, service) -> Shift:
    unused = dict.fromkeys(("window", "clock", "policy", "look", "purse", "node", "home", "step", "watch"))
    shift = Shift(
        project=project,
        name="2026-03-01",
        began="",
        resumed=False,
        max_experiments=4,
        told=[],
        observer=Silent(),
        service=service,
        **unused,
    )
    note_experiment(shift, NAME, PROPOSAL)
    return shift


@pytest.mark.parametrize("kind", [NodeAwayError, NodeFullError])
def test_a_night_tries_nothing_more_when_its_node_is_away_and_takes_up_what_it_had_begun(project, kind) -> None:
    shift = shift_on(project, Breaks(kind("the workshop is away.", next_step="Switch it on.")))
    tried = try_all(shift, None)
    assert (tried.experiments, tried.ended_by) == ((), "node away")
    assert shift.told == ["the workshop is away. Switch it on."]
    assert cut_off_tries(shift) == ((PROPOSAL, NAME),)


def test_a_key_that_changed_is_no_machine_that_is_away(project) -> None:
    with pytest.raises(HostKeyError):
        try_all(shift_on(project, Breaks(HostKeyError("another key.", next_step="Find out why."))), None)
