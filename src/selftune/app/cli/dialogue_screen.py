"""A dialogue as a person sees it come: each turn behind its persona's name, word by word; measures on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.cli.screen import make_console
from selftune.app.reporting.pages.plain import one_line, plain

if TYPE_CHECKING:
    from selftune.personas.base import Dissonance
    from selftune.personas.dialogue.base import Turn
    from selftune.records import ToolCall


class DialogueScreen:
    """Shows a dialogue while it is held. Words of models are made harmless before they are shown."""

    def __init__(self) -> None:
        self._out = make_console()
        self._beside = make_console(stderr=True)
        self._heard = False

    def begins(self, persona: str) -> None:
        """Its name, before its words."""
        self._heard = False
        self._out.print(f"{one_line(persona)}: ", style="bold", end="", markup=False, emoji=False, soft_wrap=True)

    def piece(self, text: str) -> None:
        """Words as they come."""
        self._heard = True
        self._out.print(plain(text), end="", markup=False, emoji=False, soft_wrap=True)

    def called(self, call: ToolCall) -> None:
        """Which tool was called."""
        failed = " (failed)" if (call.result or "").startswith("error: ") else ""
        self._beside.print(f"[{one_line(call.name)}{failed}]", style="dim", markup=False, emoji=False, soft_wrap=True)

    def spoken(self, turn: Turn) -> None:
        """The end of its line."""
        cut = " (cut at its limit)" if "cut_short" in turn.flags else ""
        self._out.print(cut, markup=False, soft_wrap=True)

    def measured(self, dissonance: Dissonance, *, round_over: bool) -> None:
        """After each round, the dissonance and what was found."""
        if not round_over:
            return
        score = "not measured" if dissonance.score is None else f"{dissonance.score:.2f}"
        found = "; ".join(one_line(reason) for reason in dissonance.reasons)
        self._beside.print(
            f"dissonance {score}{f': {found}' if found else ''}", style="dim", markup=False, emoji=False, soft_wrap=True
        )
