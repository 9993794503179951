"""The figures of `benchmarks/planted_nights.py` can fail: they count what they say, and a seed is run once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

import planted_nights
from null_nights import fresh_suite, summarise_nulls
from planted_nights import IMPROVEMENT, REGRESSION, Kind, read_all, run_what_is_left, summarise_planted

from selftune.evals.suites import load_suite


def null(mean: float, *, squared_error: float = 0.0001, kept: bool = False, passes: bool = False) -> dict:
    """A fake try, as figures of one."""
    gate = {"mean": mean, "n": 192, "squared_error": squared_error, "passes": passes}
    return {
        "changes": "fake",
        "result": "kept" if kept else "reverted",
        "effect": [mean, -0.1, 0.1, 48],
        "gate": gate,
    }


def night(seed: int, *tries: dict, winner: str | None = None, outcome: str | None = None, fresh: dict | None = None):
    return {"seed": seed, "began": True, "tries": list(tries), "winner": winner, "outcome": outcome, "fresh": fresh}


def line(lines: list[str], beginning: str) -> str:
    return next(each for each in lines if each.startswith(beginning))


def test_what_is_pooled_is_counted_by_seeds_and_not_by_tries():
    """The tries of a seed share what they are held against: four of them tell hardly more than one."""
    alike = [night(seed, *[null((-1) ** seed * 0.03)] * 4) for seed in range(6)]
    told = line(summarise_nulls(alike), "pooled mean effect")
    assert told.endswith("n = 6 seeds")
    assert "+0.0000 [-0.0" in told
    low = float(told.split("[")[1].split(",")[0])
    assert low < -0.025  # by tries alone it would be half as wide


def test_a_mean_that_is_not_zero_is_seen():
    better = [night(seed, *[null(0.05 + seed / 1000)] * 4) for seed in range(8)]
    told = line(summarise_nulls(better), "pooled mean effect")
    assert float(told.split("[")[1].split(",")[0]) > 0


def test_a_spread_that_the_questions_explain_leaves_nothing_for_the_adapters_and_a_wider_one_does():
    lucky = [night(seed, null(0.01), null(-0.01)) for seed in range(4)]
    assert line(summarise_nulls(lucky), "of that spread").endswith("adapters truly differ by: sd 0.0038")
    apart = [night(seed, null(0.2), null(-0.2)) for seed in range(4)]
    assert float(line(summarise_nulls(apart), "of that spread").rsplit("sd ", 1)[1]) > 0.2


def test_promotions_are_counted_by_nights_against_the_limit_of_chance():
    beside = {"mean": 0.01, "low": -0.02, "high": 0.04, "n": 768}
    promoted = night(0, null(0.1, kept=True, passes=True), winner="fake", outcome="promote", fresh=beside)
    refused = night(1, null(0.02, kept=True), winner="fake", outcome="reject")
    quiet = [night(seed, null(-0.01)) for seed in range(2, 20)]
    lines = summarise_nulls([promoted, refused, *quiet])
    assert line(lines, "nights of nulls promoted").startswith("nights of nulls promoted: 1 of 20 [")
    assert "at most 4 by the 99 % limit of 5%" in line(lines, "nights of nulls promoted")
    assert line(lines, "nights that sent one") == "nights that sent one to the gate: 2 of 20"
    assert line(lines, "nulls kept").startswith("nulls kept on the screen: 2 of 20 [")
    assert line(lines, "nulls that the gate's test").startswith(
        "nulls that the gate's test of a gain passes, all of them asked: 1 of 20 ["
    )
    assert line(lines, "what seed 0 promoted").endswith("on 768 fresh pairs: not shown to be better")


def test_nulls_that_never_vary_are_seen_as_such():
    still = [night(seed, null(0.0, squared_error=0.0), null(0.0, squared_error=0.0)) for seed in range(3)]
    assert "exactly 0 in 6 of 6" in line(summarise_nulls(still), "effects on the gate's pairs")


def test_a_seed_that_did_not_begin_counts_nowhere():
    lines = summarise_nulls([{**night(0, null(0.5)), "began": False}, night(1, null(0.0)), night(2, null(0.1))])
    assert lines[0] == "2 of 3 seeds began with a promoted recipe; 2 nulls were measured"


def test_fresh_pairs_share_no_question_with_screen_or_gate():
    fresh = {item.messages for item in fresh_suite().items}
    assert len(fresh) == 2 * 768
    for name in ("state_obedience", "state_obedience_screen"):
        assert not fresh & {item.messages for item in load_suite(name).items}


def test_planted_arms_are_counted_with_their_interval():
    found = [
        night(seed, {"changes": REGRESSION, "result": "reverted"}, winner=IMPROVEMENT, outcome="promote")
        for seed in range(19)
    ]
    missed = night(19, {"changes": REGRESSION, "result": "kept"}, winner=REGRESSION, outcome="reject")
    lines = summarise_planted([*found, missed])
    assert line(lines, "planted improvement").startswith("planted improvement went to the gate: 19 of 20 [0.76, 0.99]")
    assert line(lines, "planted regressions") == "planted regressions kept: 1 of 20"


def test_what_is_done_is_found_again_and_what_broke_off_leaves_nothing(tmp_path, monkeypatch):
    begun: list[int] = []

    def run(folder: Path, seed: int) -> dict:
        assert not folder.exists()
        begun.append(seed)
        if seed == 2 and begun.count(2) == 1:
            raise KeyboardInterrupt
        return night(seed, null(0.0))

    monkeypatch.setitem(planted_nights.KINDS, "nulls", Kind(run=run, summarise=summarise_nulls))
    with pytest.raises(KeyboardInterrupt):
        run_what_is_left("nulls", range(4), tmp_path)
    assert [one["seed"] for one in read_all("nulls", tmp_path)] == [0, 1]
    run_what_is_left("nulls", range(4), tmp_path)
    assert begun == [0, 1, 2, 2, 3]
    assert [one["seed"] for one in read_all("nulls", tmp_path)] == [0, 1, 2, 3]
    assert read_all("planted", tmp_path) == []
