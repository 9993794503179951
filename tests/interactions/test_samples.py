"""The logs of our own that ship: in the shapes they promise, and each of them comes in."""

# ruff: noqa: RUF001 - odd quotes and dashes are what is tested

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from interaction_logs import read, said, whole

from selftune.interactions.reading.documents import Limits
from selftune.interactions.reading.lines import read_entries
from selftune.interactions.repair import repair_text
from selftune.interactions.samples.write import ADVERSARIAL, CORE, MEANT, READ_AS, write_samples
from selftune.records import Quarantined, Trigger

SAMPLES = files("selftune.interactions.samples")
MOJIBAKE = [json.loads(line) for line in SAMPLES.joinpath("mojibake.jsonl").read_text("utf-8").splitlines()]


def test_the_files_are_what_the_writer_writes(tmp_path):
    write_samples(tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_text("utf-8") == SAMPLES.joinpath(path.name).read_text("utf-8"), path.name


@pytest.mark.parametrize(("name", "count"), [("state_core", 35), ("state_adversarial", 20), ("state_combined", 55)])
def test_the_state_sets_have_the_promised_sizes_and_come_in_whole(name, count, tmp_path):
    got = whole(read(SAMPLES.joinpath(f"{name}.jsonl"), tmp_path))
    assert len(got) == count
    assert {item.source for item in got} == {f"state_obedience:{name}.jsonl"}
    assert all(item.state and json.loads(item.state) for item in got)
    assert all([role for role, _ in said(item)] == ["system", "user", "assistant"] for item in got)
    assert len({item.messages for item in got}) == count


def test_the_combined_set_is_the_core_and_then_the_attacks():
    core, attacks, both = (
        SAMPLES.joinpath(f"state_{name}.jsonl").read_text("utf-8") for name in ("core", "adversarial", "combined")
    )
    assert both == core + attacks
    assert {name: len(entries) for name, entries in ADVERSARIAL.items()} == {
        "other_identity": 5,
        "system_override": 5,
        "social_engineering": 5,
        "emotional_manipulation": 5,
    }
    assert {"absent", "nested", "empty", "conflicting", "forbidden", "tone", "context_level"} <= CORE.keys()


def test_answers_under_attack_never_take_another_name():
    for state, _, answer in (each for entries in ADVERSARIAL.values() for each in entries):
        others = {"ChatGPT", "Claude", "GPT-4", "Gemini", "Max"}
        assert not any(f"I am {other}" in answer for other in others), answer
        assert state["identity"]["name"] not in others


@pytest.mark.parametrize("name", ["a4ps_raw_log.json", "a4ps_raw_log.yaml"])
def test_the_raw_log_of_personas_reads_alike_as_json_and_as_yaml(name, tmp_path):
    one, two, three = whole(read(SAMPLES.joinpath(name), tmp_path))
    assert (one.task_id, one.trigger, two.trigger) == ("auto-001", Trigger.MOTIVATOR, Trigger.USER)
    assert [message.persona for message in one.messages] == [None, "BRICK", "ROBIN", "BRICK", "ALFRED"]
    assert two.answer == "Registered names have at most 20 letters. That one has 13."
    assert [message.persona for message in three.messages] == [None, "BRICK", "ROBIN"]


@pytest.mark.parametrize("entry", MOJIBAKE, ids=lambda entry: f"{entry['read_as']}-{entry['times']}-{entry['meant']}")
def test_each_broken_text_becomes_what_was_meant(entry):
    assert repair_text(entry["broken"]) == entry["meant"]


@pytest.mark.parametrize(
    "text",
    [*MEANT, "10–12 Uhr — jetzt", "√2 ≈ 1.41", "–", "¬ † Ÿ", "a ≤ b – c", "Größe — „so“ – ‚so‘", "¿Qué? – ¡Sí!"],
)
def test_honest_text_stays_as_it_is(text):
    assert repair_text(text) == text


def test_the_broken_texts_cover_each_way_of_breaking():
    assert {entry["read_as"] for entry in MOJIBAKE} == set(READ_AS)
    assert {entry["times"] for entry in MOJIBAKE} == {1, 2}
    assert len(MOJIBAKE) >= 50


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- task_id: [", "not YAML"),
        ("a: &a [1, 1]\nb: [*a, *a]\n", "refers back to parts of itself"),
        ("- !!python/object:os.system {}\n", "none that JSON has something for"),
        ("- prompt: .nan\n  transcript: []\n", "NaN is not JSON"),
        ("- prompt: p\n  transcript: " + "[" * 70 + "]" * 70 + "\n", "nested deeper than 64"),
    ],
)
def test_yaml_that_can_not_be_trusted_is_set_aside(text, reason, tmp_path):
    path = tmp_path / "log.yaml"
    path.write_text(text)
    (got,) = read(path, tmp_path, "a4ps")
    assert isinstance(got, Quarantined)
    assert reason in got.reason


def test_a_huge_yaml_file_is_set_aside_with_the_way_out(tmp_path):
    path = tmp_path / "log.yaml"
    path.write_text("- prompt: " + "x" * 300 + "\n")
    (entry,) = read_entries(path, Limits(line_bytes=100, kept_bytes=10))
    assert entry.fault == "more than 100 bytes of YAML; turn it into JSONL"
    assert len(entry.raw) == 10
