"""`selftune export`: a run as files that other programs read, under the names that they look for."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.ledger_files import proof_files, write_files
from selftune.app.trainings import NEWEST, find_run
from selftune.builds.config import FORMS, BuildConfig
from selftune.builds.stage import build
from selftune.errors import UnknownNameError, UsageError
from selftune.loop.project import open_project
from selftune.loop.runner import hold_lease, make_executor
from selftune.records import Build, Release, Run, ServingForm, encode_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.loop.executor import Observer
    from selftune.loop.project import Project

FOLDER: Final = ServingForm.FOLDER.value
EXPORTS: Final = (*FORMS, FOLDER)
RECORD: Final = "build.json"
EXPORTED: Final = "exported"
# Beside the weights: that this project's ledger names their build, for anybody to check.
LEDGER: Final = "ledger"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written where: a build of a run in one form."""

    run: Run
    build: Build
    folder: str
    files: tuple[str, ...]


def export_run(folder: Path, run: str, target: Path, form: str, observer: Observer) -> Exported:
    """Write a run in one form into a new folder; what was built before is not built again.

    Raises:
        UnknownNameError: no run or no form bears that name.
        UsageError: nothing was trained yet, or the folder holds something.
        ConfigError: the run left no adapter, or was made on another base.
        ParityError: the form does not answer as what was trained.
        LockedError: another runner has the project.
    """
    if form not in EXPORTS:
        raise UnknownNameError("serving form", form, EXPORTS)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} holds something already.", next_step="Name a new or empty folder.")
    with open_project(folder) as project, hold_lease(project):
        project.check_base_files()
        found = find_run(project, run or NEWEST)
        made = make_executor(project, observer)(build, found, _layout(project, form))
        files = tuple(_write(made, target, project))
        project.store.note(EXPORTED, {"run": found.id, "build": made.id, "form": form})
    return Exported(run=found, build=made, folder=str(target.resolve()), files=files)


def _layout(project: Project, form: str) -> BuildConfig:
    """As a candidate is built, so that what a cycle or `forms` built is found."""
    serving = project.store.last(Release)
    champion = project.store.record(serving.build_id, Build) if serving else project.config.build
    as_candidate = BuildConfig(prompting=champion.prompting)
    return replace(as_candidate, form=FOLDER) if form == FOLDER else as_candidate.laid_out_as(form)


def _write(made: Build, target: Path, project: Project) -> Iterator[str]:
    """Copies, so that nobody who changes one changes what the project keeps; its record, sealed, comes last."""
    proof = proof_files(project, made)
    target.mkdir(parents=True, exist_ok=True)
    for name, digest in files_to_give(made):
        shutil.copyfile(project.blobs.path(digest), target / name)
        yield name
    write_files(target / LEDGER, proof)
    yield from (f"{LEDGER}/{name}" for name in proof)
    (target / RECORD).write_text(encode_record(made) + "\n", encoding="utf-8")
    yield RECORD


def files_to_give(made: Build) -> list[tuple[str, str]]:
    """Name and digest of each file that makes the form up for other programs: not the base beside an adapter."""
    folder = Build.MERGED_FOLDER if made.form is ServingForm.FOLDER else Build.ADAPTER_FOLDER
    inside = [(entry.name.removeprefix(f"{folder}/"), entry.digest) for entry in made.folder(folder)]
    if made.form is ServingForm.FOLDER:
        return inside
    left_out = "model.gguf" if made.form is ServingForm.ADAPTER else ""
    return [*inside, *((entry.name, entry.digest) for entry in made.gguf_files if entry.name != left_out)]


def describe_export(done: Exported) -> Iterator[str]:
    """What lies there, and what to do with it."""
    yield f"{done.run.id[:20]} as {done.build.form.value} {done.build.quantisation} in {done.folder}:"
    yield from (f"  {name}" for name in done.files)
    yield f"trained by {', '.join(done.run.stage_history)}; {done.run.status.value.replace('_', ' ')}"
    if done.build.form is ServingForm.ADAPTER:
        yield f"PEFT loads this folder; `selftune train import {done.folder}` takes it into a project of the same base."
    elif done.build.form is ServingForm.FOLDER:
        yield f"transformers and vLLM load this folder; `selftune base add {done.folder}` makes it a base."
    else:
        yield "llama.cpp, Ollama and LM Studio load model.gguf."
