"""The script that holds the demo to its promises must be able to say no."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "check_demo.py"


def load():
    spec = importlib.util.spec_from_file_location("check_demo", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check_demo = load()


def arm(mean: float) -> dict:
    return {
        "mean": mean,
        "interval": [mean - 0.05, mean + 0.05],
        "n": 100,
        "by_category": {"field": {}},
        "build_digest": f"sha256:{mean}",
    }


@pytest.fixture
def good(tmp_path):
    model = tmp_path / ".selftune" / "models" / "model.gguf"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"GGUF")
    release = {"build_digest": "sha256:0.9", "gguf": "model.gguf", "size_bytes": 4}
    decision = {"outcome": "promote", "reason": "better", "checks": [{"name": "gain"}]}
    first = {
        "number": 1,
        "decision": decision,
        "release": release,
        "scores": {"champion": arm(0.4), "candidate": arm(0.9)},
    }
    second = {**first, "number": 2, "decision": {**decision, "outcome": "inconclusive"}, "release": None}
    return {"generations": [first, second], "peak_rss_bytes": 1_000_000_000, "folder": str(tmp_path)}


def broken(result) -> list[str]:
    return [sentence for sentence, kept in check_demo.check_demo(result) if not kept]


def test_a_demo_that_keeps_its_promises_passes(good):
    assert broken(good) == []


@pytest.mark.parametrize(
    ("path", "value", "promise"),
    [
        (("generations", 0, "decision", "outcome"), "reject", "generation 1 is promoted"),
        (("generations", 1, "decision", "outcome"), "maybe", "generation 2 is decided"),
        (("generations", 1, "decision", "reason"), "", "generation 2: the decision has a reason"),
        (("generations", 0, "release", "build_digest"), "sha256:other", "generation 1: what is served"),
        (("generations", 0, "release", "size_bytes"), 5, "generation 1: the served file"),
        (("generations", 0, "scores", "champion", "mean"), 0.88, "the old model's score"),
        (("generations", 0, "scores", "candidate", "n"), 0, "generation 1: both arms"),
        (("peak_rss_bytes",), 3_000_000_000, "peak memory"),
    ],
)
def test_each_broken_promise_is_named(good, path, value, promise):
    result = copy.deepcopy(good)
    place = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert any(sentence.startswith(promise) for sentence in broken(result))


def test_a_release_without_a_promotion_is_a_broken_promise(good):
    good["generations"][1]["release"] = good["generations"][0]["release"]
    assert any("if and only if" in sentence for sentence in broken(good))


def test_a_demo_of_one_generation_is_not_enough(good):
    del good["generations"][1]
    assert "generation 2 is decided" in broken(good)


@pytest.mark.parametrize(
    ("outcome", "code", "passes"), [("reject", 3, True), ("promote", 0, False), ("reject", 2, False)]
)
def test_sabotage_must_be_refused_with_its_own_exit_code(outcome, code, passes):
    result = {"generations": [{"decision": {"outcome": outcome}, "release": None if outcome == "reject" else {}}]}
    assert all(kept for _, kept in check_demo.check_sabotage(result, code)) is passes


def test_the_script_exits_1_and_counts_when_a_promise_was_broken(good, tmp_path, capsys):
    good["peak_rss_bytes"] = 3_000_000_000
    demo, sabotage = tmp_path / "demo.json", tmp_path / "sabotage.json"
    demo.write_text(json.dumps(good))
    sabotage.write_text(json.dumps({"generations": [{"decision": {"outcome": "reject"}, "release": None}]}))
    assert check_demo.main(str(demo), str(sabotage), "3") == 1
    assert capsys.readouterr().out.rstrip().endswith(", 1 failed")
