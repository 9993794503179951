"""The deliberation as a graph: one argues for, one against, each answers once, one writes; what is unfit goes back.

As with every dialogue, a checkpoint holds numbers alone, and a turn is written down before its step is: whatever dies
between two steps goes on where the two agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypedDict

from selftune.errors import ServingError, UsageError
from selftune.failpoints import reach
from selftune.interrupts import acting_at_once, asked_to_stop
from selftune.personas.deliberation.base import Deliberated, Outcome
from selftune.personas.deliberation.form import FORM, NONE, read_form
from selftune.personas.dialogue.script import Script
from selftune.personas.dialogue.speaking import Wanted as WantedTurn
from selftune.personas.dialogue.speaking import speak_turn
from selftune.records import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.personas.checkpoints import Checkpoints
    from selftune.personas.deliberation.base import Bench, Matter
    from selftune.personas.deliberation.form import Wanted
    from selftune.personas.dialogue.base import Company, Setting, Turn
    from selftune.records import Persona

GRAPH_VERSION: Final = 1
"""Counts up when an unfinished deliberation of before could not go on in the graph of today."""

MOST_WRITINGS: Final = 3
_FOR: Final = "Argue for a change of the codex that would end this conflict: say which place, and what it should say."
_AGAINST: Final = "Argue against that change: say what would be lost by it, and how else the conflict could end."
_ANSWER: Final = "Answer what was just said, in a few sentences; say where it is right."
_WRITE: Final = f"Weigh both sides. If the codex should be changed, write exactly this form and nothing else:\n{FORM}\n\nIf not, write only: {NONE}"  # noqa: E501 - one message


class State(TypedDict):
    """Where a deliberation stands; nothing of what was said."""

    turns: int
    writings: int
    tokens: int
    seconds: float
    ended: str


_BEGINNING: Final = State(turns=0, writings=0, tokens=0, seconds=0.0, ended="")


@dataclass(frozen=True, kw_only=True)
class Proceeding:
    """What is fixed when it begins; `check` raises `UsageError` for a proposal that can't be carried out."""

    matter: Matter
    bench: Bench
    setting: Setting
    check: Callable[[Wanted], None]


class _StoppedError(Exception):
    """Somebody asked to stop while a turn was being spoken."""


