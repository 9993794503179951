"""A project in which many people said what nobody else says, and everything that a project does was done with it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "records"))

from samples import SAMPLES

from selftune.curation.base import Judged
from selftune.curation.config import Curation
from selftune.curation.render import append_golden
from selftune.curation.stage import curate
from selftune.loop.executor import Silent
from selftune.loop.incoming.intake import import_files
from selftune.loop.leavings import stage_cases
from selftune.loop.plan import judged_log
from selftune.loop.runner import make_executor
from selftune.records import (
    Arm,
    BlindPair,
    Build,
    CriterionScore,
    Dataset,
    Decision,
    Evaluation,
    FurtherArms,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Quarantined,
    Release,
    Run,
    ShownLessons,
    Statement,
    StatementKind,
)

JUDGE = JudgeIdentity(name="town", version="1")
RUBRIC = "none"


def name_of(person: int) -> str:
    return f"Inhabitant Number{person:02d}"


def words_of(person: int, number: int) -> str:
    """What this person alone says; the mark in it stands in everything that quotes them."""
    return f"Mark{person:02d}x{number:02d}: my lantern number {number} of house {person} is blue, isn't it?"


def mark_of(person: int) -> str:
    return f"Mark{person:02d}x"


def move_in(project, outside: Path, *, people: int, each: int) -> None:
    """Import what everybody said, judge it, learn it, release it, ask about it, talk about it."""
    log = outside / "town.jsonl"
    lines = [line_of(person, number) for person in range(people) for number in range(each)]
    log.write_text("\n".join(map(json.dumps, lines)) + "\n" + json.dumps(line_of(0, each))[:-1] + "\n")
    import_files(project, [log], format_name="openai")
    said = [one for _, one in project.store.each(Interaction)]
    project.store.save(map(judge, said), event="judge")
    dataset = learn(project)
    append_golden(dataset, project.folder / "data")
    stage_cases(project, dataset)
    release_what(project, dataset)
    talk_about(project, said)


def line_of(person: int, number: int) -> dict:
    words = words_of(person, number)
    return {
        "messages": [{"role": "user", "content": words}, {"role": "assistant", "content": f"You said: {words}"}],
        "task_id": f"t{person}-{number}",
        "author": name_of(person),
        "feedback": {"correction": f"Better so: {words}"} if number == 0 else None,
    }


def judge(one: Interaction) -> Judgement:
    quote = one.messages[0].content
    return Judgement(
        salt=one.salt,
        interaction_id=one.id,
        rubric_digest=RUBRIC,
        judge=JUDGE,
        status=JudgementStatus.SCORED,
        criteria=(CriterionScore(name="c", reasoning=f"It says: {quote}", score=5.0, quotes=(quote,)),),
        overall=5.0,
    )


def learn(project) -> Dataset:
    """A dataset of all that was judged, notes of it included."""
    config = Curation(trigger=1, near_duplicate=2.0, max_share_per_author=1.0, holdout_share=0.1)
    log = judged_log(project.store, JUDGE, RUBRIC)
    return make_executor(project, Silent())(curate, Judged(pairs=log, watermark=project.store.last_sequence()), config)


def sample(kind):
    return next(one for one in SAMPLES if type(one) is kind)


def release_what(project, dataset: Dataset) -> None:
    """A run, a build that shows a lesson, its exam on what is held out, a decision and a release: made for a test."""
    run = replace(sample(Run), dataset_id=dataset.id, after=None, settings=())
    shown = dataset.train[0]
    text = "\n".join(message.content for message in shown.messages)
    build = replace(
        sample(Build),
        run_id=run.id,
        search_id=None,
        shown=ShownLessons(salt="x", text=text, interaction_ids=(shown.interaction_id,)),
    )
    asked = sample(Evaluation)
    outcomes = tuple(
        replace(asked.outcomes[0], item_id=held.interaction_id, answer=f"As you said, {held.messages[0].content}")
        for held in dataset.holdout
    )
    own = replace(asked, build_id=build.id, build_digest=build.digest)
    exam = replace(own, outcomes=outcomes)
    decision = replace(
        sample(Decision),
        run_id=run.id,
        build_id=build.id,
        arms=((Arm.CHAMPION, asked.id), (Arm.CANDIDATE, own.id)),
        further=(FurtherArms(suite="holdout", arms=((Arm.CANDIDATE, exam.id),)),),
        trainings=(),
    )
    release = replace(
        sample(Release), build_id=build.id, build_digest=build.digest, decision_id=decision.id, version="v2.0"
    )
    project.store.save([run, build, asked, own, exam, decision, release], event="made by a test")


def talk_about(project, said: list[Interaction]) -> None:
    """What is said of it by others, what is shown to be chosen between, and what each inhabitant doubts."""
    records = []
    for one in said:
        quote = one.messages[0].content
        records.append(replace(sample(BlindPair), salt=one.salt, interaction_id=one.id, champion_answer=quote))
        records.append(state("Reader", one.id, StatementKind.REVIEW, f"They say {quote!r}, and it is nice."))
    records += [
        state(name_of(int(one.task_id[1:].partition("-")[0])), one.id, StatementKind.CONCERN, "I do not want this. "
              + words_of(int(one.task_id[1:].partition("-")[0]), 90))
        for one in said if one.task_id.endswith("-0")
    ]  # fmt: skip
    project.store.save(records, event="made by a test")
    (project.hidden / "logs" / "server.log").write_text("\n".join(one.messages[0].content for one in said))


def state(author: str, subject: str, kind: StatementKind, text: str) -> Statement:
    return Statement(
        salt=f"{author}{subject}"[:60], author=author, author_is_model=False, subject=subject, kind=kind, text=text,
        said_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def files_with(folder: Path, mark: str) -> list[str]:
    """Files of a folder in which the mark stands, store and hidden ones included."""
    wanted = mark.encode()
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and wanted in path.read_bytes()
    )


def waiting_lines(project) -> int:
    return project.store.count(Quarantined)
