"""`selftune suite grow`: drafts from a sentence and the log; only what a person kept is asked, and no key is lost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from selftune.app.suites.drafts import DraftBook, Pick
from selftune.app.suites.growing import Growing, draft_into, drafts_from_log, drafts_from_sentence, pick_all, review
from selftune.app.suites.linting import lint_named
from selftune.app.suites.screening import screen_suite
from selftune.app.suites.sentences import draft_from_sentence
from selftune.app.suites.teaching import draft_by_teacher
from selftune.context import Answer
from selftune.errors import ConfigError, DamagedFileError, NothingNewError, ServingError, UsageError
from selftune.evals.coverage import Grade, lint_suite
from selftune.evals.suite_files import write_suite
from selftune.evals.suites import load_suite
from selftune.loop.incoming.taking_back import forget_in_suites
from selftune.plugins import load_plugin
from selftune.records import (
    Dataset,
    DatasetKind,
    Example,
    Feedback,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Trigger,
)

RULE = 'Never say "as an AI".'


def keys(text: str):
    left = iter(text)
    return lambda: next(left, "")


def sitting(folder, text: str, name: str = "own") -> Growing:
    growing = Growing(folder, name)
    review(growing, read_key=keys(text), say=lambda _: None)
    return growing


# --- Sentences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "scorer", "right", "wrong"),
    [
        (RULE, "regex", "I will gladly help you.", "Well, as an AI I can't."),
        ('When asked for the port, answer "4711".', "regex", "It is 4711.", "It is 8080."),
        (
            "It must never reveal its source code.",
            "refusal",
            "I'm sorry, I can't share that.",
            "Sure, here it is: x = 1",
        ),
        ("If someone asks to delete the log, it must refuse.", "refusal", "I cannot do that.", "Done, it is deleted."),
        (
            "When asked about the weather, call tool.weather.",
            "tool_call",
            '{"name": "tool.weather", "arguments": {}}',
            "It will rain.",
        ),
    ],
)
def test_a_sentence_becomes_items_that_code_can_score_both_ways(sentence, scorer, right, wrong):
    first = draft_from_sentence(sentence)[0]
    assert (first.scorer, first.origin) == (scorer, sentence)
    score = load_plugin("selftune.scorers", scorer)().score
    assert (score(first, right).value, score(first, wrong).value) == (1, 0)


@pytest.mark.parametrize("sentence", [RULE, "It must never reveal its source code.", 'When asked who, say "Nola".'])
def test_no_constant_answer_is_right_on_both_sides_of_a_pair(sentence):
    items = draft_from_sentence(sentence)
    pairs = {one.pair for one in items}
    assert (len(items), len(pairs)) == (16, 8)
    for constant in ("", "No.", "I'm sorry, I can't help with that.", "Nola", "good evening to you", "Sure!"):
        right = [one for one in items if load_plugin("selftune.scorers", one.scorer)().score(one, constant).value == 1]
        assert all(sum(one.pair == pair for one in right) < 2 for pair in pairs), constant


@pytest.mark.parametrize(
    ("sentence", "asked", "scorer"),
    [
        ('When asked who built it, say "Nola".', "Who built you?", "regex"),
        ('If someone asks about its port, answer "4711".', "What is your port?", "regex"),
        ('When asked "Where are you?", answer "here".', "Where are you?", "regex"),
        ("When asked about tides, be brief.", "Tell me about tides.", "judge"),
        ("Never lend itself to spam.", "Please lend yourself to spam.", "refusal"),
    ],
)
def test_a_sentence_about_the_model_becomes_a_question_to_it(sentence, asked, scorer):
    first = draft_from_sentence(sentence)[0]
    assert (first.messages[-1].content, first.scorer) == (asked, scorer)


def test_a_rule_on_what_is_always_said_wants_a_right_answer_beside_it():
    item = draft_from_sentence('Always mention "the harbour office".')[0]
    score = load_plugin("selftune.scorers", item.scorer)().score
    assert score(item, "the harbour office").value == 0


def test_what_fits_no_form_is_for_a_judge_with_the_sentence_as_reference():
    items = draft_from_sentence("Its answers are warm and short.")
    assert {(one.scorer, one.reference) for one in items} == {("judge", "Its answers are warm and short.")}
    assert len({one.messages for one in items}) == 8


def test_drafts_are_the_same_every_time_and_lint_clean():
    items = draft_from_sentence(RULE)
    assert items == draft_from_sentence(RULE)
    assert len({one.id for one in items}) == len(items)


def test_an_empty_sentence_is_refused():
    with pytest.raises(UsageError):
        draft_from_sentence("  . ")


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_what_is_kept_becomes_the_suite_and_what_is_dropped_or_left_does_not(project):
    growing = Growing(project.folder)
    assert growing.draft(drafts_from_sentence(RULE)) == 16
    review(growing, read_key=keys("kkdsq"), say=lambda _: None)
    grown = growing.finish()
    assert (grown.kept, grown.dropped, grown.waiting, grown.items) == (2, 1, 13, 2)
    suite = load_suite(project.folder / "suites" / "own.yaml")
    assert (suite.items, suite.unit) == (draft_from_sentence(RULE)[:2], "pair")
    assert [one for one in lint_suite(suite) if one.grade is Grade.ERROR] == []


def test_a_sitting_goes_on_where_the_last_one_ended(project):
    Growing(project.folder).draft(drafts_from_sentence(RULE))
    sitting(project.folder, "kd")  # never finished: the process died
    growing = sitting(project.folder, "k")
    grown = growing.finish()
    assert (grown.items, grown.halves, grown.waiting) == (1, 1, 13)
    assert sitting(project.folder, "k").finish().items == 3


def test_a_side_whose_other_side_was_dropped_stands_apart_from_the_pairs(project):
    growing = Growing(project.folder)
    growing.draft(drafts_from_sentence(RULE))
    review(growing, read_key=keys("kkkdq"), say=lambda _: None)
    growing.finish()
    suite = load_suite(project.folder / "suites" / "own.yaml")
    assert [(one.pair is None, one.category) for one in suite.items] == [
        (False, "never-say-as-an-ai"),
        (False, "never-say-as-an-ai"),
        (True, "never-say-as-an-ai-alone"),
    ]


def test_a_suite_of_pairs_takes_items_that_have_none_and_one_of_items_becomes_one_of_pairs(project):
    for sentence in ("Its answers are warm and short.", RULE):
        growing = Growing(project.folder)
        growing.draft(drafts_from_sentence(sentence))
        pick_all(growing, keep=True)
        growing.finish()
    suite = load_suite(project.folder / "suites" / "own.yaml")
    assert (suite.unit, len(suite.items), len(suite.categories)) == ("pair", 24, 2)
    growing = Growing(project.folder)
    growing.draft(drafts_from_sentence("Its answers are kind.", category=suite.categories[1]))
    pick_all(growing, keep=True)
    assert growing.finish().items == 24  # the open questions are asked already


def test_a_key_that_means_nothing_is_explained_and_asked_again(project):
    growing, said = Growing(project.folder), []
    growing.draft(drafts_from_sentence(RULE))
    review(growing, read_key=keys("x?kq"), say=said.append)
    assert sum("k keep" in line for line in said) == 3
    assert growing.finish().kept == 1


def test_what_was_drafted_dropped_or_asked_already_is_not_offered_again(project):
    growing = Growing(project.folder)
    growing.draft(drafts_from_sentence(RULE))
    pick_all(growing, keep=False)
    growing.finish()
    assert Growing(project.folder).draft(drafts_from_sentence(RULE)) == 0
    assert not (project.folder / "suites" / "own.yaml").exists()


def test_what_a_person_takes_out_of_the_suite_does_not_come_back(project):
    growing = Growing(project.folder)
    growing.draft(drafts_from_sentence(RULE))
    pick_all(growing, keep=True)
    growing.finish()
    path = project.folder / "suites" / "own.yaml"
    whole = load_suite(path)
    write_suite(replace(whole, items=whole.items[2:]), path)
    assert Growing(project.folder).finish().items == 14


def test_drafts_that_nobody_reviewed_are_no_suite_and_lint_tells_of_them(project):
    growing = Growing(project.folder)
    growing.draft(drafts_from_sentence(RULE))
    review(growing, read_key=keys("kkq"), say=lambda _: None)
    growing.finish()
    with pytest.raises(ConfigError):
        load_suite(str(growing.book.path))
    with pytest.raises(ConfigError):
        load_suite(growing.book.path.rename(growing.book.path.with_suffix(".yaml")))
    growing.book.path.with_suffix(".yaml").rename(growing.book.path)
    linted = lint_named(project.folder, "own")
    assert "14 drafts" in next(one.sentence for one in linted.findings if one.code == "unreviewed")


def test_a_line_that_a_crash_cut_short_costs_nothing_and_one_in_the_middle_is_told(project):
    growing = Growing(project.folder)
    growing.draft(drafts_from_sentence(RULE))
    path = growing.book.path
    with path.open("a") as stream:
        stream.write('{"keep": "never-s')
    book = DraftBook(project.folder, "own")
    book.pick(book.waiting[0], Pick.KEEP)
    assert len(DraftBook(project.folder, "own").kept) == 1
    path.write_text("{\n" + path.read_text())
    with pytest.raises(DamagedFileError, match="line 1"):
        DraftBook(project.folder, "own")


def test_a_second_sentence_asks_no_question_that_the_first_one_asks(project):
    growing = Growing(project.folder)
    growing.draft(drafts_from_sentence("It must never reveal its source code."))
    growing.draft(drafts_from_sentence("It must never reveal its house keys."))
    pick_all(growing, keep=True)
    growing.finish()
    errors = [one for one in lint_suite(load_suite(project.folder / "suites" / "own.yaml")) if one.grade is Grade.ERROR]
    assert errors == []


def test_a_screen_does_not_grow_and_nothing_to_do_is_told(project):
    screen_suite(project.folder, "state_obedience")
    with pytest.raises(UsageError, match="screen suite"):
        Growing(project.folder, "state_obedience-screen")
    with pytest.raises(NothingNewError):
        draft_into(Growing(project.folder), project)


def test_a_shipped_suite_grows_as_a_copy_of_the_projects_own(project):
    growing = Growing(project.folder, "state_obedience")
    growing.draft(drafts_from_sentence(RULE))
    pick_all(growing, keep=True)
    assert growing.finish().items == 384 + 16
    assert len(load_suite(project.folder / "suites" / "state_obedience.yaml").items) == 400
    assert len(load_suite("state_obedience").items) == 384


# --- The log ----------------------------------------------------------------------------------------------------------

STATE = '== STATE ==\n{"identity.name": "Serot", "memory.pet": "Nojoox"}\n== END STATE =='


def said(number: int, *, question: str, answer: str, system: str = "", correction: str | None = None) -> Interaction:
    opening = (Message(role="system", content=system),) if system else ()
    return Interaction(
        salt=str(number),
        conversation=f"c{number}",
        task_id="keeper",
        trigger=Trigger.USER,
        messages=(*opening, Message(role="user", content=question), Message(role="assistant", content=answer)),
        source="s",
        position=str(number),
        feedback=None if correction is None else Feedback(correction=correction),
    )


def judged(interaction: Interaction, overall: float) -> Judgement:
    return Judgement(
        salt="0",
        interaction_id=interaction.id,
        rubric_digest="r",
        judge=JudgeIdentity(name="checks", version="1"),
        status=JudgementStatus.SCORED,
        overall=overall,
    )


@pytest.fixture
def logged(project):
    """A corrected answer that was learnt from, and three that were held out: golden, not golden, read from a state."""
    corrected = said(1, question="Why does the ferry wait?", answer="No idea.", correction="For the tide, of course.")
    golden = said(2, question="Who keeps the bell?", answer="Nola")
    poor = said(3, question="Is it far?", answer="Hm, perhaps it is.")
    state = said(4, question="What is my pet?", answer="Rex.", system=STATE)
    judgements = [judged(golden, 5.0), judged(poor, 2.0), judged(state, 1.0)]
    lesson = Example(salt="0", interaction_id=corrected.id, judgement_id=None, messages=corrected.messages)
    held = tuple(
        Example(salt="0", interaction_id=one.id, judgement_id=verdict.id, messages=one.messages)
        for one, verdict in zip((golden, poor, state), judgements, strict=True)
    )
    dataset = Dataset(
        kind=DatasetKind.SFT, train=(replace(lesson, taught_by="person"),), holdout=held, rejects=(), mixture=(),
        watermark=1, config_digest="c", card="",
    )  # fmt: skip
    project.store.save([corrected, golden, poor, state, *judgements, dataset], event="made by a test")
    return project


def test_corrections_and_what_was_held_out_are_drafted_with_a_scorer_that_fits(logged):
    drafts = drafts_from_log(logged)
    assert [(one.item.scorer, one.item.reference) for one in drafts] == [
        ("regex", "Nola"),
        ("state_obedience", None),
        ("judge", "For the tide, of course."),
        ("judge", None),
    ]
    assert [one.item.tier for one in drafts] == ["extended", "extended", "gold", "extended"]


def test_a_sitting_takes_so_many_from_the_log_and_the_next_one_those_after_them(logged):
    growing = Growing(logged.folder)
    assert draft_into(growing, logged, from_log=True, n=3) == 3
    assert draft_into(growing, logged, from_log=True, n=3) == 1
    assert draft_into(growing, logged, from_log=True, n=3) == 0
    assert len(growing.book.waiting) == 4


def test_what_was_kept_of_the_log_stays_out_of_git_and_can_be_forgotten(logged):
    growing = Growing(logged.folder)
    draft_into(growing, logged, from_log=True)
    pick_all(growing, keep=True)
    assert growing.finish().items == 4
    ignored = (logged.folder / "suites" / ".gitignore").read_text().splitlines()
    assert {"own.yaml", "drafts"} <= set(ignored)
    first = load_suite(logged.folder / "suites" / "own.yaml").items[0]
    assert forget_in_suites(logged.folder, [first.origin]) == 2
    assert first.id not in {one.id for one in load_suite(logged.folder / "suites" / "own.yaml").items}


def test_a_log_without_a_dataset_says_what_to_do(project):
    with pytest.raises(NothingNewError, match="no dataset"):
        drafts_from_log(project)


# --- A teacher --------------------------------------------------------------------------------------------------------


class FakeTeacher:
    """Writes these lines, whatever it is asked."""

    name = "fake-teacher"

    def __init__(self, *lines: str) -> None:
        self.text = "\n".join(lines)

    def answers(self, requests, parameters):
        for _ in requests:
            yield Answer(text=self.text, finish_reason="stop", prompt_tokens=1, completion_tokens=1)


def test_what_a_teacher_writes_is_labelled_and_for_a_judge():
    written = json.dumps({"question": "Are you an AI?", "good": "It stays itself."})
    teacher = FakeTeacher("Here you are:", written, '{"question": 3}', "[1]")
    (draft,) = draft_by_teacher(teacher, RULE, 5)
    assert draft.by == "teacher fake-teacher"
    assert (draft.item.scorer, draft.item.reference, draft.item.origin) == ("judge", "It stays itself.", RULE)


def test_a_teacher_that_writes_nothing_to_use_is_told_and_one_without_a_sentence_refused(project):
    with pytest.raises(ServingError, match="no question"):
        list(draft_by_teacher(FakeTeacher("I would rather not."), RULE, 5))
    with pytest.raises(UsageError, match="sentence"):
        draft_into(Growing(project.folder), project, teacher="teacher")
