"""The closed loop with a fake writer and the real sandbox: good, buggy, hostile, never right, and silent."""

from __future__ import annotations

import itertools
import json

import pytest
from forge_scripts import BUGGY, ESCAPES, GOOD, SPEC, FakeWriter, told_function, told_spec

from selftune.errors import SandboxError
from selftune.records import ExampleBy, ForgingEnd
from selftune.toolforge import checking, forge
from selftune.toolforge.checking import Checked
from selftune.toolforge.config import Forge
from selftune.toolforge.forge import Bench
from selftune.toolforge.gaps import Gap, GapKind
from selftune.toolforge.running import MOST_LETTERS, call_each, limits_for
from selftune.toolforge.sandbox import EndedBy, Ran, find_sandbox
from selftune.toolforge.spec import read_example, read_spec
from selftune.toolforge.trials import hide_some, try_source

pytestmark = pytest.mark.needs("bwrap")
GAP = Gap(kind=GapKind.PERSON, words="count the vowels of a text")
QUICK = Forge(call_seconds=0.3)


@pytest.fixture(scope="module")
def box():
    return find_sandbox()


def run(box, *answers, given=(), config=QUICK, elapsed=lambda: 0.0, **more):
    writer = FakeWriter(*answers)
    bench = Bench(write=writer, sandbox=box, config=config, elapsed=elapsed, **more)
    return forge.forge(GAP, bench, given=given), writer


def call(box, source, *calls, seconds=0.5):
    limits = limits_for(len(calls), call_seconds=seconds, memory_mb=256)
    return call_each(box, source, "count_vowels", calls, limits).outcomes


def test_a_function_that_is_right_at_once_is_proposed_with_the_tests_it_passed(box):
    forged, writer = run(box, told_spec(), told_function(GOOD, ({"text": "Queue"}, 4)))
    assert forged.ended_by is ForgingEnd.PROPOSED
    assert forged.source == GOOD
    assert forged.tried.passed
    names = [test.name for test in forged.tried.tests]
    assert sum(name.startswith("hidden example") for name in names) == 1
    assert sum(name.startswith("drawn") for name in names) == 6
    assert {"its own test 1", "the same twice, in two orders"} <= set(names)
    assert forged.tried.milliseconds > 1
    assert forged.tried.memory_bytes > 1 << 20
    assert forged.tried.posture
    assert [asked for asked, _ in writer.asked] == ["spec", "function"]


def test_the_hidden_example_is_in_no_question(box):
    own = read_example('{"text": "hidden 1"} -> 2', ExampleBy.PERSON)
    examples = [{"arguments": {"text": f"hidden {number}"}, "result": 2} for number in range(2, 6)]
    # It fails on each, and says on what: of the hidden one only how it failed may be told.
    breaks = "def count_vowels(text: str) -> int:\n    raise KeyError(text)\n"
    forged, writer = run(box, told_spec(examples=examples), told_function(breaks), told_function(GOOD), given=[own])
    (hidden,) = [json.loads(one.arguments)["text"] for one in forged.spec.examples if one.hidden]
    questions = [asked for what, asked in writer.asked if what == "function"]
    assert "an example that you can't see failed: it failed: KeyError" in questions[-1]
    assert sum(f"hidden {number}" in questions[-1] for number in range(1, 6)) == 4
    assert all(hidden not in asked for asked in questions)


def test_a_buggy_function_is_repaired_by_what_failed(box):
    forged, writer = run(box, told_spec(), told_function(BUGGY), told_function(GOOD))
    assert forged.ended_by is ForgingEnd.PROPOSED
    assert [bool(attempt.problems) for attempt in forged.attempts] == [False, True, False]
    assert "must return 5" in writer.asked[-1][1] or "can't see failed" in writer.asked[-1][1]
    assert "This is answer 2." in writer.asked[-1][1]


def test_one_that_is_never_right_ends_by_name_and_every_answer_is_kept(box):
    wrong = [told_function(f"{BUGGY}# {number}\n") for number in range(4)]
    forged, _ = run(box, told_spec(), *wrong)
    assert forged.ended_by is ForgingEnd.NEVER_RIGHT
    assert forged.source is None
    assert len(forged.attempts) == 5
    assert all(attempt.problems for attempt in forged.attempts[1:])


