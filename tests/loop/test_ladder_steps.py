"""Which builds compete when the ladder is on: what needs no training first, then the run in each serving form."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from selftune.builds.config import BuildConfig
from selftune.loop.deciding.ladder import rungs_of
from selftune.testing import fake_build

RUN = SimpleNamespace(id="run:1")


class NotedSteps:
    """Takes no step; notes what it was asked to build, and of what."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, BuildConfig]] = []

    def __call__(self, stage, inputs, config):
        self.asked.append((inputs, config))
        return fake_build(f"{config.form} {config.quantisation} {config.system_prompt}")


def rungs(form: BuildConfig, untrained=None):
    step = NotedSteps()
    return dict(rungs_of(SimpleNamespace(form=form), step, RUN, untrained)), step.asked


def test_without_a_prompt_the_run_s_three_forms_compete():
    names, asked = rungs(BuildConfig())
    assert list(names) == ["adapter", "merged", "quantised"]
    assert all(source is RUN for source, _ in asked)
    assert [(one.form, one.quantisation) for _, one in asked] == [
        ("adapter", "F16"),
        ("merged", "F16"),
        ("quantised", "Q8_0"),
    ]


def test_what_needs_no_training_stands_on_the_lowest_rung():
    prompt = fake_build(system_prompt="Be brief.")
    names, asked = rungs(BuildConfig(), prompt)
    assert next(iter(names.items())) == ("prompt", prompt)
    assert all(source is RUN and one.system_prompt is None for source, one in asked)


@pytest.mark.parametrize("wanted", ["Q4_K_M", "Q5_K_M", "Q8_0"])
def test_the_quantised_rung_is_what_the_project_serves(wanted):
    _, asked = rungs(BuildConfig(form="quantised", quantisation=wanted))
    assert asked[-1][1].quantisation == wanted
