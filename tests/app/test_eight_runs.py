"""The published search of eight runs ends as a clean negative result, and would not if something were better."""

from __future__ import annotations

import pytest

from selftune.app.campaigns import eight_runs as told
from selftune.records import ExperimentResult

VERDICTS = {probe.change: told.read_probe(probe) for probe in told.PROBES}


def test_every_promise_of_the_campaign_holds():
    assert [figure.name for figure in told.report().figures if figure.held is False] == []


@pytest.mark.parametrize("probe", told.PROBES, ids=lambda probe: probe.change)
def test_a_probe_is_drawn_with_both_of_its_published_means(probe):
    found = VERDICTS[probe.change]
    parts = {part.name: part for part in found.parts}
    assert sum(part.n for part in found.parts) == 14
    # Scores of ten are cut off at ten, which a mean near it pays for with a few hundredths.
    assert parts[told.TARGET].score * 10 == pytest.approx(probe.target, abs=0.02)
    assert found.score * 10 == pytest.approx(probe.overall, abs=0.02)
    assert found.baseline * 10 == pytest.approx(told.BASELINE.overall, abs=0.02)


def test_nothing_is_kept_and_nothing_is_learnt_that_was_not_shown():
    assert {found.result for found in VERDICTS.values()} == {ExperimentResult.REVERTED}
    assert all(found.effect.interval[0] < 0 < found.effect.interval[1] for found in VERDICTS.values())


def test_only_the_lowest_rate_lies_beyond_the_noise_of_the_log():
    (noise,) = [figure.measured for figure in told.report().figures if figure.name.startswith("noise 3")]
    assert "4 of 5 lie within" in noise
