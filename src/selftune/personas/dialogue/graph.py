"""The dialogue as a graph: voices speak in turn, each turn is measured, the governor asks where they are at odds.

A checkpoint after each step holds numbers alone. Whatever dies between two steps, the next start reads the numbers and
the turns that were written down, and goes on where the two agree: a turn is written down before its step is.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast

from selftune.errors import ServingError
from selftune.failpoints import reach
from selftune.interrupts import acting_at_once, asked_to_stop
from selftune.personas.dialogue.base import Ending, Spoken
from selftune.personas.dialogue.repeating import says_it_again
from selftune.personas.dialogue.script import Script
from selftune.personas.dialogue.speaking import Wanted, speak_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.runnables import RunnableConfig

    from selftune.personas.checkpoints import Checkpoints
    from selftune.personas.dialogue.base import Company, Setting, Turn
    from selftune.records import Message, Persona

GRAPH_VERSION: Final = 1
"""Counts up when an unfinished dialogue of before could not go on in the graph of today."""


class State(TypedDict):
    """Where a dialogue stands; nothing of what was said."""

    turns: int
    place: int
    rounds: int
    scores: list[float | None]
    rose: bool
    asks: bool
    tokens: int
    calls: int
    seconds: float
    ended: str


BEGINNING: Final = State(
    turns=0, place=0, rounds=0, scores=[], rose=False, asks=False, tokens=0, calls=0, seconds=0.0, ended=""
)


class _StoppedError(Exception):
    """Somebody asked to stop while a turn was being spoken."""


class _OverError(Exception):
    """The dialogue is over before its next turn."""

    def __init__(self, ending: Ending, *, tokens: int = 0) -> None:
        super().__init__(ending.value)
        self.ending = ending
        self.tokens = tokens


def hold_dialogue(thread: str, setting: Setting, company: Company, checkpoints: Checkpoints) -> Spoken:
    """Hold a dialogue that was begun in this file to its end, from wherever it stands there.

    Ctrl-C ends it in the middle of a turn, which is then none; so does a wish that `interrupts.stopped_by` names. What
    fails ends it too: the reason stands in `problem`.
    """
    with asked_to_stop() as stop:
        held = _Held(Script(checkpoints, thread, company.clean, company.find), setting, company, stop)
        graph = _graph().copy({"checkpointer": checkpoints.saver})
        # One thread writes: the steps come one after the other, so do their checkpoints.
        config: RunnableConfig = {
            "configurable": {"thread_id": thread},
            "recursion_limit": held.most_steps,
            "max_concurrency": 1,
        }
        begun = checkpoints.saver.get_tuple(config) is not None
        state: State = graph.invoke(None if begun else BEGINNING, config, context=held, durability="sync")
    return Spoken(
        turns=held.script.turns,
        scores=tuple(state["scores"]),
        rose=state["rose"],
        ending=Ending(state["ended"]),
        seconds=state["seconds"],
        tokens=state["tokens"],
        problem=held.problem,
    )


def where_it_stands(checkpoints: Checkpoints, thread: str) -> State:
    """Where a dialogue stands by its last checkpoint, which may be a turn behind; at its beginning without one."""
    found = checkpoints.saver.get_tuple({"configurable": {"thread_id": thread}})
    values = {} if found is None else found.checkpoint["channel_values"]
    return cast("State", {key: values.get(key, first) for key, first in BEGINNING.items()})


@cache
def _graph() -> Any:
    """The graph of every dialogue; which one is held comes with the call, so that it is put together once a process."""
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(State)
    graph.add_node("speak", _speak)
    graph.add_node("measure", _measure)
    graph.add_node("ask", _ask)
    graph.add_edge(START, "speak")
    graph.add_conditional_edges("speak", _after_turn, {"over": END, "go on": "measure"})
    graph.add_conditional_edges("measure", _after_measure, {"over": END, "ask": "ask", "go on": "speak"})
    graph.add_conditional_edges("ask", _after_turn, {"over": END, "go on": "speak"})
    return graph.compile()


def _speak(state: State, runtime: Any) -> dict[str, Any]:
    return _held_by(runtime).speak(state)


def _measure(state: State, runtime: Any) -> dict[str, Any]:
    return _held_by(runtime).measure(state)


def _ask(state: State, runtime: Any) -> dict[str, Any]:
    return _held_by(runtime).ask(state)


def _held_by(runtime: Any) -> _Held:
    return cast("_Held", runtime.context)


def _after_turn(state: State) -> str:
    return "over" if state["ended"] else "go on"


def _after_measure(state: State) -> str:
    return "over" if state["ended"] else "ask" if state["asks"] else "go on"


class _Held:
    """The steps of one dialogue, with whom it is held by."""

    def __init__(self, script: Script, setting: Setting, company: Company, stop: Callable[[], bool]) -> None:
        self.script = script
        self.problem = ""
        self._setting = setting
        self._company = company
        self._stop = stop
        self._found: tuple[str, ...] = ()

    @property
    def most_steps(self) -> int:
        """More steps than the rounds allow would be a fault of ours."""
        return (2 * len(self._setting.voices) + 2) * max(1, self._setting.most_rounds) + 4

    def speak(self, state: State) -> dict[str, Any]:
        """The next voice's turn."""
        return self._turn(state, self._setting.voices[state["place"]])

    def ask(self, state: State) -> dict[str, Any]:
        """The governor's question; the round begins again."""
        governor = self._setting.governor
        assert governor is not None, "nobody asks where nobody governs"  # noqa: S101 - what cannot happen
        return self._turn(state, governor, asks=True) | {"asks": False, "rounds": state["rounds"] + 1, "place": 0}

    def measure(self, state: State) -> dict[str, Any]:
        """The dissonance after a turn; after the last voice's, whether the dialogue is over."""
        before = self._company.elapsed()
        round_over = state["place"] + 1 >= len(self._setting.voices)
        score = self._measured(round_over=round_over)
        high = self._setting.codex.dissonance.high
        rose = state["rose"] or (score is not None and score >= high)
        update: dict[str, Any] = {"rose": rose, "seconds": state["seconds"] + self._company.elapsed() - before}
        if self._company.gauge is not None:
            update["scores"] = [*state["scores"], score]
        if not round_over:
            return update | {"place": state["place"] + 1}
        ended = self._ended_round(state["rounds"], score, rose=rose)
        return update | ({"ended": ended.value} if ended else {"asks": True})

    def _measured(self, *, round_over: bool) -> float | None:
        if self._company.gauge is None:
            return None
        try:
            measured = self._company.gauge.measure(self._said(), self._setting.codex)
        except ServingError as error:
            # A judge that does not answer measures nothing: that is no dissonance of 0.
            self.problem = f"the dissonance could not be measured: {error.message}"
            return None
        self._found = measured.reasons
        self._company.listener.measured(measured, round_over=round_over)
        return measured.score

    def _ended_round(self, rounds: int, score: float | None, *, rose: bool) -> Ending | None:
        """How a whole round ends the dialogue; None where the governor asks and another one begins."""
        limits = self._setting.codex.dissonance
        if self._setting.governor is None or self._company.gauge is None:
            return Ending.ANSWERED
        if score is None:
            return Ending.UNMEASURED
        if not rose:
            return Ending.AGREED
        if score < limits.resolved:
            return Ending.RESOLVED
        return Ending.ROUNDS if rounds + 1 >= self._setting.most_rounds else None

    def _turn(self, state: State, persona: Persona, *, asks: bool = False) -> dict[str, Any]:
        before = self._company.elapsed()
        try:
            turn = self._next(state, persona, asks=asks)
        except _OverError as over:
            update: dict[str, Any] = {"ended": over.ending.value, "tokens": state["tokens"] + over.tokens}
        else:
            update = self._counted(state, turn)
        return update | {"seconds": state["seconds"] + self._company.elapsed() - before}

    def _next(self, state: State, persona: Persona, *, asks: bool) -> Turn:
        number = state["turns"]
        if number < len(self.script.turns):
            # It was spoken and written down, and then we died.
            return self.script.turns[number]
        self._refuse_beyond_limits(state)
        turn = self._spoken(state, persona, asks=asks)
        reach("dialogue-turn-spoken")
        self.script.add(turn)
        reach("dialogue-turn-kept")
        self._company.listener.spoken(turn)
        return turn

    def _refuse_beyond_limits(self, state: State) -> None:
        limits = self._setting.limits
        if self._stop():
            raise _OverError(Ending.INTERRUPTED)
        if state["seconds"] >= limits.seconds:
            raise _OverError(Ending.TIME)
        if state["tokens"] >= limits.tokens:
            raise _OverError(Ending.TOKENS)

    def _spoken(self, state: State, persona: Persona, *, asks: bool) -> Turn:
        limits = self._setting.limits
        wanted = Wanted(
            persona=persona,
            before=self._said(),
            number=state["turns"],
            calls_left=limits.calls - state["calls"],
            tokens_left=limits.tokens - state["tokens"],
            asks=asks,
            found=self._found,
        )
        try:
            # Nothing is half done while a persona speaks, so Ctrl-C need not wait for it.
            with acting_at_once():
                # Whoever sees that a persona begins can end it from there on.
                self._company.listener.begins(persona.name)
                turn = speak_turn(wanted, self._setting, self._company, self._heard)
        except (KeyboardInterrupt, _StoppedError) as stopped:
            raise _OverError(Ending.INTERRUPTED) from stopped
        except ServingError as error:
            self.problem = f"{error.message} {error.next_step}"
            raise _OverError(Ending.FAILED) from error
        if not (turn.message.content or turn.message.tool_calls):
            self.problem = f"{persona.name} said nothing, twice."
            raise _OverError(Ending.EMPTY, tokens=turn.tokens)
        return turn

    def _heard(self, piece: str) -> None:
        if self._stop():
            raise _StoppedError
        self._company.listener.piece(piece)

    def _said(self) -> tuple[Message, ...]:
        return (*self._setting.opening, *(turn.message for turn in self.script.turns))

    def _counted(self, state: State, turn: Turn) -> dict[str, Any]:
        number = state["turns"]
        update: dict[str, Any] = {
            "turns": number + 1,
            "tokens": state["tokens"] + turn.tokens,
            "calls": state["calls"] + len(turn.message.tool_calls),
        }
        if not turn.message.content:
            # What it called was called: that stands in the log, though nothing was said about it.
            self.problem = f"{turn.message.persona} said nothing, twice."
            update["ended"] = Ending.EMPTY.value
        elif says_it_again(turn, self.script.turns[:number]):
            self.problem = f"{turn.message.persona} said again what it had said before."
            update["ended"] = Ending.REPEATED.value
        return update
