"""A process of a team that does what a training does with it, and no more; with `die`, the second one is lost."""

from __future__ import annotations

import os
import sys

import torch

from selftune.errors import IntegrityError
from selftune.training.team import LostProcessError, joined_team

with joined_team() as team:
    assert team.size == 2
    assert list(range(5))[team.mine] == ([0, 2, 4] if team.leads else [1, 3])
    assert team.total(team.rank + 0.25) == 1.5
    assert team.any_of(team.leads)
    assert not team.any_of(False)
    learnt, idle = torch.zeros(2, 2, requires_grad=True), torch.zeros(3, requires_grad=True)
    if not team.leads:  # the first has no work in this step
        learnt.grad = torch.full((2, 2), 3.0)
    team.add_gradients([learnt, idle])
    assert learnt.grad is not None
    assert idle.grad is not None
    assert torch.equal(learnt.grad, torch.full((2, 2), 3.0))
    assert torch.equal(idle.grad, torch.zeros(3))
    team.check_alike((7, 1 << 40), "work")
    try:
        team.check_alike((7, team.rank), "work")
    except IntegrityError as error:
        assert "do not have the same work" in error.message  # noqa: PT017 - no pytest in here
    else:
        raise AssertionError
    if "die" in sys.argv:
        if not team.leads:
            os._exit(9)
        try:
            team.wait()
        except LostProcessError as error:
            sys.stdout.write(f"{error}\n")
            sys.exit(error.exit_code)
    sys.stdout.write(f"process {team.rank} is done\n")
