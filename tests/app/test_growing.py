"""`selftune dataset grow` and `prepare`, as a user types them."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.growing import grow_file
from selftune.app.preparing import prepare
from selftune.errors import ConfigError, UnbalancedError, UnknownNameError, UsageError
from selftune.interactions.detect import open_sources
from selftune.loop.config import CurationSection
from selftune.loop.incoming.intake import import_files
from selftune.loop.planning import mix_of
from selftune.records import Dataset, Trigger
from selftune.testing import fake_context

if not app.registered_commands:
    register_commands()


def run(*words: str):
    return CliRunner().invoke(app, words)


def test_a_grown_file_is_read_back_by_import_and_every_example_counts_as_simulated(tmp_path):
    out = tmp_path / "grown.jsonl"
    shown = run("dataset", "grow", "--n", "52", "--out", str(out), "--json")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["quality"]["wrong_passed"] == 0
    (source,) = open_sources(out, "auto")
    items = list(source.read(fake_context(tmp_path)))
    assert len(items) == 52
    assert {item.trigger for item in items} == {Trigger.SIMULATED}
    assert {item.generated_by for item in items} == {"rule"}
    assert all(item.state is not None for item in items)
    assert max(Counter(item.conversation for item in items).values()) == 2


def test_a_person_reads_the_report_by_family(tmp_path):
    shown = run("dataset", "grow", "--n", "26", "--out", str(tmp_path / "grown.jsonl"))
    assert "| injected | 2 | 2 |" in shown.stdout


def test_nothing_is_written_over_and_what_needs_a_project_says_so(tmp_path):
    taken = tmp_path / "taken.jsonl"
    taken.write_text("mine")
    with pytest.raises(UsageError, match="already"):
        grow_file(taken, count=4, seed=0)
    for asked in ({"teacher": "champion"}, {"extract": True}, {"steer": True}):
        with pytest.raises(UsageError, match="belong to a project"):
            grow_file(tmp_path / "new.jsonl", count=4, seed=0, **asked)
    with pytest.raises(UnknownNameError, match="teacher"):
        grow_file(tmp_path / "new.jsonl", count=4, seed=0, teacher="ruler")
    assert not (tmp_path / "new.jsonl").exists()
    assert taken.read_text() == "mine"


def real_log(project, tmp_path, count=40):
    """What people said, made up for the test: grown lines without the mark that nobody asked."""
    grown = tmp_path / "grown.jsonl"
    grow_file(grown, count=count, seed=99)
    entries = map(json.loads, grown.read_text().splitlines())
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps({"messages": one["messages"], "id": one["id"]}) + "\n" for one in entries))
    import_files(project, [log])


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_a_prepared_set_has_the_share_that_was_asked_for_and_says_of_each_example_what_it_is(released, tmp_path, share):
    real_log(released, tmp_path)
    prepared = prepare(released, share=share)
    total = prepared.real + prepared.synthetic
    assert abs(prepared.real - share * total) <= 1
    dataset = released.store.last(Dataset)
    assert dataset.id == prepared.dataset.id
    assert sum(example.synthetic for example in dataset.train) == prepared.synthetic
    assert {example.taught_by for example in dataset.train if example.synthetic} == {"rule"}
    assert prepared.held_real
    assert prepared.held_synthetic
    assert prepare(released, share=share).dataset.id == dataset.id


def test_what_the_log_can_not_give_is_refused_with_the_figures(released, tmp_path):
    with pytest.raises(UnbalancedError, match="0 real lessons at a share of 50% make a set of 0"):
        prepare(released, share=0.5)
    real_log(released, tmp_path)
    with pytest.raises(UnbalancedError, match="500 were asked for, which needs 250 real ones"):
        prepare(released, share=0.5, at_least=500)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.95, 1.0])
def test_a_share_outside_its_range_is_refused(project, share):
    with pytest.raises(ConfigError, match=r"outside 0\.1 to 0\.9"):
        prepare(project, share=share)


def test_the_ratio_of_the_config_is_the_mixture_of_the_cycle():
    section = CurationSection(data_mix_ratio=0.3)
    assert mix_of(section) == ("origin", (("real", 0.3), ("synthetic", 0.7)))
    assert mix_of(CurationSection(mixture=(("tone", 0.5),))) == ("kind", (("tone", 0.5),))
    with pytest.raises(ConfigError, match="data_mix_ratio and a mixture"):
        mix_of(CurationSection(data_mix_ratio=0.3, mixture=(("real", 0.5),)))


def test_right_turns_of_the_log_stand_in_the_file_as_real_and_grown_ones_do_not_come_back(released, tmp_path):
    real_log(released, tmp_path, count=26)
    prepare(released, share=0.5)
    grown = grow_file(tmp_path / "both.jsonl", count=26, seed=1, project=released, extract=True)
    lines = [json.loads(line) for line in (tmp_path / "both.jsonl").read_text().splitlines()]
    origins = Counter(line["origin"] for line in lines)
    assert 0 < grown.extracted <= 26
    assert origins == {"real": grown.extracted, "synthetic": 26}
