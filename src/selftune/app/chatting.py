"""`selftune chat` and `selftune ask --persona`: what is typed, held as dialogues one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.plain import one_line
from selftune.errors import LockedError
from selftune.loop.dialogues.holding import CHAT, end_unfinished, hold, resume, unfinished
from selftune.loop.dialogues.outset import new_name
from selftune.loop.dialogues.session import Earlier, remember
from selftune.loop.ejected import codex_of
from selftune.loop.forging.listening import name_of
from selftune.loop.motivation.idleness import note_visit
from selftune.personas.dialogue.base import DYAD, WHOLE, Ending, choose_voices
from selftune.personas.scripted import read_script
from selftune.toolforge.gaps import find_gaps

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.dialogues.held import Held
    from selftune.loop.project import Project
    from selftune.personas.base import Voice
    from selftune.personas.dialogue.base import Listener

INTERRUPTED: Final = 130
"""What a command ends with that Ctrl-C ended, as shells have it."""

_EXIT: Final = {
    Ending.FAILED: 8,
    Ending.EMPTY: 8,
    Ending.TIME: 7,
    Ending.TOKENS: 7,
    Ending.INTERRUPTED: INTERRUPTED,
}
_WORDS: Final = 120


@dataclass(frozen=True, kw_only=True)
class ChatWishes:
    """What a person asked for.

    Attributes:
        script: A file whose lines are said instead of any model's; `learn_script` lets them be learnt from.
    """

    persona: str = DYAD
    keep: bool = True
    script: Path | None = None
    learn_script: bool = False


class Chat:
    """What is typed in one go: each dialogue knows what was said in those before it.

    Raises:
        UnknownNameError: nobody of that name speaks here.
        UsageError: a person plays it, or nobody is left who answers.
    """

    def __init__(self, project: Project, wishes: ChatWishes, heard: Listener | None = None) -> None:
        self._project = project
        self._wishes = wishes
        self._heard = heard
        choose_voices(codex_of(project.folder, project.config), wishes.persona)
        self._voice: Voice | None = None if wishes.script is None else read_script(wishes.script)
        # Whatever the system talks about by itself ends now.
        note_visit(project.hidden)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what was said; it stays in the log."""
        self._earlier = Earlier(session=new_name(CHAT))

    def say(self, text: str) -> Held:
        """Hold a dialogue on what the person said; errors as `hold`."""
        held = hold(
            self._project,
            text,
            persona=self._wishes.persona,
            voice=self._voice,
            heard=self._heard,
            keep=self._wishes.keep,
            earlier=self._earlier,
            learn_script=self._wishes.learn_script,
        )
        if held.ended_by in WHOLE:
            self._earlier = remember(self._earlier, text, held)
        return held

    def resume(self, name: str) -> Held:
        """Go on with an unfinished dialogue; errors as `holding.resume`."""
        return resume(self._project, name, voice=self._voice, heard=self._heard)


def end_dialogue(project: Project, name: str) -> Held:
    """Keep what was said in an unfinished dialogue, and end it there; errors as `holding.end_unfinished`."""
    return end_unfinished(project, name)


def tell_unfinished(project: Project) -> tuple[str, ...]:
    """That dialogues lie unfinished here and what can be done about them, or that one is held; else nothing."""
    try:
        found = unfinished(project)
    except LockedError:
        return ("Another dialogue is being held here: what you type waits for its end, a minute at most.",)
    if not found:
        return ()
    newest = found[-1]
    many = "An unfinished dialogue lies" if len(found) == 1 else f"{len(found)} unfinished dialogues lie"
    return (
        f"{many} here; the newest is {newest.thread}, begun {newest.happened_at}.",
        "Go on with it: selftune chat --resume. Keep what was said and end it: selftune chat --end.",
    )


def tell_end(held: Held) -> tuple[str, ...]:
    """How a dialogue ended, where that is not just that it was answered; and what a turn said is missing."""
    return (*_ends(held), *_lacks(held))


def exit_code_of(held: Held) -> int:
    """What the command ends with."""
    return _EXIT.get(held.ended_by, 0)


def _lacks(held: Held) -> tuple[str, ...]:
    """The first gap that a turn named, and what to type about it; nothing where the exchange is not in the log."""
    gaps = find_gaps([turn.message for turn in held.turns])
    if not gaps or held.interaction is None:
        return ()
    words, name = one_line(gaps[0].words), name_of(held.interaction, gaps[0])
    return (f"A tool is missing: {words[:_WORDS]}. Have it written: selftune tool forge {name}",)


def _height(scores: tuple[float | None, ...]) -> str:
    """The highest dissonance and the last one; what was not measured is no 0."""
    measured = [score for score in scores if score is not None]
    if not measured:
        return ""
    last = "not measured" if scores[-1] is None else f"{scores[-1]:.2f}"
    return f"; dissonance {max(measured):.2f} at the highest, {last} at the end"


def _ends(held: Held) -> list[str]:
    told = []
    if held.rose or held.ended_by not in {Ending.ANSWERED, Ending.AGREED}:
        height = _height(held.dissonance)
        told.append(f"({held.ended_by.value}{height})")
    if held.problem:
        told.append(held.problem)
    told += held.notes
    if held.not_kept:
        told.append(f"Not in the log: {held.not_kept}")
    return told
