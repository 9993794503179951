"""Logs of tries from elsewhere: read as they stand, their own noise named, deciding nothing."""

from __future__ import annotations

import os
import random
from pathlib import Path
from statistics import stdev

import pytest

from selftune.app.log_noise import describe_log, read_noise
from selftune.app.result_logs import import_result_log, read_result_log
from selftune.app.results import describe_results, gather_results
from selftune.errors import MissingFileError, UnknownNameError, UsageError
from selftune.loop.experiments.record_keeping.seen import seen_on
from selftune.loop.project import create_project, open_project
from selftune.records import Experiment, ExperimentResult, Mode, ResultLog

SEED = (
    "experiment_id\ttimestamp\tmode\tmodel\tscore\tbaseline\tresult\ttrain_loss\tval_loss\telapsed_s\n"
    "exp-20260320\t2026-03-20\tproxy\t9B\t0.782\t0.778\treverted\t0.81\t0.84\t910\n"
    "exp-20260321\t2026-03-21\tfull\t35B\t0.813\t0.778\tkept\t0.74\t0.79\t1740\n"
)
HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


@pytest.fixture
def read(tmp_path):
    def read_text(text: str, **asked) -> ResultLog:
        path = tmp_path / "log.tsv"
        path.write_text(text, encoding="utf-8")
        return read_result_log(path, **asked)

    return read_text


def told(log: ResultLog) -> str:
    return "\n".join(describe_log(log))


def test_the_seed_s_two_rows_are_two_bases_against_one_baseline(read):
    log = read(SEED)
    first, second = log.tries
    assert (first.metric, first.baseline, first.result, first.seconds) == (0.782, 0.778, ExperimentResult.REVERTED, 910)
    assert (second.name, second.model, second.result) == ("exp-20260321", "35B", ExperimentResult.KEPT)
    assert read_noise(log).mixed == ("35B", "9B")
    assert "these tries can't be compared" in told(log)
    assert "noise can't be told" in told(log)


def test_the_same_rows_are_read_without_line_breaks_and_without_a_header(read):
    rows = read(SEED).tries
    assert read(SEED.replace("\n", "")).tries == rows
    assert read(SEED.partition("\n")[2]).tries == rows


def test_an_autoresearch_log_ranks_by_bits_where_less_is_better_and_a_crash_has_no_figure(read):
    log = read(
        f"{HEADER}a\t0.9979\t44.0\tkeep\tbaseline\nb\t0.9932\t44.2\tKEEP\tlr 0.04\nc\t0.0\t0.0\tcrash\ttoo wide\n"
    )
    assert (log.format, log.metric, log.higher_is_better) == ("autoresearch", "val_bpb", False)
    assert [one.metric for one in log.tries] == [0.9979, 0.9932, None]
    found = read_noise(log)
    assert found.best.name == "b"
    assert [round(step.gain, 4) for step in found.steps] == [0.0047]


def test_repeats_of_a_setting_tell_the_noise_and_the_steps_within_it(read):
    rows = ["a\t1.00\t1\tkeep\tbaseline", "b\t1.04\t1\tdiscard\tbaseline", "c\t0.98\t1\tkeep\tlr 0.02"]
    found = read_noise(read(HEADER + "\n".join([*rows, rows[0]])))
    assert found.noise.source == "repeats"
    assert found.noise.n == 1
    assert found.noise.deviation == pytest.approx(stdev([1.00, 1.04]))
    assert "from settings tried twice or more, 1 degrees of freedom" in told(read(HEADER + "\n".join(rows)))
    # The first of equal lines counts once as a repeat; kept again it is a step of -0.02, kept though worse.
    assert (len(found.steps), found.within) == (2, 2)


def test_neighbours_tell_about_the_planted_noise_and_a_few_real_steps_do_not_move_it(read):
    draw = random.Random(7)
    values = [1.0 - (0.5 if number > 150 else 0.0) + draw.gauss(0, 0.01) for number in range(300)]
    rows = [f"c{number}\t{value:.6f}\t1\tdiscard\tidea {number}" for number, value in enumerate(values)]
    noise = read_noise(read(HEADER + "\n".join(rows))).noise
    assert noise.source == "neighbours"
    assert noise.deviation == pytest.approx(0.01, rel=0.15)


