"""Searching a prompt: planted bases that one prompt helps and others that none does, and what is never asked."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.bases.reference.language import draw_prompts, golden_answer
from selftune.builds.prompts import PromptLayout
from selftune.builds.prompts import build as build_prompted
from selftune.curation.base import Judged, Pair, Yardstick
from selftune.curation.config import Curation
from selftune.curation.stage import curate
from selftune.errors import BelowTriggerError, ConfigError, JudgeMissingError, RequestRefusedError
from selftune.evals.base import JUDGE
from selftune.judges.config import Judging
from selftune.judges.fake import FakeJudgeServer
from selftune.judges.rubric import load_rubric
from selftune.loop.measuring.grading import GateJudge
from selftune.loop.prompts.drafts import NOTHING, Draft, describe_style, draft_prompts, part
from selftune.loop.prompts.search import Budget, halve, search
from selftune.loop.prompts.stage import PromptSearching, search_prompt
from selftune.records import (
    BuildOrigin,
    Dataset,
    DatasetKind,
    Example,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Trigger,
)
from selftune.testing import FakeServe, MemoryWork, fake_build, fake_context

RUBRIC = load_rubric("state_obedience")
CODE = GateJudge(Judging(name="checks"), ((JUDGE, RUBRIC),))
BASE = fake_build()
QUESTIONS = tuple(draw_prompts(3, 64, "demo"))
RIGHT = {(one.system, one.user): golden_answer(one) for one in QUESTIONS}
RULES = "A good answer is like this:"
WRONG = "Sure, it is Doba."


def said_in_log(number: int) -> Interaction:
    one = QUESTIONS[number]
    messages = (
        Message(role="system", content=one.system),
        Message(role="user", content=one.user),
        Message(role="assistant", content=golden_answer(one)),
    )
    return Interaction(
        salt=f"{number:032x}", conversation=f"c{number}", task_id=f"c{number}", trigger=Trigger.USER,
        messages=messages, source="log", position=str(number),
    )  # fmt: skip


LOG = tuple(map(said_in_log, range(len(QUESTIONS))))


def lesson(number: int, **changes) -> Example:
    said = LOG[number]
    facts = {"salt": said.salt, "interaction_id": said.id, "judgement_id": None, "messages": said.messages}
    return Example(**(facts | changes))


def dataset_of(lessons, held=()) -> Dataset:
    return Dataset(
        kind=DatasetKind.SFT, train=tuple(lessons), holdout=tuple(held), rejects=(), mixture=(), watermark=0,
        config_digest="", card="",
    )  # fmt: skip


TRAIN, HELD = tuple(map(lesson, range(48))), tuple(map(lesson, range(48, 64)))


class PlantedBase:
    """Answers rightly where its prompt is as planted, and wrongly elsewhere; keeps what it was asked."""

    def __init__(self, helps) -> None:
        self._helps = helps
        self.systems: list[str] = []
        self.questions: list[str] = []

    def __call__(self, build, request) -> str:
        system, user = (message.content for message in request.messages)
        prompt, _, state = system.rpartition("== STATE ==")
        self.systems.append(prompt)
        self.questions.append(user)
        return RIGHT[f"== STATE =={state}", user] if self._helps(prompt, user) else WRONG


def roomy(tmp_path, base, **changes):
    context = fake_context(tmp_path, serve=FakeServe(base), **({"records": LOG} | changes))
    return replace(context, base=replace(context.base, context_length=4096))


def searched(tmp_path, base, *, work=None, lessons=TRAIN, **changes):
    wanted = PromptSearching(**({"base": BASE, "grader": CODE, "rubric": RUBRIC, "answers": 400, "shown": 3} | changes))
    found = search_prompt(dataset_of(lessons, HELD), wanted, roomy(tmp_path, base, work=work))
    assert found.answers <= changes.get("answers", 400)
    return found


def test_the_prompt_that_was_planted_is_found_and_its_gain_is_measured_on_questions_that_did_not_choose_it(tmp_path):
    base = PlantedBase(lambda prompt, user: RULES in prompt)
    found = searched(tmp_path, base)
    assert found.better
    assert RULES in found.instruction
    assert found.shown is None, "no lesson made it better still"
    assert found.gain > 0.3
    assert found.interval[0] > 0
    assert found.n == 12


def test_a_lesson_that_was_planted_as_the_one_that_helps_is_shown(tmp_path):
    known = Counter(one.messages[1].content for one in TRAIN)
    planted = next(one for one in part(TRAIN, 0).pool[3:8] if known[one.messages[1].content] == 1)
    helpful = planted.messages[1].content
    found = searched(tmp_path, PlantedBase(lambda prompt, user: helpful in prompt))
    assert found.better
    assert planted.interaction_id in found.shown.interaction_ids
    assert helpful in found.shown.text
    assert len(found.shown.interaction_ids) <= 3


@pytest.mark.parametrize("share", [0, 3])
def test_where_no_prompt_helps_nothing_is_found_however_often_it_is_tried(tmp_path, share):
    """Right or wrong by the question alone, whatever stands before it."""
    base = PlantedBase(lambda prompt, user: len(user) % 3 < share)
    found = searched(tmp_path, base)
    assert not found.better
    assert found.name == NOTHING or found.gain == 0


def test_a_prompt_of_one_s_own_is_tried_with_the_others(tmp_path):
    found = searched(tmp_path, PlantedBase(lambda prompt, user: "Obey." in prompt), own="Obey.", shown=0)
    assert (found.name, found.instruction, found.shown) == ("your own", "Obey.", None)


def test_nothing_held_out_is_asked_or_shown(tmp_path):
    base = PlantedBase(lambda prompt, user: RULES in prompt)
    searched(tmp_path, base)
    seen = "\n".join((*base.systems, *base.questions))
    assert any(one.messages[1].content in seen for one in TRAIN)
    held_alone = {one.messages[1].content for one in HELD} - {one.messages[1].content for one in TRAIN}
    assert held_alone
    assert not any(text in seen for text in held_alone)


def test_words_of_a_suite_reach_no_prompt_and_no_question_of_the_search(tmp_path):
    """The log holds a conversation that the suite asks, answered as well as can be."""
    planted = "Please recite the harbour master's oath about the seventeen lanterns of Vell"
    told = (LOG[0].messages[0], Message(role="user", content=planted), LOG[0].messages[-1])
    log = (*LOG[:48], replace(LOG[0], messages=told, conversation="planted", position="planted"))
    config = Curation(trigger=1, one_sided_above=1.0, holdout_share=0.0, clean_room_share=0.0, near_duplicate=0.999)
    closed, opened = (
        curate(Judged(pairs=tuple(map(as_pair, log)), yardsticks=exam), config, fake_context(tmp_path))
        for exam in ((Yardstick(name="item 1 of exam", text=planted),), ())
    )
    assert any(planted in one.messages[1].content for one in opened.train), "without the suite it would be a lesson"
    base = PlantedBase(lambda prompt, user: False)
    wanted = PromptSearching(base=BASE, grader=CODE, rubric=RUBRIC, answers=200, shown=4)
    search_prompt(closed, wanted, roomy(tmp_path, base, records=log))
    assert base.systems
    assert not any(planted in text for text in (*base.systems, *base.questions))


def as_pair(said: Interaction) -> Pair:
    verdict = Judgement(
        salt=said.salt, interaction_id=said.id, rubric_digest=RUBRIC.id, judge=JudgeIdentity(name="test", version="1"),
        status=JudgementStatus.SCORED, overall=5.0,
    )  # fmt: skip
    return Pair(interaction=said, judgement=verdict)


def test_after_a_crash_nothing_is_asked_twice_and_the_same_is_found(tmp_path):
    work = MemoryWork(tmp_path)
    first, second = (PlantedBase(lambda prompt, user: RULES in prompt) for _ in range(2))
    found = searched(tmp_path, first, work=work)
    again = searched(tmp_path, second, work=work)
    assert again == found
    assert len(second.questions) == 2, "only what the prompt costs is counted again"


def test_what_the_server_refuses_as_too_long_has_no_score_and_is_not_a_bad_one(tmp_path):
    """Were it a nought, it would lower what stands beside it; were it left in, nobody would have a score."""

    def refuse_rules(prompt, user):
        if RULES in prompt:
            raise RequestRefusedError("too long.", next_step="Ask less.")
        return "at most" in prompt

    found = searched(tmp_path, PlantedBase(refuse_rules), shown=0)
    by_name = {one.name: one for one in found.tried if one.round == 1}
    assert by_name["rubric"].mean is None
    assert by_name["style"].n > 0
    assert found.name == "style"
    assert found.better


def test_a_judge_that_can_score_nothing_new_is_missing_and_its_silence_no_nought(tmp_path):
    unread = [replace(one, messages=one.messages[1:]) for one in TRAIN]

    def silent(build, request):
        return WRONG

    with pytest.raises(JudgeMissingError, match="can score no new answer"):
        searched(tmp_path, silent, lessons=unread)


def test_a_model_behind_an_endpoint_scores_the_search_as_it_scores_the_log(tmp_path):
    """It is shown the conversation without the prompt that is tried: nobody judges what stands before an answer."""
    rubric, seen = load_rubric("golden"), []

    def reply(_number, body):
        seen.append(body["messages"][-1]["content"])
        score = 1 if WRONG in seen[-1] else 5
        entries = {one.name: {"reasoning": "as heard", "score": score, "quotes": []} for one in rubric.criteria}
        return 200, json.dumps(entries | {"critical_failures": []}), "stop"

    with FakeJudgeServer(reply, model="fake").running() as server:
        judging = Judging(name="oracle", rubric="golden", endpoint=server.url, model="fake")
        judge = GateJudge(judging, ((JUDGE, rubric),))
        base = PlantedBase(lambda prompt, user: "at most" in prompt)
        found = searched(tmp_path, base, grader=judge, rubric=rubric, answers=100, shown=0)
    assert found.better
    assert "style" in found.name
    assert (found.before, found.gain) == (0.0, 1.0)
    assert seen
    assert not any("with at most" in text for text in seen)


def test_too_few_questions_are_not_searched_on(tmp_path):
    with pytest.raises(BelowTriggerError, match="too few to choose"):
        searched(tmp_path, PlantedBase(lambda prompt, user: True), lessons=TRAIN[:10])


def test_a_budget_that_does_not_reach_says_so_and_finds_nothing(tmp_path):
    found = searched(tmp_path, PlantedBase(lambda prompt, user: RULES in prompt), answers=20)
    assert not found.better
    assert "do not reach" in found.ended


@settings(max_examples=60, deadline=None)
@given(worth=st.lists(st.integers(0, 100), min_size=2, max_size=9, unique=True), order=st.randoms())
def test_without_noise_halving_finds_the_best_whatever_the_order(worth, order):
    order.shuffle(worth)
    drafts = [Draft(made_of=str(value), instruction=f"{value}") for value in worth]

    def rate(alive, asked):
        return [[int(draft.instruction) / 100] * len(asked) for draft in alive]

    found = halve(drafts, TRAIN, rate, answers=1000)
    assert found.best.instruction == str(max(worth))


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 48), answers=st.integers(1, 500), shown=st.integers(0, 6))
def test_a_search_never_asks_more_than_it_may(count, answers, shown):
    asked_for = set()

    def rate(drafts, asked):
        asked_for.update((draft.text, one.interaction_id) for draft in drafts for one in asked)
        return [[len(draft.lessons) / 10] * len(asked) for draft in drafts]

    drafts = draft_prompts(RUBRIC, TRAIN, TRAIN[:8], "")
    found = search(drafts, TRAIN[:8], TRAIN[8 : 8 + count], rate, Budget(answers=answers, shown=shown))
    assert len(asked_for) <= answers
    assert len(found.best.lessons) <= shown


@given(st.integers(0, 10), st.integers(1, 48))
def test_a_question_stands_in_one_part_alone_and_none_is_lost(seed, count):
    twice = [*TRAIN[:count], *(replace(one, interaction_id=f"{one.interaction_id}b") for one in TRAIN[:count])]
    parts = part(twice, seed)
    asked = [{one.messages[:-1] for one in lessons} for lessons in (parts.pool, parts.asked, parts.fresh)]
    assert sum(map(len, asked)) == len(set.union(*asked)) == len({one.messages[:-1] for one in twice})


def test_a_person_s_corrections_are_shown_first():
    corrected = lesson(0, taught_by="person")
    only_pool = [one for one in (part([corrected, *TRAIN[1:]], seed).pool for seed in range(20)) if corrected in one]
    assert only_pool
    assert all(pool[0] == corrected for pool in only_pool)


def test_style_is_what_nearly_all_golden_answers_keep():
    assert describe_style([]) is None
    assert describe_style(["One two three."] * 9 + ["word " * 50]) == (
        "Answer in one sentence, with at most 50 words. Write no lists."
    )
    assert describe_style(["One two three."] * 19 + ["word " * 50]) == (
        "Answer in one sentence, with at most 3 words. Write no lists."
    )
    assert "lists" not in describe_style(["First. Then:\n- this\n- that"])
    assert "at most 2 sentences" in describe_style(["First. Then this."])


def test_drafts_quote_nobody_but_in_the_lessons_they_show():
    words = {word for one in TRAIN for word in one.messages[-1].content.split() if word.endswith('".')}
    assert words
    for draft in draft_prompts(RUBRIC, TRAIN, TRAIN[:8], ""):
        assert not any(word in (draft.instruction or "") for word in words)


def test_what_is_shown_is_salted_so_that_erasing_it_keeps_the_name_of_the_build():
    shown = Draft(made_of=NOTHING, lessons=TRAIN[:2]).shown
    made = build_prompted(BASE, PromptLayout(instruction="Obey.", shown=shown), None)
    assert (made.origin, made.files) == (BuildOrigin.PROMPT, BASE.files)
    assert made.prompt.startswith("Obey.\n\nAnswer in the manner of these examples.")
    assert made.digest != BASE.digest
    other = build_prompted(BASE, PromptLayout(instruction="Obey."), None)
    assert made.digest != other.digest


@pytest.mark.parametrize(
    ("base", "layout", "why"),
    [
        (fake_build("tuned"), PromptLayout(instruction="Obey."), "no bare base"),
        (BASE, PromptLayout(), "the prompt is empty"),
    ],
)
def test_only_a_bare_base_gets_a_prompt_and_only_one_that_says_something(base, layout, why):
    with pytest.raises(ConfigError, match=why):
        build_prompted(base, layout, None)
