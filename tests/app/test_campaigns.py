"""`make report` runs every module of its folder, so each of them has to be a campaign."""

from __future__ import annotations

from importlib import import_module

import pytest

from selftune.app import campaigns as folder
from selftune.app.campaigns.__main__ import campaigns, run
from selftune.errors import UnknownNameError


@pytest.mark.parametrize("name", campaigns())
def test_each_module_beside_the_campaigns_is_one(name):
    assert callable(import_module(f"{folder.__name__}.{name}").report)


def test_a_slip_in_a_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="canaries"):
        run("canarie")