class _OverError(Exception):
    """The deliberation is over before its next turn."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


def deliberate(thread: str, proceeding: Proceeding, company: Company, checkpoints: Checkpoints) -> Deliberated:
    """Hold a deliberation that was begun in this file to its end, from wherever it stands there.

    What fails ends it; the reason stands in `problem`.
    """
    with asked_to_stop() as stop:
        held = _Held(Script(checkpoints, thread, company.clean), proceeding, company, stop)
        graph = _compile(held, checkpoints)
        config = {"configurable": {"thread_id": thread}, "recursion_limit": 4 * MOST_WRITINGS + 16}
        begun = bool(graph.get_state(config).values)
        state: State = graph.invoke(None if begun else _BEGINNING, config, durability="sync")
    outcome = Outcome(state["ended"])
    return Deliberated(
        turns=held.script.turns,
        wanted=held.read_last() if outcome is Outcome.PROPOSED else None,
        outcome=outcome,
        seconds=state["seconds"],
        tokens=state["tokens"],
        problem=held.problem,
    )


def _compile(held: _Held, checkpoints: Checkpoints) -> Any:
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(State)
    graph.add_node("argue", held.argue)
    graph.add_node("write", held.write)
    graph.add_node("check", held.check)
    graph.add_edge(START, "argue")
    graph.add_conditional_edges("argue", held.after_argument, {"over": END, "go on": "argue", "write": "write"})
    graph.add_conditional_edges("write", _is_over, {"over": END, "go on": "check"})
    graph.add_conditional_edges("check", _is_over, {"over": END, "go on": "write"})
    return graph.compile(checkpointer=checkpoints.saver)


def _is_over(state: State) -> str:
    return "over" if state["ended"] else "go on"


class _Held:
    """The steps of one deliberation, with whom it is held by."""

    def __init__(self, script: Script, proceeding: Proceeding, company: Company, stop: Callable[[], bool]) -> None:
        self.script = script
        self.problem = ""
        self._proceeding = proceeding
        self._company = company
        self._stop = stop
        bench = proceeding.bench
        self._speeches = (
            (bench.speaks_for, _FOR),
            (bench.speaks_against, _AGAINST),
            (bench.speaks_for, _ANSWER),
            (bench.speaks_against, _ANSWER),
        )

    def argue(self, state: State) -> dict[str, Any]:
        """The next speech, for or against."""
        persona, task = self._speeches[state["turns"]]
        return self._turn(state, persona, task)

    def after_argument(self, state: State) -> str:
        """Whether somebody argues still."""
        if state["ended"]:
            return "over"
        return "go on" if state["turns"] < len(self._speeches) else "write"

    def write(self, state: State) -> dict[str, Any]:
        """The proposal; after an unfit one, what was wrong is said first."""
        task = _WRITE
        if state["writings"]:
            task = self._fault_of(self.script.turns[state["turns"] - 1]) or _WRITE
        return self._turn(state, self._proceeding.bench.writes, task) | {"writings": state["writings"] + 1}

    def check(self, state: State) -> dict[str, Any]:
        """Whether what was written can be proposed."""
        fault = self._fault_of(self.script.turns[state["turns"] - 1])
        if not fault:
            return {"ended": (Outcome.NOTHING if self.read_last() is None else Outcome.PROPOSED).value}
        if state["writings"] < MOST_WRITINGS:
            return {}
        self.problem = fault
        return {"ended": Outcome.UNFIT.value}

    def read_last(self) -> Wanted | None:
        """What the last turn proposes."""
        return read_form(self.script.turns[-1].message.content)

    def _fault_of(self, turn: Turn) -> str:
        try:
            wanted = read_form(turn.message.content)
            if wanted is not None:
                self._proceeding.check(wanted)
        except UsageError as unfit:
            return f"{unfit.message} {unfit.next_step}"
        return ""

    def _turn(self, state: State, persona: Persona, task: str) -> dict[str, Any]:
        before = self._company.elapsed()
        try:
            turn = self._next(state, persona, task)
        except _OverError as over:
            update: dict[str, Any] = {"ended": over.outcome.value}
        else:
            update = {"turns": state["turns"] + 1, "tokens": state["tokens"] + turn.tokens}
        return update | {"seconds": state["seconds"] + self._company.elapsed() - before}

    def _next(self, state: State, persona: Persona, task: str) -> Turn:
        number = state["turns"]
        if number < len(self.script.turns):
            # It was spoken and written down, and then we died.
            return self.script.turns[number]
        limits = self._proceeding.setting.limits
        if self._stop():
            raise _OverError(Outcome.INTERRUPTED)
        if state["seconds"] >= limits.seconds or state["tokens"] >= limits.tokens:
            raise _OverError(Outcome.LIMIT)
        turn = self._spoken(state, persona, task)
        reach("deliberation-turn-spoken")
        self.script.add(turn)
        reach("deliberation-turn-kept")
        self._company.listener.spoken(turn)
        return turn

    def _spoken(self, state: State, persona: Persona, task: str) -> Turn:
        opening = Message(role="user", content=self._proceeding.matter.as_words())
        said = (opening, *(turn.message for turn in self.script.turns), Message(role="user", content=task))
        wanted = WantedTurn(
            persona=persona,
            before=said,
            number=state["turns"],
            calls_left=0,
            tokens_left=self._proceeding.setting.limits.tokens - state["tokens"],
        )
        try:
            with acting_at_once():
                # Whoever sees that a persona begins can end it from there on.
                self._company.listener.begins(persona.name)
                turn = speak_turn(wanted, self._proceeding.setting, self._company, self._heard)
        except (KeyboardInterrupt, _StoppedError) as stopped:
            raise _OverError(Outcome.INTERRUPTED) from stopped
        except ServingError as error:
            self.problem = f"{error.message} {error.next_step}"
            raise _OverError(Outcome.FAILED) from error
        if not turn.message.content:
            self.problem = f"{persona.name} said nothing, twice."
            raise _OverError(Outcome.EMPTY)
        return turn

    def _heard(self, piece: str) -> None:
        if self._stop():
            raise _StoppedError
        self._company.listener.piece(piece)
