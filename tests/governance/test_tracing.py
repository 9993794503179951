"""What rests on what: both ways the same as a search through every record's JSON, and no look taken for a lesson."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from governance_makers import release, say
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.errors import IntegrityError
from selftune.governance.tracing.edges import Names, edges, edges_of, ids_in
from selftune.governance.tracing.walking import walk_back, walk_forward
from selftune.records import (
    Dataset,
    DatasetKind,
    Example,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Model,
    Reject,
    Run,
    RunStatus,
    Trigger,
    encode_record,
    record_types,
)
from selftune.testing import MemoryReader, fake_build

MESSAGES = (Message(role="user", content="Who?"), Message(role="assistant", content="Ada."))


def said(name, *, by=None, source="t", flags=(), talk=None):
    return Interaction(
        salt=name, conversation=talk or name, task_id=name, trigger=Trigger.USER, messages=MESSAGES, source=source,
        position=name, generated_by=by, flags=flags,
    )  # fmt: skip


def judged(interaction_id, salt="s"):
    judge = JudgeIdentity(name="checks", version="1")
    return Judgement(
        salt=salt, interaction_id=interaction_id, rubric_digest="sha256:00", judge=judge,
        status=JudgementStatus.PENDING, reason="-",
    )  # fmt: skip


def lesson(one, judgement_id=None, by=None):
    return Example(salt="s", interaction_id=one, judgement_id=judgement_id, messages=MESSAGES, taught_by=by)


def chosen(train, *, holdout=(), rejects=(), watermark=1):
    return Dataset(
        kind=DatasetKind.SFT, train=tuple(train), holdout=tuple(holdout), rejects=tuple(rejects), mixture=(),
        watermark=watermark, config_digest="c", card="",
    )  # fmt: skip


def trained(dataset_id, *, seed=0, after=None):
    return Run(
        recipe="r", recipe_digest="r", dataset_id=dataset_id, base_digest="sha256:ba5e", stage_history=("sft",),
        objective="sft", backend="packed", status=RunStatus.FINISHED, seed=seed, steps=1, planned_steps=1, passes=1.0,
        examples=1, supervised_tokens=1, after=after,
    )  # fmt: skip


def serve(number, build, **more):
    return replace(release(number), build_id=build.id, build_digest=build.digest, **more)


WORLD = (
    "first", "held", "away", "verdict", "one", "run", "build", "answer", "two", "later", "built", "v1", "v2", "doubt",
)  # fmt: skip


@pytest.fixture
def world():
    """Two generations: the second learns what the first has answered; one talk was held out, one turned away."""
    first, held, away = (said(name) for name in ("first", "held", "away"))
    verdict = judged(first.id)
    one = chosen([lesson(first.id, verdict.id)], holdout=[lesson(held.id)],
                 rejects=[Reject(interaction_id=away.id, reason="dull")])  # fmt: skip
    run = trained(one.id)
    build = fake_build("one", run_id=run.id)
    answer = said("answer", by=build.digest)
    two = chosen([lesson(answer.id, by=build.digest)], watermark=9)
    later = trained(two.id)
    built = fake_build("two", run_id=later.id)
    releases = serve(1, build), serve(2, built)
    doubt = say("concern", run.id)
    records = [first, held, away, verdict, one, run, build, answer, two, later, built, *releases, doubt]
    return dict(zip(WORLD, records, strict=True)), MemoryReader(records)


def names_of(world, ids):
    by_id = {record.id: name for name, record in world.items()}
    return {by_id[one] for one in ids if one in by_id}


def test_back_from_a_release_everything_behind_it_is_found_also_through_answers_of_the_one_before(world):
    world, read = world
    walk = walk_back(read, [world["v2"].id])
    assert names_of(world, walk.ids) == {
        "built", "later", "two", "answer", "build", "run", "one", "first", "held", "away", "verdict",
    }  # fmt: skip
    assert dict(walk.steps)[world["built"].id] == 1
    assert dict(walk.steps)[world["answer"].id] == 4
    assert [edge.role for edge in walk.edges if edge.on == world["held"].id] == ["holds out"]


def test_which_releases_learnt_from_a_conversation_is_no_matter_of_mere_looks(world):
    world, read = world
    learnt = walk_forward(read, [world["first"].id], learnt=True)
    assert names_of(world, learnt.ids) == {"one", "run", "build", "v1", "answer", "two", "later", "built", "v2"}
    for name in ("held", "away"):
        assert walk_forward(read, [world[name].id], learnt=True).ids == ()
        assert "v1" in names_of(world, walk_forward(read, [world[name].id]).ids)
    assert "doubt" in names_of(world, walk_forward(read, [world["one"].id]).ids)


def test_a_correction_and_another_draw_rest_on_what_was_asked_first():
    asked, other = said("asked", talk="talk"), said("other")
    corrected = said("c", source="corrected", flags=(f"corrects:{asked.id}",), talk="talk")
    again = said("again", source="resampled", talk="talk")
    read = MemoryReader([asked, other, corrected, again])
    found = {(edge.of, edge.on, edge.role) for edge in edges(read)}
    assert found == {(corrected.id, asked.id, "corrects"), (again.id, asked.id, "asks again")}
    assert set(walk_forward(read, [asked.id], learnt=True).ids) == {corrected.id, again.id}


def test_what_was_erased_or_never_kept_stays_as_a_node_and_says_why(world):
    world, read = world

    class Erased(MemoryReader):
        """A fake store in which one record's words are gone."""

        def record(self, record_id, kind):
            if record_id == world["first"].id:
                raise IntegrityError(f"the words of {record_id} were erased.", next_step="Go on.")
            return super().record(record_id, kind)

    walk = walk_back(Erased(read.records), [world["v1"].id])
    assert world["first"].id in walk.ids
    assert "were erased" in dict(walk.unread)[world["first"].id]
    assert "sha256:ba5e" in dict(walk.unread)


