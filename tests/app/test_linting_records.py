"""Reports held against a project's own records: what was printed lints clean, what was changed by hand is found."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from configured_project import open_test_project
from tests.app.test_reporting import World
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.linting.again import hold_against_again
from selftune.app.linting.lint import lint_report, read_report
from selftune.app.reporting.naming import page_made_again, page_of_changes
from selftune.app.reporting.pages.html import as_html
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.records import Release
from selftune.testing import fake_base

WRITERS = {"report.md": as_markdown, "report.html": as_html}
FIGURE = re.compile(r"(?<![\w.#:-])[-+]?\d+(?:\.\d+)?%?(?![\w:-])")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One project with a decision and a release of what it promoted, read by all tests of this file."""
    folder = tmp_path_factory.mktemp("world")
    with open_test_project(folder) as project:
        found = World(project, folder)
        found.save(
            Release(
                version="v1.1", generation=1, alias="champion", build_id=found.new.id, build_digest=found.new.digest,
                model_file="m", decision_id=found.decision.id, replaced=None, reason="better", config_edit=(),
                approvals=(), health=(), proof=None,
            )
        )  # fmt: skip
        yield found


def pages(world):
    return {
        "decision": world.page(),
        "run": world.page(world.run.id),
        "evaluation": world.page(world.candidate.id),
        "evaluations": world.page(world.champion.id[:22], world.candidate.id),
        "changes": page_of_changes(world.project, world.champion.id, world.candidate.id[:22]),
        "everything": page_made_again(world.project, ["--all"]),
        "runs": page_made_again(world.project, ["runs"]),
        "runs against one": page_made_again(world.project, ["runs", "--baseline", world.run.id]),
    }


def linted(world, text, tmp_path, name="report.md"):
    (tmp_path / name).write_text(text)
    return lint_report(tmp_path / name, project=world.project)


@pytest.mark.parametrize("form", WRITERS)
def test_every_page_of_ours_holds_against_the_records_it_was_made_of(world, tmp_path, form):
    for kind, page in pages(world).items():
        found = linted(world, WRITERS[form](page), tmp_path, form)
        assert found.contradictions == (), kind
        assert found.recomputed == (f"selftune report {page.again}",), kind


