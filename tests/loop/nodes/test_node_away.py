"""A node that goes away in the middle of a night ends the trying, and says so; what was begun is kept as cut off."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from selftune.errors import SelftuneError
from selftune.loop.executor import Silent
from selftune.loop.experiments.base import Lane, Proposal
from selftune.loop.experiments.record_keeping.seen import seen_of
from selftune.loop.night.shift import Shift, note_experiment
from selftune.loop.night.trying import cut_off_tries, try_all
from selftune.records import ExperimentResult
from selftune.training.elsewhere.reaching import HostKeyError, NodeAwayError, NodeFullError
from selftune.training.elsewhere.there import ReturnedError

PROPOSAL = Proposal(lane=Lane.HYPERPARAMETERS, changes=("lora_rank=8",), reason="less may do", proposer="grid")
NIGHT = "2026-11-22"
NAME = f"{NIGHT}-01"


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
        name=NIGHT,
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
def test_a_night_tries_nothing_more_when_its_node_is_away_and_keeps_what_it_had_begun_as_cut_off(
    project, fake_bench, kind
) -> None:
    shift = shift_on(project, Breaks(kind("the workshop is away.", next_step="Switch it on.")))
    assert cut_off_tries(shift) == ((PROPOSAL, NAME),)
    tried = try_all(shift, fake_bench)
    assert tried.ended_by == "node away"
    (cut,) = tried.experiments
    assert (cut.name, cut.changes, cut.result) == (NAME, PROPOSAL.changes, ExperimentResult.OUT_OF_TIME)
    assert cut.why == "the workshop is away."
    assert seen_of(cut).cut_off, "a proposer may name it again"
    assert shift.told == ["the workshop is away. Switch it on."]
    assert cut_off_tries(shift) == ()
    assert NAME in (project.folder / "results.tsv").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [HostKeyError, ReturnedError])
def test_a_changed_key_or_a_wrong_adapter_is_no_machine_that_is_away_and_what_was_begun_is_gone_on_with(
    project, fake_bench, kind
) -> None:
    shift = shift_on(project, Breaks(kind("another one.", next_step="Find out why.")))
    with pytest.raises(kind) as stopped:
        try_all(shift, fake_bench)
    assert stopped.value.exit_code == 8
    assert shift.tried() == ()
    assert cut_off_tries(shift) == ((PROPOSAL, NAME),)