def test_the_same_wrong_answer_again_is_not_run_again(box):
    forged, writer = run(box, told_spec(), *[told_function(BUGGY)] * 4)
    assert [attempt.problems for attempt in forged.attempts[2:]] == [("it is the same function as before",)] * 3
    # What is wrong with it is told again, for its writer sees the last answer alone.
    assert "it is the same function as before" in writer.asked[-1][1]
    assert "must return" in writer.asked[-1][1] or "can't see failed" in writer.asked[-1][1]


def test_a_writer_without_a_spec_ends_by_name_and_nothing_runs():
    class NoBox:
        """A fake sandbox in which nothing may come to run."""

        def run(self, *_, **__):
            raise AssertionError

    forged, _ = run(NoBox(), "I can't.", "{}", "", "x" * 100_000)
    assert forged.ended_by is ForgingEnd.NO_SPEC
    assert max(len(attempt.answer) for attempt in forged.attempts) == 20_000


def test_time_and_a_writer_that_breaks_off_end_it_by_name(box):
    clock = itertools.count(0, 400)
    forged, _ = run(box, told_spec(), told_function(BUGGY), told_function(GOOD), elapsed=lambda: next(clock))
    assert forged.ended_by is ForgingEnd.NO_TIME
    assert len(forged.attempts) == 2
    forged, _ = run(box, told_spec())
    assert forged.ended_by is ForgingEnd.WRITER_FAILED
    assert "no further answer" in forged.failure


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("I can't.", "no function in a"),
        ("```python\n\n```", "no function in a"),
        (f"```python\n{GOOD}```\n```json\n[tree]\n```", "your tests are no JSON"),
        (f'```python\n{GOOD}```\n```json\n{{"text": 2}}\n```', "your tests must be a list"),
        (told_function(GOOD, ({"word": "tree"}, 2)), "arguments of your test: 'text' is missing"),
        (told_function(GOOD, ({"text": "tree"}, "2")), "result of your test must be integer"),
    ],
)
def test_an_answer_that_is_none_is_refused_before_anything_runs(box, answer, told):
    forged, _ = run(box, told_spec(), answer, config=Forge(attempts=1))
    assert told in forged.attempts[-1].problems[0]
    assert forged.tried is None


def test_a_function_without_a_fence_is_read_too(box):
    assert run(box, told_spec(), GOOD)[0].ended_by is ForgingEnd.PROPOSED


def test_what_a_process_tells_is_believed_no_further_than_its_form():
    class FakeBox:
        """A fake sandbox that runs nothing: it says what a process that was taken over might print."""

        def run(self, program, *, stdin, limits):
            lines = [
                b"hello",
                b"[1]",
                b'{"result": 7}',
                b'{"result": "7"}',
                b'{"error": "x"}',
                b'{"memory_bytes": "all"}',
            ]
            return Ran(
                stdout=b"\n".join(lines), stderr=b"", exit_code=0, ended_by=EndedBy.EXIT, seconds=0.0,
                posture="fake",
            )  # fmt: skip

    called = call_each(FakeBox(), "", "f", [{}] * 5, limits_for(5, call_seconds=1, memory_mb=64))
    # What is no sound line leaves the last calls without an outcome: none is taken for another's.
    assert [outcome.result for outcome in called.outcomes].count("7") == 1
    assert sum(bool(outcome.error) for outcome in called.outcomes) == 4
    assert called.memory_bytes == 0


def test_results_are_compared_as_json_and_fractions_to_their_last_bits(box):
    source = 'def count_vowels(text: str) -> list:\n    return [{"a": 0.1 + 0.2, "b": (1, 2.0)}]\n'
    examples = [{"arguments": {"text": one}, "result": [{"a": 0.3, "b": [1, 2]}]} for one in "abc"]
    forged, _ = run(box, told_spec(returns={"type": "array"}, examples=examples), told_function(source))
    assert forged.ended_by is ForgingEnd.PROPOSED


def test_half_a_character_in_an_answer_is_kept_as_text(box):
    forged, _ = run(box, told_spec() + "\ud800", told_function(GOOD))
    assert forged.ended_by is ForgingEnd.PROPOSED