@pytest.mark.parametrize("form", WRITERS)
def test_any_figure_that_was_changed_by_hand_is_found(world, form):
    """Figures all over each page, one at a time: in tables, sentences, captions and answers alike."""
    for kind, page in pages(world).items():
        text = WRITERS[form](page)
        again, lines = read_report(text), text.splitlines()
        seen = [at for at, line in enumerate(lines) if _visible(line, form)]
        places = [(at, found) for at in seen for found in FIGURE.finditer(_words(lines[at]))]
        assert len(places) > 5
        for at, found in places[3 :: max(1, len(places) // 12)]:
            bent = "3" if found[0] == "2" else "2"
            changed = [*lines[:at], lines[at][: found.start()] + bent + lines[at][found.end() :], *lines[at + 1 :]]
            assert hold_against_again(read_report("\n".join(changed)), again), (kind, lines[at], found)


def _visible(line, form):
    """A line that a reader sees: no style, no drawing, and no foot, which names what to compare with."""
    hidden = ("Made again by", "<svg", "--", "<meta", "@media", "<nav", "<section", "<head")
    return not any(mark in line for mark in hidden) and (form == "report.md" or line.startswith(("<tr>", "<p", "<art")))


def _words(line):
    """The line with its tags blanked out, every letter still in its place."""
    return re.sub(r"<[^>]*>", lambda tag: "#" * len(tag[0]), line)


def test_an_outcome_that_was_changed_is_found(world, tmp_path):
    text = world.text()
    assert linted(world, text.replace("**promote**", "**reject**"), tmp_path).contradictions
    checks = next(line for line in text.splitlines() if line.startswith("| gain |"))
    (found,) = linted(world, text.replace(checks, checks.replace("| pass |", "| fail |")), tmp_path).contradictions
    assert found.told == "status of 'gain' is printed as 'fail'; the records give 'pass'"


def test_a_row_that_was_left_out_or_made_up_is_found(world, tmp_path):
    text = world.text()
    row = next(line for line in text.splitlines() if line.startswith("| gain |"))
    (missing,) = linted(world, text.replace(row + "\n", ""), tmp_path).contradictions
    assert "leaves out a row 'gain'" in missing.told
    made_up = row.replace("| gain |", "| charm |")
    (added,) = linted(world, text.replace(row, f"{row}\n{made_up}"), tmp_path).contradictions
    assert "a row 'charm' is printed" in added.told


def test_words_that_a_person_adds_are_no_contradiction(world, tmp_path):
    text = world.text().replace("## Checks", "We looked at it twice, on 2 machines.\n\n## Checks", 1)
    assert linted(world, text, tmp_path).contradictions == ()


def test_a_page_of_another_project_is_not_taken_for_one_of_this(world, tmp_path):
    text = world.text().replace(world.decision.id, "decision:" + "0" * 64)
    (found,) = linted(world, text, tmp_path).contradictions
    assert "the project has no such page" in found.told


# --- What people write themselves -------------------------------------------------------------------------------------


def summary_of(world):
    from selftune.app.reporting.arms import view

    return view("v1.1", world.candidate, "pair").summary


def test_figures_of_a_named_build_are_recomputed_in_a_report_that_a_person_wrote(world, tmp_path):
    summary = summary_of(world)
    means = dict(summary.by_category)
    row = f"| v1.1 | {summary.overall.value:.3f} | {means['tone'].value:.2f} | {summary.overall.n} |"
    head = "| Version | Mean | tone | n |\n|---|---|---|---|\n"
    honest = linted(world, head + row, tmp_path)
    assert (honest.contradictions, honest.recomputed) == ((), ("v1.1",))
    for wrong in (row.replace(f"{summary.overall.value:.3f}", "0.999"), row.replace(f" {summary.overall.n} ", " 500 ")):
        (found,) = linted(world, head + wrong, tmp_path).contradictions
        assert (found.rule, found.lines) == ("records", (3,))


def test_a_mean_in_a_sentence_that_names_a_build_is_recomputed(world, tmp_path):
    mean = summary_of(world).overall.value
    for named in ("v1.1", world.candidate.id[:20], f"build {world.new.id[6:14]}"):
        assert linted(world, f"The model {named} scored {mean:.2f}.", tmp_path).contradictions == ()
        assert linted(world, f"The model {named} scored {100 * mean:.0f}.0 %.", tmp_path).recomputed
        (found,) = linted(world, f"The model {named} scored 0.17.", tmp_path).contradictions
        assert "is printed as 0.17" in found.told
    assert linted(world, "The model v9.9 scored 0.17.", tmp_path).recomputed == ()


def test_two_evaluations_of_a_build_are_told_apart_by_their_suite(world, tmp_path):
    other = replace(
        world.candidate, suite="elsewhere", suite_digest="sha256:1", outcomes=world.candidate.outcomes[:8], seeds=(99,)
    )
    world.save(other)
    mean = summary_of(world).overall.value
    assert linted(world, f"v1.1 had a mean of {mean:.3f} on state_obedience.", tmp_path).contradictions == ()
    assert linted(world, f"v1.1 had a mean of {mean:.3f} on elsewhere.", tmp_path).contradictions


# --- The command ------------------------------------------------------------------------------------------------------


def test_the_command_reads_the_records_of_the_project_it_stands_in(project, tmp_path, monkeypatch):
    monkeypatch.setattr("selftune.loop.project.find_base", lambda _: (fake_base("fake"), tmp_path))
    made = World(project, tmp_path)
    text = made.text()
    project.store.close()
    register_commands()
    path = tmp_path / "report.md"
    row = next(line for line in text.splitlines() if line.startswith("| candidate |"))
    for written, code in ((text, 0), (text.replace(row, row.replace("| 0.", "| 0.1", 1)), 3)):
        path.write_text(written)
        done = CliRunner().invoke(app, ["report", "lint", str(path), "--project", str(project.folder), "--json"])
        assert done.exit_code == code, done.output
        assert json.loads(done.stdout)["recomputed"] == [f"selftune report {made.decision.id}"]
    alone = CliRunner().invoke(app, ["report", "lint", str(path), "--project", str(tmp_path), "--json"])
    assert json.loads(alone.stdout)["recomputed"] == []
