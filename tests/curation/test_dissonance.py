"""Dissonance is told where it was measured, and nowhere else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from selftune.curation.card.dissonance import summarise_dissonance, tell_dissonance

SCORES = st.lists(st.floats(0, 1), max_size=6)


def test_a_dialogue_is_told_turn_by_turn():
    assert tell_dissonance((0.2, 0.75, 0.1)) == "dissonance by turn: 0.2 0.75 0.1; 0.75 at the highest, 0.1 at the end"
    assert tell_dissonance(()) == ""


def test_a_set_is_told_with_how_many_carry_a_measure():
    assert summarise_dissonance([(0.2, 0.8, 0.1), (), (0.6,)]) == (
        "Dissonance: measured in 2 of 3 lessons; in the median 0.70 at the highest and 0.35 at the end; "
        "1 of 2 end lower than they rose."
    )
    assert summarise_dissonance([(), ()]) == ""


@given(st.lists(SCORES, min_size=1))
def test_what_was_not_measured_moves_no_figure(dialogues):
    told = summarise_dissonance(dialogues)
    among = summarise_dissonance([*dialogues, ()])
    assert told.partition(" lessons")[2] == among.partition(" lessons")[2]
