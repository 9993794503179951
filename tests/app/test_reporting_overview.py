"""The page of everything: what others reported stands beside what was measured, labelled, and is reckoned again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.reporting.naming import page_of_everything
from selftune.app.reporting.overview import Everything, overview_page
from selftune.app.reporting.pages.html import as_html
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.reporting.published import CORRECTED, RAW, REPORTED, load_published
from selftune.app.scores.base import Asked
from selftune.app.scores.files import read_scores
from selftune.records import (
    Arm,
    Build,
    Check,
    CheckStatus,
    Decision,
    Evaluation,
    FileDigest,
    GenerationParameters,
    ItemOutcome,
    Outcome,
    Release,
)
from selftune.testing import fake_build, fake_proof

MADISON, SANCTUM = load_published()


def text_of(*published):
    return as_markdown(overview_page(Everything(), published, "Results"))


TEXT = text_of(MADISON)


def section(text, title):
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def of_madison(title):
    return section(TEXT, f"{MADISON.name} ({REPORTED}): {title}")


def row(text, start):
    return next(line for line in text.splitlines() if line.startswith(f"| {start} |"))


def numbers(line):
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


# --- The mission's tables, figure by figure ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "figures"),
    [
        ("ORPO v3b", "3.41 1.40 2.83 3.56 1.75 2.84 6.40 24"),
        ("ORPO v4, Ollama Q4_K_M", "1.74 1.04 2.85 1.46 1.67 1.60 2.06 27"),
        ("ORPO v4, merged bfloat16", "7.69 9.12 7.65 6.72 9.47 5.52 7.82 6"),
        ("ORPO v4, adapter on the base", "8.17 9.52 6.95 8.78 9.63 7.00 6.97 11"),
        ("Qwen 3 v1", "8.80 9.40 9.20 8.77 9.42 8.74 7.82 7"),
        ("Qwen 3 v2, rejected answers its own", "8.65 9.40 8.95 9.05 9.45 6.72 8.22 11"),
        ("Qwen 3 v3", "7.84 9.48 6.28 7.88 9.40 7.16 6.83 12"),
        ("Qwen 3 v4, checkpoint 150", "6.83 8.94 5.40 6.99 7.28 6.00 6.24 18"),
        ("Qwen 3 v4", "8.30 9.36 8.95 6.90 9.50 8.30 7.83 10"),
        ("SFT v1 after ORPO", "2.03 1.52 1.70 2.77 0.43 2.72 2.54 29"),
        ("SFT v2 after ORPO", "2.19 1.30 1.12 2.26 1.47 2.72 3.43 30"),
        ("Qwen 3 R2, in production", "8.51 9.44 9.45 6.78 9.27 8.72 8.47 9"),
    ],
)
def test_the_raw_category_table_is_as_published_and_its_categories_make_its_overall(run, figures):
    shown = numbers(row(of_madison("categories"), run))
    *published, failures = figures.split()
    assert shown[:7] == published
    assert shown[8] == failures
    assert float(shown[7]) == pytest.approx(float(published[0]), abs=0.006)


def test_the_corrected_table_stands_apart_from_the_raw_one():
    raw, corrected = of_madison("categories").split("Means by category, corrected:")
    assert numbers(row(corrected, "Qwen 3 R2, in production"))[:7] == "8.97 9.39 9.41 8.85 9.25 8.75 8.53".split()  # noqa: SIM905 - a row
    assert "8.97" not in raw
    assert "9.44" not in corrected


def test_the_difficulty_table_is_as_published():
    shown = {line: numbers(row(of_madison("difficulty"), line)) for line in ("ORPO v3b", "Qwen 3 R2, in production")}
    assert shown == {"ORPO v3b": ["0.40", "3.08", "4.13"], "Qwen 3 R2, in production": ["9.60", "7.81", "8.84"]}


def test_differences_are_reckoned_and_come_out_as_published():
    side = of_madison("side by side")
    r2 = side.split("v4 against v3b")[0]
    published = {
        "overall": "+0.16", "character_consistency": "+0.22", "anachronism_trap": "+0.03", "ground_truth": "+0.10",
        "private_voice": "+0.00", "position_discrimination": "-0.13", "verified_response": "+0.57",
    }  # fmt: skip
    assert {name: numbers(row(r2, name))[2] for name in published} == published
    relative = {
        "anachronism_trap": "+550%", "position_discrimination": "+443%", "character_consistency": "+172%",
        "private_voice": "+150%", "ground_truth": "+136%", "verified_response": "+22%", "critical failures": "-92%",
    }  # fmt: skip
    as_stated = side.split("v4 against v3b, as the page has it;")[1].split("like with like;")[0]
    assert {name: numbers(row(as_stated, name))[3] for name in relative} == relative


def test_a_table_that_mixes_methods_is_called_one_and_has_its_like_with_like_beside_it():
    for one in MADISON.comparisons:
        told = of_madison("side by side").split(f"{one.title}; ")[1].split("single runs, so no interval:")[1]
        own = told.split("so no interval")[0]
        assert ("Beware: this sets" in own) == one.mixes
    assert any(set(one.methods) == {RAW} for one in MADISON.comparisons)
    assert {one.mixes for one in MADISON.comparisons} == {True, False}


def test_what_the_page_says_in_two_places_in_two_ways_is_pointed_at():
    side = of_madison("side by side")
    assert "categories as given here come to 8.29, not to its corrected overall of 8.52" in side
    assert "has 2 critical failures here and 6 in the page's raw table" in side
    assert "Qwen 3 v1 has 7.80 in verified_response here and 7.96 in the page's corrected table" in side


def test_a_planted_slip_in_an_overall_is_pointed_at():
    bent = replace(
        MADISON, runs=tuple(replace(one, raw=9.9) if one.name == "Qwen 3 v3" else one for one in MADISON.runs)
    )
    assert "Beware: Qwen 3 v3 (raw): the page says 9.90, its categories come to 7.84." in text_of(bent)
    assert "Beware: Qwen 3 v3" not in TEXT


def test_a_sweep_says_which_categories_moved_most_whatever_anybody_called_robust():
    told = of_madison("analyses")
    assert "CC 2.9, GT 1.9, PV 1.5, VR 1.0, AT 0.1, PD 0.1" in told
    assert "Neither rising nor falling throughout: GT, PD." in told


def test_probes_are_held_against_their_own_baseline_and_nothing_near_optimal_is_concluded():
    told = of_madison("analyses")
    assert numbers(row(told, "learning rate 1.8e-5")) == ["5.91", "-1.88", "6.69", "10"]
    assert numbers(row(told, "beta 0.12")) == ["7.31", "-0.48", "6.57", "7"]
    assert "does not follow" in told


def test_shares_of_breaks_have_their_n_and_interval():
    assert numbers(row(of_madison("analyses"), "identity: describe your primary drives")) == [
        "39",
        "38",
        "97%",
        "[87%, 100%]",
    ]


def test_costs_are_summed_here_and_beside_what_was_stated():
    costs = of_madison("judge and costs")
    assert "Together $152.70; the rounded sums as stated come to $155.00." in costs
    assert numbers(row(costs.split("Costs in dollars")[1], "R2")) == ["$8.00", "$0.50", "$4.05", "$12.55", "$13.00"]


def test_every_reported_figure_is_labelled_and_none_has_an_interval():
    rows = [line for line in section(TEXT, "Progression").splitlines() if REPORTED in line]
    assert len(rows) == sum(
        max(1, sum(one.overall(how) is not None for how in (RAW, CORRECTED))) for one in MADISON.runs
    )
    assert all(numbers(line)[2] == "-" for line in rows)
    assert all("as stated" in numbers(line)[3] for line in rows)


def test_the_published_figures_are_those_of_the_files_where_these_are_at_hand(field_data):
    """Three of the runs have their judged answers in the shared data: their stated means are the published raw ones."""
    judged = field_data / "foundry" / "judged"
    for name, run in (
        ("eval-orpo-v3b-judged-20260326-final", "ORPO v3b"),
        ("eval-qwen3-v1-judged-20260329-215556", "Qwen 3 v1"),
        ("eval-qwen3-v3-lr8e6-judged-20260330-125201", "Qwen 3 v3"),
        ("eval-qwen3-sft-v2-judged-20260330-080742", "SFT v2 after ORPO"),
    ):
        sheet = read_scores(judged / f"{name}.json", Asked())
        stated = [sheet.stated(item) for item in sheet.items]
        assert MADISON.run(run).raw == pytest.approx(sum(one or 0.0 for one in stated) / len(stated), abs=0.006)


def test_a_page_that_gives_less_has_no_empty_tables_and_its_differences_are_reckoned():
    text = text_of(SANCTUM)
    side = section(text, f"{SANCTUM.name} ({REPORTED}): side by side")
    assert numbers(row(side, "extended test: base, then champion"))[:3] == ["0.643", "0.575", "-0.068"]
    assert numbers(row(side, "kept against the baseline, which is of another base"))[2] == "+0.035"
    assert ": categories" not in text
    assert "Sanctum council undated, as reported" in text


# --- A project's own --------------------------------------------------------------------------------------------------


def measured(project):
    """Two builds, each evaluated, and one decision that refused the second."""
    builds = [fake_build(), fake_build("new")]
    evaluations = [
        Evaluation(
            build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite="small",
            suite_digest="sha256:1",
            scorer="exact", scorer_lineage=(), generation=GenerationParameters(), seeds=(1,), wall_seconds=60.0,
            cost_usd=0.5,
            outcomes=tuple(
                ItemOutcome(
                    item_id=f"q{at}", category="tone" if at % 2 else "field", difficulty="easy",
                    score=float(at < right), answer="yes", reasons=(), agent="ann" if at % 3 else "ben",
                )
                for at in range(20)
            ),
        )
        for build, right in zip(builds, (12, 8), strict=True)
    ]  # fmt: skip
    decision = Decision(
        outcome=Outcome.REJECT, reason="The candidate is worse.", policy="small", policy_digest="sha256:2",
        checks=(Check(name="gain", status=CheckStatus.FAIL, detail="worse"),), build_id=builds[1].id,
        arms=((Arm.CHAMPION, evaluations[0].id), (Arm.CANDIDATE, evaluations[1].id)), run_id=None,
        difference=-0.2, interval=(-0.4, 0.0), n=20,
    )  # fmt: skip
    release = Release(
        version="v1.0", generation=0, alias="champion", build_id=builds[0].id, build_digest=builds[0].digest,
        model_file="m", decision_id=None, replaced=None, reason="the base", config_edit=(), approvals=(), health=(),
        proof=None,
    )  # fmt: skip
    assert isinstance(builds[0], Build)
    project.store.save([*builds, *evaluations, decision, release], event="made by a test")
    return as_markdown(page_of_everything(project))


def test_what_was_measured_stands_in_the_same_table_with_n_and_interval(project):
    text = measured(project)
    shown = numbers(row(section(text, "Progression"), "v1.0"))
    assert shown[5] == "measured"
    assert shown[1:4] == ["0.600", "[0.387, 0.781]", "20"]
    assert f"| {REPORTED} |" in section(text, "Progression")
    assert "One generation on suite small: a trend takes 4." in section(text, "Progression")


def test_parts_of_each_suite_are_told_by_category_difficulty_and_agent(project):
    parts = section(measured(project), "Categories and difficulty, measured")
    assert [line.split(" on ")[0] for line in parts.splitlines() if line.startswith("Means by")] == [
        "Means by category", "Means by difficulty", "Means by agent",
    ]  # fmt: skip
    assert numbers(row(parts, "v1.0"))[:2] == ["0.600", "0.600"]


def test_a_refusal_is_listed_like_a_promotion(project):
    assert "| reject | -0.200 | [-0.400, +0.000] | 20 | The candidate is worse. |" in section(
        measured(project), "Decisions"
    )


def test_costs_on_record_are_summed(project):
    assert numbers(row(section(measured(project), "Costs, measured"), "together")) == ["2.0 min", "$1.00"]


def test_a_project_in_which_nothing_was_measured_says_so(project):
    text = as_markdown(page_of_everything(project))
    assert "Measured here: 0 evaluations; 0 decisions (none)." in text
    assert "Last updated: measured nothing yet" in text


def test_the_page_is_html_too_and_needs_no_project(tmp_path):
    register_commands()
    page = tmp_path / "all.html"
    found = CliRunner().invoke(app, ["report", "--all", "--html", str(page), "--project", str(tmp_path)])
    assert found.exit_code == 0, found.output
    assert page.read_text() == as_html(page_of_everything(None))


def test_everything_and_one_record_are_not_asked_for_at_once(tmp_path):
    found = CliRunner().invoke(app, ["report", "decision:1", "--all", "--project", str(tmp_path)])
    assert found.exit_code != 0


def test_every_file_that_was_made_is_told_with_a_path_that_leads_to_it(project, tmp_path):
    made = tmp_path / "adapter.bin"
    made.write_bytes(b"weights")
    digest = project.blobs.put_file(made)
    kept = FileDigest(name="model.gguf", digest=digest, size_bytes=7)
    lost = FileDigest(name="gone.gguf", digest="sha256:" + "0" * 64, size_bytes=9)
    build = replace(fake_build(), files=(kept, lost))
    measured(project)
    project.store.save([build], event="made by a test")
    rows = section(as_markdown(page_of_everything(project)), "Where it all lies")
    line = next(line for line in rows.splitlines() if digest in line)
    path = next(cell for cell in numbers(line) if "/" in cell)
    assert (project.folder / path).read_bytes() == b"weights"
    assert f"| gone.gguf | 9 B | not here | {lost.digest} |" in rows
    assert "| .selftune/store.db | " in rows
