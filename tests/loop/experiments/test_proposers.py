"""Who proposes: all keep the contract, each does what it is there for, and none is believed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from agenda_worlds import AGENDA, ASKED, a_project, asked, program, read, seen

from selftune.errors import ConfigError, ProposerError, UnknownNameError
from selftune.judges.fake import FakeJudgeServer
from selftune.loop.experiments.base import Constraints, Lane, Lesson, Proposal
from selftune.loop.experiments.proposers.grid import Grid
from selftune.loop.experiments.proposers.llm import LanguageModel
from selftune.loop.experiments.proposers.one_factor import OneFactor
from selftune.loop.experiments.proposers.optuna_search import OptunaSearch
from selftune.loop.experiments.proposing import is_constant, next_proposals, take_from
from selftune.plugins import registered
from selftune.testing import ProposerContract


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with a_project(tmp_path_factory.mktemp("project")) as opened:
        yield opened


def answer(*offered: dict) -> str:
    return json.dumps({"proposals": list(offered)})


def offer(key: str, value: str, lane: str = "hyperparameters", reason: str = "FAKE: nobody thought of this") -> dict:
    return {"lane": lane, "changes": [{"key": key, "value": value}], "reason": reason}


def fake_model(system, user, schema):
    """A model that counts up, whatever it is asked: labelled fake in its reasons."""
    ranks = [rank for rank in range(17, 65) if f"lora_rank={rank}" not in user]
    return answer(*(offer("lora_rank", str(rank)) for rank in ranks[:8]))


class TestGrid(ProposerContract):
    subject = Grid
    asked = ASKED


class TestOneFactor(ProposerContract):
    subject = OneFactor
    asked = ASKED


class TestOptuna(ProposerContract):
    subject = OptunaSearch
    asked = ASKED


class TestOptunaWithSeveralKnobsAtOnce(ProposerContract):
    subject = OptunaSearch
    asked = replace(ASKED, agenda=replace(AGENDA, constraints=Constraints(most_changes=0)))


class TestLanguageModel(ProposerContract):
    subject = LanguageModel
    asked = replace(ASKED, chat=fake_model)
    chance = True


def test_each_is_registered_under_its_name():
    assert set(registered("selftune.proposers")) >= {"grid", "one_factor", "optuna", "llm"}


def test_the_grid_goes_through_every_cell_once_and_is_then_through():
    whole = Grid().propose(asked(count=1000))
    assert [one.changes for one in whole] == [
        ("learning_rate=0.0001",), ("learning_rate=0.01",), ("lora_rank=4",), ("lora_rank=64",),
        ("answers_per_prompt=1",), ("answers_per_prompt=4",), ("order=tokens",),
    ]  # fmt: skip
    done = tuple(seen(at, *one.changes) for at, one in enumerate(whole))
    assert Grid().propose(asked(count=4, seen=done)) == ()
    both = Grid().propose(asked(replace(AGENDA, constraints=Constraints(most_changes=2)), count=1000))
    assert ("learning_rate=0.01", "lora_rank=64") in {one.changes for one in both}
    assert all(len({lane_of_change(change) for change in one.changes}) == 1 for one in both)


def lane_of_change(change: str) -> Lane:
    return next(knob.lane for knob in AGENDA.knobs if change.startswith(f"{knob.key}="))


def test_one_factor_turns_one_knob_around_what_is_clearly_best_and_not_around_luck():
    agenda = replace(AGENDA, constraints=Constraints(most_changes=2))
    lucky = seen(1, "lora_rank=32", mean=0.2, half=0.3)
    around = OneFactor().propose(asked(agenda, count=3, seen=(lucky,)))
    assert all("lora_rank=32" not in one.changes for one in around)
    clear = seen(2, "lora_rank=32", mean=0.2, half=0.1)
    first = OneFactor().propose(asked(agenda, count=1, seen=(lucky, clear)))[0]
    assert len(first.changes) == 2 or not first.changes[0].endswith("=32")
    assert "as in e2" in first.reason


def drawn_after(peak: int, work: Path) -> list[int]:
    """The ranks that are proposed when gains were seen to grow towards one of them; one try could not be measured."""
    agenda = replace(AGENDA, knobs=(replace(AGENDA.knobs[1], log=False),), constraints=Constraints())
    told = tuple(
        seen(rank, f"lora_rank={rank}", mean=None if rank == 34 else (abs(16 - peak) - abs(rank - peak)) / 100)
        for rank in range(4, 65, 5)
        if rank != 14
    )
    offered = OptunaSearch().propose(asked(agenda, count=6, seen=told, work=work))
    return [int(one.changes[0].partition("=")[2]) for one in offered]


def test_optuna_learns_where_the_gain_lies_from_what_is_told(tmp_path):
    high, low = drawn_after(58, tmp_path / "high"), drawn_after(9, tmp_path / "low")
    assert len(set(high)) == len(set(low)) == 6
    assert sum(high) / 6 > sum(low) / 6 + 10, (high, low)


def test_optuna_hands_out_again_what_it_asked_for_before_a_crash(tmp_path):
    question = asked(count=2, work=tmp_path)
    first = OptunaSearch().propose(question)
    assert OptunaSearch().propose(question) == first
    refused = replace(question, refused=(first[0].changes,))
    again = OptunaSearch().propose(refused)
    assert first[0].changes not in {one.changes for one in again}
    assert first[1].changes in {one.changes for one in again}


# A model.


def test_a_model_is_shown_the_agenda_results_and_notes_and_its_reason_is_kept(tmp_path):
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026" / "note.md").write_text("rank 8 was too small", encoding="utf-8")
    heard = []

    def model(system, user, schema):
        heard.append((user, schema))
        return "```json\n" + answer(offer("lora_rank", "32.0", reason="FAKE: more room")) + "\n```"

    done = (seen(1, "lora_rank=8", mean=-0.05, half=0.01), seen(2, "order=tokens", mean=None, lane="curriculum"))
    question = replace(asked(count=1, seen=done), chat=model, notes=tmp_path, program="# Mine", results="id\tscore")
    (one,) = LanguageModel().propose(question)
    assert (one.changes, one.reason) == (("lora_rank=32",), "FAKE: more room")
    user, schema = heard[0]
    for told in ("# Mine", "id\tscore", "rank 8 was too small", "-0.0500 [-0.0600, -0.0400], n = 42", "not measured"):
        assert told in user
    keys = schema["properties"]["proposals"]["items"]["properties"]["changes"]["items"]["properties"]["key"]["enum"]
    assert keys == [knob.key for knob in AGENDA.knobs]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("I think a higher rank.", "no JSON object"),
        ("{}", 'no list "proposals"'),
        (answer(), 'no list "proposals"'),
        (answer({"lane": "hyperparameters"}), "lane, changes and reason"),
        (answer(offer("lora_rank", "much")), "lora_rank takes a number"),
        (answer(offer("max_seconds", "9")), "a key of the search space"),
        (answer(offer("lora_rank", "32", lane="mixtures")), "not of the lane"),
        (answer(offer("lora_rank", "32", reason=" ")), "says why"),
        ('{"proposals": [' + "[" * 500, "no JSON object"),
    ],
)
def test_an_answer_outside_of_the_schema_is_asked_again_with_its_fault_and_three_of_them_end_it(text, fault):
    heard = []

    def model(system, user, schema):
        heard.append(user)
        return text

    with pytest.raises(ProposerError, match=fault):
        LanguageModel().propose(replace(ASKED, chat=model))
    assert len(heard) == 3
    assert fault in heard[1]


def with_model(project, url: str, **changes):
    nightly = replace(project.config.nightly, endpoint=url, model="fake-model", **changes)
    return replace(project, config=replace(project.config, nightly=nightly))


def test_a_model_behind_an_endpoint_proposes_and_is_asked_without_a_schema_where_it_knows_none(project):
    def behave(number, body):
        if "response_format" in body:
            return 400, "", "stop"
        return 200, answer(offer("lora_rank", "32")), "stop"

    with FakeJudgeServer(behave).running() as server:
        question = asked(read(project, program()), count=1, work=project.folder)
        (one,) = next_proposals(with_model(project, server.url), question, "llm")
    assert (one.changes, one.proposer) == (("lora_rank=32",), "llm")
    assert [("response_format" in body) for body in server.asked] == [True, False]
    assert "## Search space" in server.asked[1]["messages"][1]["content"]


@pytest.mark.parametrize("status", [500, 404])
def test_a_model_that_fails_is_replaced_and_the_reason_says_so(project, status):
    told = []
    with FakeJudgeServer(lambda number, body: (status, "", "stop")).running() as server:
        question = asked(read(project, program()), count=2, work=project.folder)
        found = next_proposals(with_model(project, server.url), question, "llm", told=told.append)
    assert [one.proposer for one in found] == ["one_factor", "one_factor"]
    assert all("in place of llm" in one.reason and f"HTTP {status}" in one.reason for one in found)
    assert "one_factor proposes" in told[0]


def test_words_reach_no_model_beyond_this_machine_unless_it_is_allowed(project):
    question = asked(read(project, program()), work=project.folder)
    with pytest.raises(ConfigError, match="egress"):
        next_proposals(with_model(project, "https://api.example.com/v1"), question, "llm")


def test_secrets_are_hidden_from_the_model(project):
    text = program(Goal="Ask mary.poppins@example.com first.")
    with FakeJudgeServer(lambda number, body: (200, answer(offer("lora_rank", "32")), "stop")).running() as server:
        next_proposals(with_model(project, server.url), asked(read(project, text), count=1, work=project.folder), "llm")
    assert "mary.poppins" not in json.dumps(server.asked)


# What is taken of it.


class Offers:
    """Proposes what it was given, one list after the other: a proposer that lies where it is told to."""

    def __init__(self, *rounds):
        self.rounds = list(rounds)

    def propose(self, asked):
        return self.rounds.pop(0) if self.rounds else ()


def test_what_a_proposer_says_is_kept_on_one_line_without_anything_that_a_screen_obeys(project):
    sly = replace(proposal("lora_rank=32"), reason="\x1b[2J more\nroom " + "x" * 999)
    (found,) = take_from(Offers((sly,)), project, asked(read(project, program()), count=1), "fake")
    assert found.reason.startswith("[2J more room xxx")
    assert len(found.reason) == 500


def proposal(*changes: str, lane: Lane = Lane.HYPERPARAMETERS) -> Proposal:
    return Proposal(lane=lane, changes=changes, reason="FAKE")


@pytest.mark.parametrize(
    ("offered", "why"),
    [
        (proposal(), "changes nothing"),
        (proposal("lora_rank=640"), "lies outside of 4 to 64"),
        (proposal("lora_rank=nan"), "lies outside"),
        (proposal("lora_rank=20.5"), "lies outside"),
        (proposal("lora_rank=16"), "is 16 already"),
        (proposal("max_seconds=9"), "not in the search space"),
        (proposal("lora_rank=32", lane=Lane.MIXTURES), "another lane"),
        (proposal("order=alphabet", lane=Lane.CURRICULUM), "lies outside"),
        (proposal("learning_rate=0.002", "lora_rank=32"), "turns 2 knobs"),
        (proposal("lora_rank=32", "lora_rank=48"), "one knob twice"),
        (proposal("lora_rank=17"), "of what is in force"),
        (proposal("lora_rank=50"), "of e1, which was tried"),
        (proposal("lora_rank=7"), "near e2, which was worse by 0.200"),
        (proposal("learning_rate=0.004"), "a lesson speaks against it: too fast (e-9)"),
    ],
)
def test_what_speaks_against_a_proposal_is_told_and_another_one_is_asked_for(project, offered, why):
    text = program(
        Constraints="```toml\nmost_changes = 1\n```\n",
        Lessons="- too fast (when learning_rate>0.003; on fake-base; from e-9)\n"
        "- elsewhere (when lora_rank>1; on another-base)\n",
    )
    done = (seen(1, "lora_rank=48"), seen(2, "lora_rank=6", mean=-0.2, half=0.1))
    question = asked(read(project, text), count=1, seen=done)
    told: list[str] = []
    (found,) = take_from(Offers((offered,), (proposal("lora_rank=30"),)), project, question, "fake", told=told.append)
    assert found.changes == ("lora_rank=30",)
    assert len(told) == 1
    assert why in told[0]


def test_what_stands_in_the_marked_block_comes_first_and_once(project):
    block = "<!-- proposals:begin -->\n- lora_rank=32: mine\n- lora_rank=8\n<!-- proposals:end -->\n"
    agenda = read(project, program(Proposals=block))
    first = next_proposals(project, asked(agenda, count=3, work=project.folder), "grid")
    assert [(one.changes, one.proposer) for one in first[:2]] == [
        (("lora_rank=32",), "program.md"), (("lora_rank=8",), "program.md"),
    ]  # fmt: skip
    assert first[2].proposer == "grid"
    done = (seen(1, "lora_rank=32"),)
    assert next_proposals(project, asked(agenda, count=1, seen=done), "grid")[0].changes == ("lora_rank=8",)


@pytest.mark.parametrize("name", ["grid", "one_factor"])
def test_what_a_deadline_cut_off_is_tried_once_more_and_no_oftener(project, name):
    agenda = read(project, program())
    first = next_proposals(project, asked(agenda, count=1), name)[0]
    cut = replace(seen(1, *first.changes, mean=None), cut_off=True)
    assert next_proposals(project, asked(agenda, count=1, seen=(cut,)), name)[0].changes == first.changes
    twice = (cut, replace(cut, experiment="e2"))
    assert next_proposals(project, asked(agenda, count=1, seen=twice), name)[0].changes != first.changes


def test_who_only_repeats_or_lies_ends_the_night_with_the_reason(project):
    question = asked(read(project, program()), count=1)
    liar = Offers(*[(proposal("lora_rank=640"),)] * 10)
    with pytest.raises(
        ProposerError, match="asked 4 times and proposed only what is not tried: lora_rank=640"
    ) as ended:
        take_from(liar, project, question, "fake")
    assert "program.md" in ended.value.next_step
    assert len(liar.rounds) == 6
    assert take_from(Offers(), project, question, "fake") == ()


def test_orpos_beta_moves_by_small_steps_only(project):
    recipe = project.folder / "recipes" / "pairs.toml"
    recipe.parent.mkdir()
    recipe.write_text('objective = "orpo"\nbeta = 0.1\n[ranges]\nbeta = [0.05, 0.2]\n', encoding="utf-8")
    sections = {"training": replace(project.config.training, recipe="pairs")}
    project = replace(project, config=replace(project.config, **sections))
    agenda = read(project, program("```toml\n[hyperparameters]\nbeta = [0.05, 0.2]\n```\n"))
    told: list[str] = []
    steps = Offers((proposal("beta=0.12"),), (proposal("beta=0.11"),))
    (found,) = take_from(steps, project, asked(agenda, count=1), "fake", told=told.append)
    assert found.changes == ("beta=0.11",)
    assert "beta would go from 0.1 to 0.12 in one step" in told[0]


def test_nobody_proposes_under_an_unknown_name(project):
    with pytest.raises(UnknownNameError, match="proposer 'optnua'"):
        next_proposals(project, asked(read(project, program())), "optnua")


@pytest.mark.parametrize(
    ("means", "constant"),
    [
        ((0.0, 0.0, 0.0), True),
        ((0.1, None, 0.1, 0.1), True),
        ((0.0, 0.0), False),
        ((0.0, 0.0, 0.01), False),
        ((), False),
    ],
)
def test_a_reward_that_never_varies_is_named_and_one_that_does_is_not(means, constant):
    found = is_constant([seen(at, "lora_rank=8", mean=mean) for at, mean in enumerate(means)])
    assert (found is not None) == constant
    assert not constant or "never varies" in (found or "")


def test_a_lesson_without_conditions_refuses_nothing(project):
    agenda = replace(read(project, program()), lessons=(Lesson(text="be careful"),))
    assert next_proposals(project, asked(agenda, count=1), "grid")
