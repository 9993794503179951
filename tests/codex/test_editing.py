"""One place of a codex's file is changed, and every other byte of its meaning stays; comments stay too."""

from __future__ import annotations

import pytest

from selftune.codex.changes import changes
from selftune.codex.editing import places_to_edit, with_change
from selftune.codex.reading import CODICES, parse_codex
from selftune.errors import ConfigError, UnknownNameError

NUMBERS = {"dissonance.high": "0.75", "dissonance.resolved": "0.125", "dissonance.most_rounds": "4"}


@pytest.mark.parametrize("name", CODICES.names())
def test_place_of_a_shipped_codex_can_be_changed_and_nothing_else_changes(name):
    text = CODICES.text(name)
    codex = parse_codex(text, name)
    places = places_to_edit(codex)
    assert "identity.text" in places
    # Every kind of place once: an editor that keeps comments takes its time.
    for place in {place.rpartition(".")[2]: place for place in places}.values():
        new = NUMBERS.get(place, "2.5" if place.endswith(".weight") else "Something else, said once.")
        (change,) = changes(codex, parse_codex(with_change(text, place, new), name))
        assert (change.where, change.after) == (place, new)


def test_comments_stay():
    text = CODICES.text("brick_robin")
    changed = with_change(text, "identity.text", "Two.")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments
    assert [line for line in changed.splitlines() if line.startswith("#")] == comments


@pytest.mark.parametrize("place", ["identity.forbidden", "identity.amendable", "name", "personas.nobody.text", "", "."])
def test_place_that_nobody_may_edit_so_is_unknown(place):
    with pytest.raises(UnknownNameError):
        with_change(CODICES.text("brick_robin"), place, "x")


@pytest.mark.parametrize(
    ("place", "new"), [("dissonance.high", "much"), ("dissonance.high", "7"), ("identity.text", " ")]
)
def test_what_makes_no_sound_codex_is_refused(place, new):
    with pytest.raises(ConfigError):
        with_change(CODICES.text("brick_robin"), place, new)
