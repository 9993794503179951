"""What a training goes on from: a run by its id, an adapter in a folder, and what neither may be."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from small_training import small_recipe, three_lessons, train_in
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.continuing import run_to_continue
from selftune.errors import UsageError
from selftune.loop.lessons.recipes import find_recipe, history_before
from selftune.loop.project import open_project
from selftune.records import Run
from selftune.training.importing import IMPORTED
from selftune.training.stage import train

pytestmark = pytest.mark.needs("train")
SMALL = small_recipe(16)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The project's folder, and its run."""
    folder = tmp_path_factory.mktemp("continued") / "project"
    return folder, train_in(folder, SMALL)


def test_a_run_is_gone_on_from_and_its_objectives_count(trained) -> None:
    folder, run = trained
    with open_project(folder) as project:
        assert run_to_continue(project, run.id[:20]) == run
        recipe = find_recipe(replace(project, continue_from=run.id))
        assert recipe.continue_from == run.id
        assert history_before(project, recipe) == ("sft",)
        assert find_recipe(project).continue_from == "", "for this once alone"


def test_an_adapter_in_a_folder_is_imported_and_then_trained_further(trained) -> None:
    folder, run = trained
    with open_project(folder) as project:
        brought = run_to_continue(project, str(folder / "adapter"))
        assert brought.recipe == IMPORTED
        assert project.store.record(brought.id, Run) == brought
        recipe = replace(SMALL, continue_from=brought.id, lora_rank=16)
        further = train(three_lessons(), recipe, project.context())
    assert further.stage_history == ("sft", "sft")
    assert dict(further.settings)["continue_from"] == brought.id
    assert further.curve[0].loss < run.curve[0].loss


def test_what_has_no_adapter_or_another_base_is_refused_before_anything_is_judged(trained) -> None:
    folder, run = trained
    with open_project(folder) as project:
        nothing = replace(run, adapter=(), seed=1)
        elsewhere = replace(run, base_digest="sha256:0", seed=2)
        project.store.save([nothing, elsewhere], event="made by a test")
        with pytest.raises(UsageError, match="left no adapter"):
            run_to_continue(project, nothing.id)
        with pytest.raises(UsageError, match="another base"):
            run_to_continue(project, elsewhere.id)


def test_an_adapter_that_names_no_lessons_is_sent_to_the_import(trained, tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    folder, _ = trained
    shutil.copytree(folder / "adapter", tmp_path / "bare")
    tensors = load_file(tmp_path / "bare" / "adapter_model.safetensors")
    save_file(tensors, tmp_path / "bare" / "adapter_model.safetensors", metadata={"format": "pt"})
    with open_project(folder) as project, pytest.raises(UsageError, match="which lessons") as refused:
        run_to_continue(project, str(tmp_path / "bare"))
    assert "selftune train import" in str(refused.value.next_step)


def test_a_plan_tells_what_it_goes_on_from(trained) -> None:
    folder, run = trained
    register_commands()
    words = ["train", "--plan", "--continue", run.id[:20], "--project", str(folder)]
    found = CliRunner().invoke(app, words)
    assert f"goes on from {run.id} (SFT), for this once" in found.stderr
    assert "SFT → SFT" in found.stdout
