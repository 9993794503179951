"""`selftune train --plan`: what would be trained, what speaks against it, and what a person may set aside."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.cli.plans import show_on
from selftune.app.reporting.escalations import gather_escalations
from selftune.app.training_plans import Word, set_aside, show_plan
from selftune.errors import UsageError
from selftune.evals.suites import load_suite
from selftune.governance.keys import statement_is_signed
from selftune.ledger.keys import load_machine_key
from selftune.loop.lessons.recipes import EVENT, find_recipe, recipe_in_force
from selftune.loop.project import create_project, open_project
from selftune.records import Run, RunStatus, Statement
from selftune.training.config import load_recipe
from selftune.training.findings import RefusedTrainingError

if not app.registered_commands:
    register_commands()

ORPO = 'objective = "orpo"\nbeta = {beta}\nepochs = 1\n'
RUN = Run(
    recipe="earlier",
    recipe_digest="sha256:0",
    dataset_id="dataset:0",
    base_digest="",
    stage_history=("orpo",),
    objective="orpo",
    backend="packed",
    status=RunStatus.FINISHED,
    seed=0,
    steps=10,
    planned_steps=10,
    passes=2.0,
    examples=100,
    supervised_tokens=1,
    wall_seconds=400.0,
    settings=(("learning_rate", "2e-05"), ("beta", "0.1")),
)


def run(*words):
    return CliRunner().invoke(app, ("train", *map(str, words)))


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "p"
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    return folder


@pytest.fixture
def trained(project):
    """A project on whose base one ORPO finished, at 0.1."""
    with open_project(project) as opened:
        opened.store.save([replace(RUN, base_digest=opened.base.digest)], event="trained")
    return project


def recipe_file(folder, name, text):
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def pairs_file(folder, count, ask="What did you write on day {n} of article {other}?"):
    path = folder / f"pairs-{count}.jsonl"
    rows = [
        {
            "prompt": [{"role": "user", "content": ask.format(n=n, other=n * 7 % 97)}],
            "chosen": [{"role": "assistant", "content": f"I wrote of article {n * 7 % 97} and hold to it."}],
            "rejected": [{"role": "assistant", "content": f"I don't know, it's {n}."}],
        }
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def planned(project, *words):
    told = run("--plan", "--project", project, "--json", *words)
    return told.exit_code, json.loads(told.stdout)["plan"]


def standing(plan):
    return {one["rule"]: one["standing"] for one in plan["findings"]}


@pytest.mark.needs("train")
@pytest.mark.parametrize(("pairs", "learnt", "steps"), [(1_273, 1_146, 861), (1_498, 1_348, 1_011)])
def test_the_foundrys_pairs_take_the_steps_that_it_published(project, tmp_path, pairs, learnt, steps):
    code, plan = planned(project, "--recipe", "foundry_orpo", "--dataset", pairs_file(tmp_path, pairs))
    assert (plan["examples"], plan["held_out"], plan["steps"]) == (learnt, pairs - learnt, steps)
    assert code == 0
    assert standing(plan)["base family"] == "warning"
    assert (standing(plan)["reading"], standing(plan)["contamination"]) == ("fine", "fine")


@pytest.mark.needs("train")
def test_it_is_told_line_by_line_with_the_first_three_lessons_marked(project, tmp_path):
    told = run("--plan", "--project", project, "--recipe", "foundry_orpo", "--dataset", pairs_file(tmp_path, 40))
    assert told.exit_code == 0
    assert "ok         examples: 36 to learn from, 4 held out, 0 left out" in told.stdout
    assert told.stdout.count("⟦I wrote of article") == 3
    assert told.stdout.count("the worse answer:") == 3
    assert "\x1b" not in told.stdout, "a pipe gets no colours"


@pytest.mark.needs("train")
@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_colours_unless_it_wants_none(project, tmp_path, no_color):
    with open_project(project) as opened:
        shown = show_plan(opened, recipe="foundry_orpo", lessons=str(pairs_file(tmp_path, 5)))
    written = io.StringIO()
    show_on(Console(file=written, force_terminal=True, color_system="standard", no_color=no_color), shown)
    assert ("\x1b[32mI wrote of article" in written.getvalue()) is not no_color
    assert ("⟦I wrote of article" in written.getvalue()) is no_color


@pytest.mark.needs("train")
def test_a_recipe_for_answers_finds_nothing_wrong_with_pairs_but_one_for_pairs_needs_them(project, tmp_path):
    path = tmp_path / "said.jsonl"
    rows = [
        {"messages": [{"role": "user", "content": f"Q{n}?"}, {"role": "assistant", "content": f"A{n}."}]}
        for n in range(9)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, plan = planned(project, "--recipe", "foundry_orpo", "--dataset", path)
    assert (code, standing(plan)["examples"]) == (2, "refused")
    assert {one["reason"] for one in plan["left_out"]} == {"not trained on: it has no rejected answer"}


@pytest.mark.needs("train")
def test_lessons_that_ask_what_a_suite_asks_are_refused(project, tmp_path):
    item = load_suite("general").items[0]
    asked = next(turn.content for turn in item.messages if turn.role == "user")
    path = pairs_file(tmp_path, 30)
    row = {"prompt": asked, "chosen": "A fine answer to that.", "rejected": "None."}
    path.write_text(path.read_text() + (json.dumps(row) + "\n") * 3 + "no entry\n")
    code, plan = planned(project, "--recipe", "foundry_orpo", "--dataset", path)
    assert (code, standing(plan)["contamination"], standing(plan)["duplicates"]) == (2, "refused", "warning")
    assert standing(plan)["reading"] == "warning"


@pytest.mark.needs("train")
def test_a_long_step_of_beta_is_refused_until_a_person_says_so_in_the_ledger(trained, tmp_path):
    recipe = recipe_file(tmp_path, "far", ORPO.format(beta=0.12))
    words = ("--recipe", recipe, "--dataset", pairs_file(tmp_path, 60))
    code, plan = planned(trained, *words)
    assert (code, standing(plan)["step of beta"]) == (2, "refused")
    code, plan = planned(trained, *words, "--i-know")
    assert (code, standing(plan)["step of beta"]) == (0, "overruled")
    code, plan = planned(trained, *words)
    assert (code, standing(plan)["step of beta"]) == (0, "overruled"), "what was said once, holds"
    with open_project(trained) as opened:
        (said,) = [dict(entry.detail) for entry in opened.store.history() if entry.event == EVENT]
    assert (said["rule"], said["recipe"]) == ("step of beta", "far")


@pytest.mark.needs("train")
def test_earlier_runs_tell_time_and_cost_and_the_tried_rate(trained, tmp_path):
    recipe = recipe_file(tmp_path, "near", ORPO.format(beta=0.1) + "learning_rate = 2e-5\n")
    _, plan = planned(trained, "--recipe", recipe, "--dataset", pairs_file(tmp_path, 60), "--usd-per-hour", 3.6)
    # 400 s for 200 examples met; 54 examples are 7 steps of 8.
    assert plan["time"] == {"seconds": 112.0, "least": 112.0, "most": 112.0, "runs": 1}
    assert plan["cost_usd"] == pytest.approx(0.112)
    assert (standing(plan)["learning rate"], standing(plan)["time and cost"]) == ("fine", "fine")


@pytest.mark.needs("train")
def test_a_card_to_be_rented_brings_its_memory_its_time_and_its_price(project, tmp_path):
    words = ("--recipe", "foundry_orpo", "--dataset", pairs_file(tmp_path, 20), "--gpu")
    code, plan = planned(project, *words, "L4")
    assert (code, plan["machine"]["free_bytes"]) == (0, 24_000_000_000)
    assert plan["time"]["runs"] == 0
    assert 300 < plan["time"]["seconds"] < 301, "five minutes to start, and little to do"
    assert plan["cost_usd"] == pytest.approx(plan["time"]["seconds"] / 3600 * 0.80)
    assert "by arithmetic" in next(one["text"] for one in plan["findings"] if one["rule"] == "time and cost")
    wrong = run("--plan", "--project", project, *words, "L5")
    assert "L4" in wrong.exception.next_step


@pytest.mark.needs("train")
def test_a_back_end_whose_program_is_not_here_is_refused_before_it_is_tried(project, tmp_path):
    words = ("--recipe", "a4ps_sft_4bit", "--dataset", pairs_file(tmp_path, 20))
    code, plan = planned(project, *words)
    assert (code, standing(plan)["back-end"], standing(plan)["precision"]) == (2, "refused", "fine")
    code, plan = planned(project, *words, "--memory-gb", 8)
    assert "back-end" not in standing(plan), "there it may be"


@pytest.mark.needs("train")
def test_another_machine_is_planned_for_by_its_memory(project, tmp_path):
    words = ("--recipe", "foundry_orpo", "--dataset", pairs_file(tmp_path, 20))
    code, plan = planned(project, *words, "--memory-gb", 0.2)
    assert (code, standing(plan)["memory"]) == (2, "refused")
    assert plan["machine"] == {"name": "a machine of 0.2 GB", "free_bytes": 200_000_000, "is_here": False}


def test_a_cycle_refuses_by_the_same_rules(trained, tmp_path):
    far = recipe_file(trained, "far", ORPO.format(beta=0.12))
    first = recipe_file(trained, "first", "")
    with open_project(trained) as opened:
        run_id = next(run.id for _, run in opened.store.each(Run))
        first.write_text(f'continue_from = "{run_id}"\n')
        for path, rule in ((far, "step of beta"), (first, "stage order")):
            with pytest.raises(RefusedTrainingError, match=rule):
                recipe_in_force(opened, str(path))
            assert set_aside(opened, Word(), str(path)) == (rule,)
            assert set_aside(opened, Word(), str(path)) == (), "once is enough"
            assert recipe_in_force(opened, str(path)).overrules == (rule,)


@pytest.mark.needs("train")
def test_one_value_is_changed_for_one_command_within_the_recipes_ranges(project, tmp_path):
    words = ("--dataset", pairs_file(tmp_path, 20), "--set", "lora_rank=4", "--set", "max_steps=10")
    code, plan = planned(project, *words)
    assert (code, plan["steps"]) == (0, 10)
    assert plan["recipe"] == "reference_sft with lora_rank=4, max_steps=10"
    assert standing(plan)["ranges"] == "fine"


@pytest.mark.parametrize("words", [("--plan",), ()])
def test_a_change_outside_of_the_ranges_is_refused_with_and_without_a_plan(project, words):
    refused = run(*words, "--project", project, "--set", "lora_rank=400")
    assert "lora_rank must be from 1 to 64" in str(refused.exception)


@pytest.mark.parametrize(("name", "said"), [("pack", "unknown backend 'pack'"), ("peft", "called 'trl' by now")])
def test_a_back_end_of_no_such_name_is_refused_before_the_night_and_not_after_it(project, name, said):
    path = recipe_file(project, "mine", f'backend = "{name}"')
    with open_project(project) as opened:
        for ask in (find_recipe, recipe_in_force):
            with pytest.raises(UsageError, match=said):
                ask(opened, str(path))


def test_a_training_is_planned_by_the_changed_recipe_and_by_nothing_of_its_ranges(project):
    with open_project(project) as opened:
        recipe = recipe_in_force(replace(opened, recipe_changes=("learning_rate=2e-3",)))
        assert (recipe.learning_rate, recipe.ranges) == (2e-3, ())
        assert dict(recipe.settings)["learning_rate"] == "0.002"


def test_who_set_a_rule_aside_is_named_with_why_and_what_came_of_it(trained):
    far = recipe_file(trained, "far", ORPO.format(beta=0.12))
    with open_project(trained) as opened:
        set_aside(opened, Word(author="Mara", text="a probe, 0.12 on purpose"), str(far))
        recipe = recipe_in_force(opened, str(far))
        run = replace(RUN, recipe=recipe.name, base_digest=opened.base.digest, settings=recipe.settings)
        opened.store.save([run, replace(run, recipe="by itself", status=RunStatus.DIVERGED)], event="trained")
        said, written = gather_escalations(opened)
        key = load_machine_key(opened.hidden / "keys")
        (word,) = [word for _, word in opened.store.each(Statement)]
    assert (said.who, said.why, said.rule) == ("Mara", "a probe, 0.12 on purpose", "step of beta")
    assert [effect.partition(" ")[2] for effect in said.effects] == ["finished, nothing decided"]
    assert (written.recipe, written.who) == ("by itself", "who wrote the recipe")
    assert (word.subject, word.evidence) == (load_recipe(far).digest, ("step of beta",))
    assert statement_is_signed(word, key.public)
    told = CliRunner().invoke(app, ("report", "escalations", "--project", str(trained)))
    assert "Mara" in told.stdout


def test_a_word_without_the_option_it_belongs_to_is_refused(project):
    assert isinstance(run("--project", project, "--because", "I do").exception, UsageError)


def test_a_recipe_that_changed_since_is_another_one(trained):
    path = recipe_file(trained, "far", ORPO.format(beta=0.12))
    with open_project(trained) as opened:
        set_aside(opened, Word(), str(path))
        path.write_text(ORPO.format(beta=0.2))
        with pytest.raises(RefusedTrainingError):
            recipe_in_force(opened, str(path))


@pytest.mark.parametrize("option", [("--recipe", "foundry_orpo"), ("--dataset", "x"), ("--memory-gb", "8")])
def test_an_option_of_the_plan_without_it_is_refused(project, option):
    refused = run("--project", project, *option)
    assert isinstance(refused.exception, UsageError)
    assert "--plan" in refused.exception.next_step


@pytest.mark.parametrize(
    ("words", "message"),
    [((), "no dataset yet"), (("--recipe", "foundry_opro"), "unknown recipe"), (("--dataset", "n.jsonl"), "no file")],
)
def test_what_is_not_there_is_said(project, words, message):
    refused = run("--plan", "--project", project, *words)
    assert isinstance(refused.exception, UsageError)
    assert message in refused.exception.message


def test_an_unknown_key_of_a_recipe_is_refused_with_the_nearest(project, tmp_path):
    refused = run("--plan", "--project", project, "--recipe", recipe_file(tmp_path, "odd", "lora_rnak = 8\n"))
    assert "lora_rank" in refused.exception.next_step
