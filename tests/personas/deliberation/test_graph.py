"""A deliberation ends for whatever reason with that reason, and with every turn that was spoken until then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.codex.reading import load_codex
from selftune.errors import ServingError
from selftune.personas.checkpoints import IN_MEMORY, open_checkpoints
from selftune.personas.deliberation.base import Matter, Outcome, seat
from selftune.personas.deliberation.form import NONE
from selftune.personas.deliberation.graph import Proceeding, deliberate
from selftune.personas.dialogue.base import Company, Limits, Setting
from selftune.personas.scripted import Line, ScriptedVoice

pytestmark = pytest.mark.needs("graph")

CODEX = load_codex("brick_robin")
TURNS = [Line(text=text) for text in ("For.", "Against.", "For still.", "Against still.", NONE)]

BROKE = ServingError("it broke.", next_step="Mend it.")


class Failing(ScriptedVoice):
    """A script whose turn of this number fails: a fake."""

    def __init__(self, lines, number, error):
        super().__init__(lines)
        self._left, self._error = number, error

    def speak(self, call, heard):
        self._left -= 1
        if self._left < 0:
            raise self._error
        return super().speak(call, heard)


def held(voice, limits=Limits(), ticks=0.0):  # noqa: B008 - frozen
    """A deliberation on nothing, by a clock that goes on by so many seconds each time it is asked."""
    times = iter(range(10**6))
    bench = seat(CODEX)
    setting = Setting(
        codex=CODEX, voices=(bench.speaks_for, bench.speaks_against), governor=bench.writes,
        opening=(), seed=1, limits=limits,
    )  # fmt: skip
    matter = Matter(told="They differ.", places=("identity.text",), passages=())
    proceeding = Proceeding(matter=matter, bench=bench, setting=setting, check=lambda _: None)
    with open_checkpoints(IN_MEMORY) as checkpoints:
        checkpoints.begin("one", "{}")
        return deliberate("one", proceeding, Company(voice=voice, elapsed=lambda: next(times) * ticks), checkpoints)


def by_persona(lines):
    """Lines in which each persona says its own in order, as the deliberation calls them."""
    bench = seat(CODEX)
    order = (bench.speaks_for, bench.speaks_against, bench.speaks_for, bench.speaks_against, bench.writes)
    return [replace(line, persona=persona.name) for line, persona in zip(lines, order, strict=True)]


def test_both_sides_speak_in_turn_and_the_governor_writes():
    done = held(ScriptedVoice(by_persona(TURNS)))
    assert (done.outcome, done.wanted, done.problem) == (Outcome.NOTHING, None, "")
    assert [turn.message.persona for turn in done.turns] == ["BRICK", "ROBIN", "BRICK", "ROBIN", "ALFRED"]
    assert done.tokens > 0


@pytest.mark.parametrize(
    ("voice", "options", "outcome", "turns", "problem"),
    [
        (Failing(by_persona(TURNS), 2, BROKE), {}, Outcome.FAILED, 2, str(BROKE)),
        (Failing(by_persona(TURNS), 3, KeyboardInterrupt()), {}, Outcome.INTERRUPTED, 3, ""),
        (ScriptedVoice([Line(text=" ")] * 9), {}, Outcome.EMPTY, 0, "BRICK said nothing, twice."),
        (ScriptedVoice(by_persona(TURNS)), {"limits": Limits(tokens=1)}, Outcome.LIMIT, 1, ""),
        (ScriptedVoice(by_persona(TURNS)), {"limits": Limits(seconds=2.5), "ticks": 1.0}, Outcome.LIMIT, 3, ""),
    ],
    ids=["failed", "interrupted", "empty", "tokens", "seconds"],
)  # fmt: skip
def test_what_ends_it_early_is_said(voice, options, outcome, turns, problem):
    done = held(voice, **options)
    assert (done.outcome, len(done.turns), done.problem, done.wanted) == (outcome, turns, problem, None)
