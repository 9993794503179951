"""A run by name, through the commands: once more, from elsewhere, its curve and its page."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace

import pytest
from small_training import small_recipe, train_in
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.exporting import export_run
from selftune.app.trainings import curve_table, find_run, import_run, repeat_run
from selftune.bases.provenance import folder_provenance
from selftune.bases.registry import check_base
from selftune.errors import UnknownNameError, UsageError
from selftune.ledger import verify
from selftune.ledger.keys import load_machine_key
from selftune.loop.executor import Silent
from selftune.loop.project import open_project
from selftune.records import Build, Run, RunStatus, decode_record
from selftune.records.signatures import build_is_sealed

pytestmark = pytest.mark.needs("train")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The project's folder, and its run."""
    folder = tmp_path_factory.mktemp("trained") / "project"
    return folder, train_in(folder, small_recipe(2))


@pytest.fixture(scope="module")
def ask():
    register_commands()

    def ask(*words):
        return CliRunner().invoke(app, [*map(str, words)])

    return ask


def test_a_run_is_repeated_from_its_record_and_the_ledger_says_so(trained, ask):
    folder, run = trained
    found = ask("train", "repeat", run.id[:20], "--project", folder)
    assert found.exit_code == 0, found.output
    assert "The same: 2 steps gave the same losses and the same adapter, byte for byte." in found.stdout
    with open_project(folder) as project:
        notes = [entry for entry in project.store.history() if entry.event == "repeated"]
        assert len(notes) == 1
        assert project.store.count(Run) >= 1


def test_a_run_whose_record_was_made_on_other_code_is_repeated_and_the_code_is_named(trained):
    folder, run = trained
    with open_project(folder) as project:
        older = replace(run, code_version="0.0.1+training.ffffffff")
        project.store.save([older], event="made by a test")
        found = repeat_run(project, older.id, Silent())
    assert found.same
    assert [line.partition(":")[0] for line in found.differs] == ["code"]


def test_digits_alone_name_a_run_and_a_refusal_says_what_was_typed(trained):
    folder, run = trained
    with open_project(folder) as project:
        assert find_run(project, run.id.removeprefix(f"{Run.KIND}:")[:12]) == run
        for typed in ("nosuch", ""):
            with pytest.raises(UsageError, match=f"unknown run '{typed}'") as refused:
                find_run(project, typed)
            assert f"{Run.KIND}:" in refused.value.next_step


def test_a_run_that_does_not_come_again_ends_with_a_code_of_its_own(trained, ask):
    folder, run = trained
    with open_project(folder) as project:
        other = replace(run, adapter=tuple(replace(file, digest=f"sha256:{'0' * 64}") for file in run.adapter))
        project.store.save([other], event="made by a test")
    found = ask("train", "repeat", other.id, "--project", folder, "--json")
    assert found.exit_code == 8
    assert json.loads(found.stdout)["same"] is False


def test_only_runs_are_repeated(trained):
    folder, run = trained
    with open_project(folder) as project:
        with pytest.raises(UsageError, match="not a run"):
            repeat_run(project, run.dataset_id, Silent())
        with pytest.raises(UnknownNameError):
            repeat_run(project, "run:0000", Silent())


def test_an_adapter_from_elsewhere_becomes_a_run_of_the_project(trained, ask):
    folder, _ = trained
    found = ask("train", "import", folder / "adapter", "--project", folder, "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    with open_project(folder) as project:
        kept = project.store.record(told["id"], Run)
        assert (kept.status, kept.stage_history) == (RunStatus.FINISHED, ("sft",))
        assert all(project.blobs.path(file.digest).is_file() for file in kept.adapter)
    page = ask("report", told["id"], "--project", folder)
    assert page.exit_code == 0, page.output
    assert "Trained elsewhere" in page.stdout


def test_an_adapter_that_names_no_lessons_needs_them_named(trained, tmp_path):
    from safetensors.torch import load_file, save_file

    folder, run = trained
    adapter = shutil.copytree(folder / "adapter", tmp_path / "adapter")
    weights = adapter / "adapter_model.safetensors"
    save_file({name: tensor.clone() for name, tensor in load_file(weights).items()}, weights, metadata={"format": "pt"})
    with open_project(folder) as project:
        with pytest.raises(UsageError, match="does not say which lessons"):
            import_run(project, adapter, None)
        assert import_run(project, adapter, run.dataset_id).stage_history == ("unknown",)


@pytest.mark.needs("serve")
def test_an_adapter_goes_out_as_pefts_folder_and_comes_back_as_what_it_was(trained, ask, tmp_path, capsys):
    folder, run = trained
    done = ask("export", tmp_path / "out", "--run", run.id, "--project", folder)
    assert verify.main([str(tmp_path / "out"), "--key", load_machine_key(folder / ".selftune" / "keys").public]) == 0
    assert "adapter_model.safetensors: as the record names it" in capsys.readouterr().out
    assert done.exit_code == 0, done.output
    files = {"adapter_config.json", "adapter_model.safetensors", "adapter.gguf", "build.json", "ledger"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == files
    made = decode_record((tmp_path / "out" / "build.json").read_text(), Build)
    assert build_is_sealed(made, load_machine_key(folder / ".selftune" / "keys").public)
    with open_project(folder) as project:
        back = import_run(project, tmp_path / "out", None)
        assert (back.dataset_id, back.stage_history) == (run.dataset_id, run.stage_history)
        # Whoever changes the copy changes nothing of what the project keeps.
        (tmp_path / "out" / "adapter.gguf").write_bytes(b"spoilt")
        assert project.blobs.path(made.file("adapter.gguf").digest).read_bytes()[:4] == b"GGUF"


@pytest.mark.needs("serve")
def test_a_merged_folder_goes_out_as_a_base_that_says_what_trained_it(trained, ask, tmp_path):
    folder, run = trained
    done = ask("export", tmp_path / "out", "--run", run.id, "--form", "folder", "--json", "--project", folder)
    assert json.loads(done.stdout)["files"][-1] == "build.json"
    assert folder_provenance(tmp_path / "out").run_id == run.id
    report = check_base(str(tmp_path / "out"), tmp_path / "home")
    assert report.servable
    assert any("trained here before: sft" in note for note in report.notes)


def test_what_can_not_be_exported_is_named(trained, tmp_path):
    folder, _ = trained
    (tmp_path / "mine").write_text("Mine.")
    with pytest.raises(UsageError, match="holds something already"):
        export_run(folder, "", tmp_path, "adapter", Silent())
    with pytest.raises(UnknownNameError, match="folder"):
        export_run(folder, "", tmp_path / "out", "foldr", Silent())
    assert not (tmp_path / "out").exists()


def test_a_curve_is_printed_as_a_table_with_a_row_for_each_step(trained, ask):
    folder, run = trained
    found = ask("train", "curves", run.id, "--project", folder)
    rows = list(csv.DictReader(io.StringIO(found.stdout)))
    assert [int(row["step"]) for row in rows] == [1, 2]
    assert [float(row["loss"]) for row in rows] == [point.loss for point in run.curve]
    assert rows[0]["eval_loss"] == ""
    assert curve_table(run) == found.stdout


def test_the_project_s_costs_name_every_run(trained, ask):
    folder, run = trained
    found = ask("report", "costs", "--project", folder)
    assert found.exit_code == 0, found.output
    assert run.id[4:12] in found.stdout
