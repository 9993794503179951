"""A model is rebuilt without a person, bit for bit as one that never met them, and a certificate says so."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "app"))

from small_training import small_recipe
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.curation.base import Judged
from selftune.curation.stage import curate
from selftune.errors import IntegrityError, NothingToTrainOnError, SelftuneError, UsageError
from selftune.evals.suites import load_suite
from selftune.ledger import verify
from selftune.ledger.keys import make_machine_key
from selftune.loop.config import Profile
from selftune.loop.configured import gap_on_scale, make_judging
from selftune.loop.ejected import find_text
from selftune.loop.executor import Silent
from selftune.loop.forgetting import rebuild as rebuilding
from selftune.loop.forgetting import replay
from selftune.loop.forgetting.finding import find_words
from selftune.loop.forgetting.forget import forget
from selftune.loop.forgetting.rebuild import rebuild
from selftune.loop.forgetting.replay import Replayed
from selftune.loop.measuring.yardsticks import make_yardsticks
from selftune.loop.plan import judged_log
from selftune.loop.planning import make_curation
from selftune.loop.project import create_project, open_project
from selftune.records import (
    Dataset,
    Forgetting,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Run,
    Trigger,
)
from selftune.testing import fake_build
from selftune.training.stage import train

if not app.registered_commands:
    register_commands()

JUDGE = JudgeIdentity(name="a fake judge", version="1")
THINGS = ("heron", "ladder", "copper", "violin", "meadow", "anchor", "walnut", "candle", "saddle", "needle")
PLACES = ("under the bridge", "behind a wall", "near our school", "on that roof", "inside its box")


def said(person: int, number: int, **changes) -> Interaction:
    thing, place = THINGS[person], PLACES[number]
    one = Interaction(
        salt=f"{person:016x}{number:016x}",
        conversation=f"c{person}-{number}",
        task_id=f"t{person}-{number}",
        trigger=Trigger.USER,
        messages=(
            Message(role="user", content=f"Question {person * 7 + number}: who left the {thing} {place}?"),
            Message(role="assistant", content=f"Neighbour {number * 13 + person} took that {thing}, I think."),
        ),
        source="town.jsonl",
        position=f"line {person}-{number}",
        author=f"person-{person}",
    )
    return replace(one, **changes)


def judged(one: Interaction) -> Judgement:
    return Judgement(
        salt=one.salt, interaction_id=one.id, rubric_digest="none", judge=JUDGE, status=JudgementStatus.SCORED,
        overall=5.0,
    )  # fmt: skip


def town(without: int | None = None, people: int = 5) -> list[Interaction]:
    return [said(person, number) for person in range(people) for number in range(5) if person != without]


@contextmanager
def project_in(folder, records):
    folder.mkdir()
    create_project(
        folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience", profile=Profile.SOLO
    )
    with open_project(folder) as project:
        project.store.save(records, event="captured")
        project.store.save(map(judged, records), event="judge")
        yield project


def cycle(project, *, watermark: int = 60) -> Run:
    """What a cycle does up to its training, by the cycle's own functions, with a recipe of two steps."""
    suite = load_suite(find_text(project.folder, "suite", project.config.evaluation.suite))
    curation = replace(make_curation(project), trigger=3, disagreement=gap_on_scale(make_judging(project)))
    log = judged_log(project.store, JUDGE, "none")
    inputs = Judged(pairs=log, watermark=watermark, yardsticks=make_yardsticks(project.folder, suite))
    dataset = curate(inputs, curation, project.context())
    project.store.save([dataset], event="curate")
    run = train(dataset, small_recipe(2), project.context())
    project.store.save([run], event="train")
    return run


def weights(project, run: Run) -> bytes:
    """The adapter's tensors: behind a header that also names the dataset."""
    (file,) = (file for file in run.adapter if file.name.endswith(".safetensors"))
    data = project.blobs.path(file.digest).read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]


@pytest.fixture(scope="module")
def never_met(tmp_path_factory):
    """The tensors of a project that never held a word of person 3, by the way of any cycle."""
    with project_in(tmp_path_factory.mktemp("control") / "project", town(without=3)) as project:
        return weights(project, cycle(project))


@pytest.fixture
def project(tmp_path):
    with project_in(tmp_path / "project", town()) as opened:
        yield opened


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory):
    """A project rebuilt without person 3: itself, its run before, the forgetting, the rebuild, the tensors before."""
    with project_in(tmp_path_factory.mktemp("rebuilt") / "project", town()) as project:
        before = cycle(project)
        learnt = weights(project, before)
        done = forget(project, find_words(project, "person-3"))
        yield project, before, done, rebuild(project, done, Silent()), learnt


def verdict_on(project, certificate: Path) -> str | None:
    try:
        verify.verify(project.hidden / "ledger", certificate=certificate)
    except verify.Damage as damage:
        return str(damage)
    return None


@pytest.mark.needs("train")
def test_the_rebuilt_adapter_is_bit_for_bit_that_of_a_project_that_never_met_them(rebuilt, never_met):
    project, before, done, found, learnt = rebuilt
    assert before.id in done.touched
    assert learnt != never_met
    assert weights(project, found.run) == never_met
    assert found.replaced == before.id
    assert found.lessons < found.before
    kept = project.store.record(project.store.record(found.run.id, Run).dataset_id, Dataset)
    assert not {one.interaction_id for one in kept.taught} & set(done.erased)
    assert verdict_on(project, found.certificate) is None
    assert not list((project.hidden / "work").iterdir())