def test_what_else_is_objected_to_a_source_is_told(box):
    objects = {"objection": lambda text: "it holds a secret" if "def " in text else ""}
    forged, _ = run(box, told_spec(), *[told_function(GOOD)] * 4, **objects)
    assert forged.attempts[1].problems == ("it holds a secret",)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def count_vowels(text: str) -> int:\n    while True:\n        pass\n", "too long"),
        ("def count_vowels(text: str) -> int:\n    return len('x' * 10**9)\n", "MemoryError"),
        ("def count_vowels(text: str) -> int:\n    return count_vowels(text)\n", "RecursionError"),
        ("def count_vowels(text: str) -> int:\n    return str(text)\n", "must be integer"),
        ("def count_vowels(text: str) -> int:\n    return {1, 2}\n", "not JSON serializable"),
        ("def count_vowels(text: str) -> int:\n    return -1\n", "minimum 0"),
        (f"def count_vowels(text: str) -> int:\n    return 'x' * {MOST_LETTERS}\n", "characters"),
        ("def count_vowels(text: str) -> float:\n    return float('nan')\n", "ValueError"),
    ],
)
def test_a_function_that_does_harm_within_its_box_fails_and_says_how(box, source, told):
    forged, _ = run(box, told_spec(), told_function(source), config=Forge(attempts=1, call_seconds=0.1))
    assert forged.ended_by is ForgingEnd.NEVER_RIGHT
    assert any(told in problem for problem in forged.attempts[-1].problems), forged.attempts[-1].problems


def test_one_that_is_not_pure_although_it_says_so_is_found_by_running_it_twice(box):
    # The order of a set of texts differs from process to process.
    source = (
        "def count_vowels(text: str) -> int:\n    if text in ('q', 'r', 's'):\n        return 1\n"
        "    return sum(place**3 * ord(one) for place, one in enumerate(set('abcdefghijklmnopqrstuvwxyz')))\n"
    )
    examples = [{"arguments": {"text": letter}, "result": 1} for letter in "qrs"]
    forged, _ = run(box, told_spec(examples=examples), told_function(source), config=Forge(attempts=1))
    assert any("same twice" in problem for problem in forged.attempts[-1].problems)


def test_one_that_says_it_is_not_pure_is_held_to_the_form_of_its_results(box):
    source = "import random\ndef count_vowels(text: str) -> int:\n    return random.randint(0, 9)\n"
    forged, _ = run(box, told_spec(pure=False), told_function(source))
    assert forged.ended_by is ForgingEnd.PROPOSED
    assert not forged.spec.pure
    # Nobody may take that for more: nothing was held against what the examples say.
    names = [test.name for test in forged.tried.tests]
    assert sum(name.startswith("form of ") for name in names) == 4
    assert not any(name.startswith(("example", "hidden")) for name in names)


def test_one_that_says_it_is_not_pure_and_is_can_t_evade_its_examples(box):
    source = "def count_vowels(text: str) -> int:\n    return 0\n"
    forged, _ = run(box, told_spec(pure=False), told_function(source), config=Forge(attempts=1))
    assert forged.ended_by is ForgingEnd.NEVER_RIGHT
    assert "is not pure, and nothing in it" in forged.attempts[-1].problems[0]


def test_a_number_that_no_fraction_can_be_is_another_one_and_ends_nothing(box):
    source = "def count_vowels(text: str) -> float:\n    return 0.5\n"
    examples = [{"arguments": {"text": one}, "result": 10**400} for one in "abc"]
    answer = told_spec(returns={"type": "number"}, examples=examples)
    forged, _ = run(box, answer, told_function(source), config=Forge(attempts=1))
    assert "it returned 0.5" in forged.attempts[-1].problems[0]


def test_a_result_that_is_no_json_is_a_fault_and_no_word_on_the_arguments(box):
    for value in ("float('nan')", "{1}"):
        (outcome,) = call(box, f"def count_vowels(text: str) -> float:\n    return {value}\n", {"text": ""})
        assert (outcome.kind, outcome.has_no_answer) == ("NoJSON", False)
    (outcome,) = call(box, "def count_vowels(text: str) -> int:\n    return int('x')\n", {"text": ""})
    assert outcome.has_no_answer