def test_a_night_of_chance_keeps_steps_that_its_noise_explains_and_real_steps_stand_out(read):
    draw = random.Random(3)
    best, rows = 1.0, []
    for number in range(200):
        value = 1.0 + draw.gauss(0, 0.01)
        said = "keep" if value < best else "discard"
        best = min(best, value)
        rows.append(f"c{number}\t{value:.6f}\t1\t{said}\tidea {number}")
    by_chance = read_noise(read(HEADER + "\n".join(rows)))
    said = told(read(HEADER + "\n".join(rows)))
    assert f"{len(by_chance.steps)} of its {len(by_chance.steps)} kept steps lie within that" in said
    assert "at most, from 199 neighbours in the log" in said
    assert "to show the middle step: " in said
    assert by_chance.steps
    assert by_chance.within == len(by_chance.steps)
    real = [*rows, "real1\t0.80\t1\tkeep\tbetter", "real2\t0.60\t1\tkeep\tbetter still"]
    found = read_noise(read(HEADER + "\n".join(real)))
    assert len(found.steps) - found.within == 2


def test_a_figure_that_never_changes_is_named(read):
    rows = [f"c{number}\t210.43\tdiscard\tidea {number}" for number in range(5)]
    log = read("commit\tval_rmse\tstatus\tdescription\n" + "\n".join(rows))
    assert "5 tries in a row have the very same figure" in told(log)


def test_a_zero_among_other_figures_is_left_out_and_said(read):
    log = read("commit\tgt\tstatus\tdescription\na\t0.0\tdiscard\tx\nb\t7.5\tdiscard\ty\n")
    found = read_noise(log)
    assert (found.tries, found.measured, found.zeros) == (2, 1, 1)
    assert "1 of exactly 0 left out" in told(log)


def test_a_direction_that_nobody_knows_must_be_said(read):
    text = "commit\tspeed\tstatus\na\t3.0\tkeep\n"
    with pytest.raises(UsageError, match="metric"):
        read(text)
    with pytest.raises(UsageError, match="more of speed is better"):
        read(text, metric="speed")
    assert read(text, metric="speed", higher=True).higher_is_better
    with pytest.raises(UnknownNameError):
        read(text, metric="sped", higher=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no tab-separated rows"),
        ("just words\n", "no tab-separated rows"),
        ("a\tb\n1\t2\n", "no header"),
        (f"{HEADER}a\tx\t1\tkeep\ty\n", "no row"),
        (f"{HEADER}a\t1.0\t1\tkeep\ty\tz\n", "row 1 of log.tsv has 6 cells"),
    ],
)
def test_what_is_no_such_log_is_refused_by_name(read, text, said):
    with pytest.raises(UsageError, match=said):
        read(text)


def test_bytes_that_are_no_text_and_a_file_that_is_not_there_are_refused(tmp_path):
    (tmp_path / "log.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        read_result_log(tmp_path / "log.tsv")
    with pytest.raises(MissingFileError):
        read_result_log(tmp_path / "none.tsv")


def test_a_secret_in_a_description_never_reaches_the_store(read):
    key = "sk-" + "proj-Zx9Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0Lz"
    (one,) = read(f"{HEADER}a\t1.0\t1\tkeep\twith {key} set\n").tries
    assert key not in one.tried
    assert "with" in one.tried


def test_an_imported_log_is_kept_once_shown_and_told_to_no_proposer(tmp_path):
    path = tmp_path / "seed.tsv"
    path.write_text(SEED, encoding="utf-8")
    create_project(tmp_path / "p", name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    with open_project(tmp_path / "p") as project:
        for _ in range(2):
            log = import_result_log(project, path)
        assert project.store.count(ResultLog) == 1
        assert project.store.count(Experiment) == 0
        assert seen_on(project.store, project.base.digest, Mode.FULL) == ()
        assert "seed.tsv: 2 tries" in "\n".join(describe_results(gather_results(project)))
        assert project.store.record(log.id, ResultLog) == log


@pytest.mark.needs("field-data")
def test_the_published_search_kept_nothing_and_its_noise_is_as_large_as_its_effects():
    log = read_result_log(Path(os.environ["SELFTUNE_FIELD_DATA"]) / "foundry" / "probe" / "results.tsv")
    found = read_noise(log)
    assert (log.format, log.metric, found.tries, found.measured, found.kept) == ("probes", "gt", 8, 7, 0)
    assert found.zeros == 1
    assert 0.2 < found.noise.deviation < 1.0