@pytest.mark.needs("train")
def test_a_later_generation_is_rebuilt_without_what_the_one_before_it_answered(project, never_met):
    first = cycle(project)
    build = fake_build(run_id=first.id)
    answers = [said(7, number, generated_by=build.digest, author=None) for number in range(3)]
    project.store.save([build, *answers], event="made by a test")
    project.store.save(map(judged, answers), event="judge")
    later = cycle(project)
    done = forget(project, find_words(project, "person-3"))
    assert set(done.answers) == {one.id for one in answers}
    ran = CliRunner().invoke(app, ["forget", done.id, "--rebuild", "--project", str(project.folder)])
    assert ran.exit_code == 0, ran.exception
    assert f"{len(answers)} answers that an affected generation gave were left out" in ran.output
    run = project.store.last(Run)
    assert f"selftune cycle --run {run.id[:20]}" in ran.output
    assert weights(project, run) == never_met
    (certificate,) = (project.folder / rebuilding.FOLDER).iterdir()
    claims = json.loads(certificate.read_text())["claims"]
    assert claims["replaced"] == later.id
    assert claims["dropped"].split() == sorted(one.id for one in answers)


@pytest.mark.needs("train")
def test_a_certificate_that_was_touched_in_any_way_is_refused(rebuilt, tmp_path):
    project, _, done, found, _ = rebuilt
    held = json.loads(found.certificate.read_text())
    assert set(done.erased) & set(held["present"])
    other = make_machine_key(tmp_path / "another")
    forged = {
        "another claim": held | {"claims": held["claims"] | {"dropped": "all"}},
        "another digest": held | {"equal": [["sha256:0", "sha256:0"]]},
        "unequal digests": held | {"equal": [["sha256:0", "sha256:1"]]},
        "an id that the ledger does not name": held | {"present": [*held["present"], f"run:{'0' * 64}"]},
        "another tree": held | {"root": "0" * 64},
        "another key": held | {"key": other.public},
        "more entries than there are": held | {"size": held["size"] + 1},
    }
    for what, body in forged.items():
        path = tmp_path / "forged.json"
        path.write_bytes(verify.canonical(body) + b"\n")
        assert verdict_on(project, path) is not None, what


@pytest.mark.needs("train")
def test_what_cannot_come_again_bit_for_bit_is_refused_by_name(rebuilt, monkeypatch):
    project, run, done, *_ = rebuilt
    real = replay.describe_environment()
    elsewhere = tuple((name, "99" if name == "threads" else value) for name, value in real)
    monkeypatch.setattr(replay, "describe_environment", lambda: elsewhere)
    with pytest.raises(UsageError, match=r"threads: .* then, 99 now"):
        rebuild(project, done, Silent())
    monkeypatch.setattr(replay, "describe_environment", lambda: real)
    monkeypatch.setattr(replay, "code_version", lambda: "another")
    with pytest.raises(UsageError, match=r"code: .* then, another now"):
        rebuild(project, done, Silent())
    monkeypatch.undo()
    other = replace(project, config=replace(project.config, curation=replace(project.config.curation, threshold=3.0)))
    with pytest.raises(UsageError, match="chosen by other rules"):
        rebuild(other, done, Silent())
    on_from = replace(run, settings=tuple((k, run.id if k == "continue_from" else v) for k, v in run.settings))
    project.store.save([on_from], event="made by a test")
    with pytest.raises(UsageError, match="went on from another"):
        rebuild(project, replace(done, touched=(on_from.id,)), Silent())
    with pytest.raises(UsageError, match="no training here learnt"):
        rebuild(project, replace(done, touched=()), Silent())


@pytest.mark.needs("train")
def test_nothing_is_kept_where_the_two_trainings_differ_or_a_fault_lies_between(rebuilt, monkeypatch):
    project, _, done, found, _ = rebuilt
    runs = project.store.count(Run)

    def one_of_them_differs(there, wanted):
        run = found.run if there is project else replace(found.run, adapter=found.run.adapter[:1])
        return Replayed(dataset=wanted.dataset, run=run)

    monkeypatch.setattr(rebuilding, "replay", one_of_them_differs)
    with pytest.raises(IntegrityError, match="nothing was kept"):
        rebuild(project, done, Silent())
    monkeypatch.setattr(rebuilding, "replay", lambda there, wanted: Replayed(dataset=wanted.dataset, run=found.run))
    monkeypatch.setenv("SELFTUNE_FAILPOINTS", "rebuild-trained=raise")
    with pytest.raises(SelftuneError, match="failpoint"):
        rebuild(project, done, Silent())
    assert project.store.count(Run) == runs
    assert list((project.folder / rebuilding.FOLDER).iterdir()) == [found.certificate]


@pytest.mark.needs("train")
def test_where_nobody_else_said_anything_there_is_nothing_to_learn(tmp_path):
    with project_in(tmp_path / "project", [said(3, number) for number in range(5)]) as project:
        cycle(project)
        done = forget(project, find_words(project, "person-3"))
        with pytest.raises(NothingToTrainOnError):
            rebuild(project, done, Silent())
        assert project.store.count(Forgetting) == 1