def test_half_a_character_in_an_error_can_be_kept(box):
    (outcome,) = call(box, "def count_vowels(text: str) -> int:\n    raise KeyError(chr(0xD800))\n", {"text": ""})
    assert outcome.kind == "KeyError"
    (outcome,) = call(box, "def count_vowels(text: str) -> int:\n    raise ValueError(chr(0xD800))\n", {"text": ""})
    assert outcome.error == "ValueError: ?"


def test_a_box_that_breaks_midway_ends_it_by_name_and_every_answer_is_kept():
    class BrokenBox:
        """A fake sandbox that can't be built."""

        def run(self, *_, **__):
            raise SandboxError("the box could not be built.", next_step="Try again.")

    forged, _ = run(BrokenBox(), told_spec(), told_function(GOOD))
    assert forged.ended_by is ForgingEnd.NO_SANDBOX
    assert [attempt.asked_for for attempt in forged.attempts] == ["spec", "function"]
    assert forged.attempts[-1].answer == told_function(GOOD)
    assert forged.broken.message == "the box could not be built."


def test_what_is_objected_to_a_spec_is_told_before_a_function_is_asked_for(box):
    answers = [told_spec(description="Calls ann."), told_spec()]
    objects = {"objection": lambda text: "it names somebody" if "ann" in text else ""}
    forged, _ = run(box, *answers, told_function(GOOD), **objects)
    assert forged.attempts[0].problems == ("it names somebody",)
    assert forged.ended_by is ForgingEnd.PROPOSED


@pytest.mark.parametrize(
    "way", ["import os", "__import__", "open", "dunder", "module behind a module", "frame of a generator"]
)
def test_what_would_pass_the_static_check_gets_no_further_in_the_sandbox(box, way, monkeypatch):
    # The first wall is taken down: what stands behind it must hold alone.
    monkeypatch.setattr(forge, "check_source", lambda source, spec: Checked(problems=()))
    source = ESCAPES[way].replace("def f(", "def count_vowels(")
    forged, _ = run(box, told_spec(), told_function(source), config=Forge(attempts=1))
    assert forged.ended_by is ForgingEnd.NEVER_RIGHT
    assert checking.check_source(source, forged.spec).problems


def test_a_tool_that_takes_over_the_program_around_it_still_knows_no_expected_result(box):
    # As if it had found a way to the channel: it tells a result for every call, and can only guess.
    lie = json.dumps({"result": "2"})
    source = (
        "held = [k for k in ().__class__.__base__.__subclasses__() if k.__name__ == '_wrap_close'][0]"
        ".__init__.__globals__\n"
        f"held['write'](3, b'{lie}\\n' * 50)\n"
        "def count_vowels(text: str) -> int:\n    return 7\n"
    )
    # The lie arrives, instead of what the function returns; and it is the same for every call.
    results = [outcome.result for outcome in call(box, source, {"text": "tree"}, {"text": ""})]
    assert results == ["2", "2"]
    spec = hide_some(read_spec(told_spec()))
    tried = try_source(spec, source, (), box, QUICK, seed=0)
    passed = {test.name.partition("example")[2] for test in tried.tests if test.passed and "example" in test.name}
    assert passed == {" 1 (spec)"}
    assert not tried.passed


def test_each_call_has_an_outcome_however_the_process_ends(box):
    source = (
        "def count_vowels(text: str) -> int:\n    if text == 'end':\n        raise SystemExit\n    return len(text)\n"
    )
    outcomes = call(box, source.replace("SystemExit", "KeyError(1)"), {"text": "a"}, {"text": "end"}, {"text": "bb"})
    assert [outcome.result for outcome in outcomes] == ["1", None, "2"]
    hanging = "def count_vowels(text: str) -> int:\n    while text == 'end':\n        pass\n    return len(text)\n"
    outcomes = call(box, hanging, {"text": "a"}, {"text": "end"}, {"text": "bb"}, seconds=0.1)
    assert [bool(outcome.error) for outcome in outcomes] == [False, True, True]


def test_a_spec_of_another_name_is_no_other_function(box):
    forged, _ = run(box, told_spec(name="vowels_of"), told_function(GOOD), config=Forge(attempts=1))
    assert "one public function, vowels_of" in forged.attempts[-1].problems[0]
    assert read_spec(told_spec()).digest != read_spec(told_spec(name="vowels_of")).digest
    assert SPEC["name"] == "count_vowels"