def test_a_record_of_a_kind_that_nobody_wrote_down_here_is_followed_by_the_ids_it_holds(world):
    from samples_of_records import SAMPLES

    names = Names(MemoryReader())
    told = {sample.KIND: {edge.on for edge in edges_of(sample, names)} for sample in SAMPLES}
    for sample in SAMPLES:
        assert told[sample.KIND] >= set(ids_in(sample)) - {sample.id}, sample.KIND


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 40))
def test_both_walks_find_what_a_search_through_every_record_s_json_finds(seed, count):
    records = random_history(random.Random(seed), count)
    read = MemoryReader(records)
    on = {record.id: searched(record, records) for record in records}
    start = random.Random(seed).choice(records).id
    assert set(walk_back(read, [start]).ids) - strangers(walk_back(read, [start]).ids) == closure(start, on)
    rests = {name: {of for of, ids in on.items() if name in ids} for name in on}
    assert set(walk_forward(read, [start]).ids) == closure(start, rests)


def strangers(ids):
    """Digests of bases and rubrics, which are no records here."""
    return {name for name in ids if name.startswith("sha256:")}


def searched(record, records):
    """The ids that stand in a record's JSON, and the builds whose digest does."""
    text = encode_record(record)
    kinds = "|".join(record_types())
    found = set(re.findall(rf"(?:{kinds}):[0-9a-f]{{64}}", text)) - {record.id}
    return found | {one.id for one in records if one.KIND == "build" and one.digest in text and one.id != record.id}


def closure(start, on):
    found, waiting = {start}, [start]
    while waiting:
        new = on[waiting.pop()] - found
        found |= new
        waiting += new
    return found - {start}


def random_history(draw, count):
    """Records that hold ids of records before them, of the right kinds."""
    made = {kind: [] for kind in ("interaction", "judgement", "dataset", "run", "build", "release", "model")}
    order = []

    def earlier(kind, most=1):
        return [one.id for one in draw.sample(made[kind], min(most, len(made[kind])))]

    def next_one(kind, n):  # noqa: PLR0911 - a line for each kind of record
        builds = [one.digest for one in made["build"]]
        before = earlier("interaction")
        match kind:
            case "judgement" if before:
                return judged(before[0], salt=f"s{n}")
            case "dataset" if before:
                verdict = (*earlier("judgement"), None)[0]
                by = draw.choice([*builds, None])
                held = [lesson(one) for one in earlier("interaction", 2)]
                return chosen([lesson(one, verdict, by) for one in before], holdout=held, watermark=n)
            case "run" if made["dataset"]:
                return trained(*earlier("dataset"), seed=n, after=(*earlier("run"), None)[0])
            case "build" if made["run"]:
                return fake_build(str(n), run_id=earlier("run")[0])
            case "release" if made["build"]:
                return serve(n, draw.choice(made["build"]), replaced=(*earlier("release"), None)[0])
            case "model":
                return Model(name=str(n), entered_at="t", parents=tuple(earlier("build", 2) + earlier("model")))
            case _:
                flags = tuple(f"corrects:{one}" for one in before)
                return said(str(n), by=draw.choice([*builds, None]), flags=flags)

    for n in range(count):
        one = next_one(draw.choice(list(made)), n)
        made[one.KIND].append(one)
        order.append(one)
    return order
