"""One table says which loop answers which signal; none is left out and none stands twice."""

from __future__ import annotations

from selftune.loop.three_loops.signals import DECISION_TABLE, TIMESCALES, Loop, Signal, answer_to, signals_of


def test_each_signal_has_exactly_one_answer():
    assert sorted(answer.signal for answer in DECISION_TABLE) == sorted(Signal)
    assert all(answer_to(signal).signal is signal for signal in Signal)


def test_each_loop_answers_something_and_has_a_time_of_its_own():
    assert all(signals_of(loop) for loop in Loop)
    assert len(set(TIMESCALES.values())) == len(Loop)


def test_a_pattern_is_answered_by_training_and_one_case_by_nothing():
    assert answer_to(Signal.WEAKNESS).loop is Loop.STRATEGIC
    assert answer_to(Signal.LOW_ONCE).loop is None


def test_only_what_lasts_questions_the_codex_and_nothing_else_does():
    assert signals_of(Loop.PHILOSOPHICAL) == (Signal.DISSONANCE_LASTING,)
    assert answer_to(Signal.DRIFT).loop is None
    assert answer_to(Signal.CODEX_CHANGED).loop is None
