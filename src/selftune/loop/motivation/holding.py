"""The dialogue about a goal: as any dialogue is held, within what the day has left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from selftune.loop.motivation.keeping import End
from selftune.records import Trigger

if TYPE_CHECKING:
    from selftune.loop.dialogues.held import Held
    from selftune.loop.opened import Project
    from selftune.personas.base import Toolbox, Voice
    from selftune.personas.motivator.budget import Spent
    from selftune.personas.motivator.goals import Goal
    from selftune.personas.motivator.noticed import Noticed
    from selftune.records import Codex


@dataclass(frozen=True, kw_only=True)
class Lying:
    """A dialogue about a goal that a crash broke off, with its goal's words."""

    task_id: str
    text: str


class Holder(Protocol):
    """Holds the dialogues about goals."""

    def hold(self, project: Project, prompt: str, task_id: str, left: Spent) -> End:
        """Hold one to its end, or go on with the unfinished one of this task; what was said is in the log.

        An unfinished one that can't be gone on with is ended as it is.

        Raises:
            SelftuneError: it could not be held.
        """
        ...

    def lying(self, project: Project) -> tuple[Lying, ...]:
        """Dialogues about goals that lie unfinished, oldest first."""
        ...

    def propose(self, project: Project, codex: Codex, noticed: Noticed, seed: int) -> Goal | None:
        """What the model would like to think about; None where it proposes nothing.

        Raises:
            ServingError: it does not answer.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class InDialogue:
    """Holds them with the personas of the codex.

    Attributes:
        voice: Who speaks; None: what serves, or what `[personas]` names.
        toolbox: What may be called; None: the tools that were approved, as in every dialogue.
        learn_script: Whether what a script says may be learnt from.
    """

    voice: Voice | None = None
    toolbox: Toolbox | None = None
    learn_script: bool = False

    def hold(self, project: Project, prompt: str, task_id: str, left: Spent) -> End:
        """As the protocol says.

        Raises:
            IntegrityError: the codex in the file is not the one in force, or nothing serves.
            LockedError: another dialogue is being held here.
        """
        from selftune.loop.dialogues.holding import end_unfinished, hold, limits_of, why_not_on
        from selftune.personas.scripted import ScriptedVoice

        why = why_not_on(project, task_id, scripted=isinstance(self.voice, ScriptedVoice))
        if why:
            return _end_of(end_unfinished(project, task_id, why=why))
        usual = limits_of(project)
        limits = replace(usual, tokens=min(usual.tokens, left.tokens), seconds=min(usual.seconds, left.seconds))
        held = hold(
            project,
            prompt,
            trigger=Trigger.MOTIVATOR,
            task_id=task_id,
            voice=self.voice,
            toolbox=self.toolbox,
            limits=limits,
            learn_script=self.learn_script,
        )
        return _end_of(held)

    def lying(self, project: Project) -> tuple[Lying, ...]:
        """As the protocol says.

        Raises:
            LockedError: another dialogue is being held here.
        """
        from selftune.loop.dialogues.holding import unfinished

        return tuple(
            Lying(task_id=one.task_id, text=one.opening[-1].content)
            for one in unfinished(project)
            if one.trigger is Trigger.MOTIVATOR
        )

    def propose(self, project: Project, codex: Codex, noticed: Noticed, seed: int) -> Goal | None:
        """As the protocol says: the first voice of the codex is asked."""
        from selftune.loop.dialogues.voices import cast_of
        from selftune.personas.dialogue.base import choose_voices
        from selftune.personas.motivator.proposing import propose

        (persona, *_), _ = choose_voices(codex)
        return propose(self.voice or cast_of(project, codex), codex, persona, noticed, seed)


def _end_of(held: Held) -> End:
    not_kept = f"Not in the log: {held.not_kept}" if held.not_kept else ""
    return End(
        ended_by=held.ended_by.value,
        interaction_id=held.interaction or "",
        tokens=held.tokens,
        seconds=held.seconds,
        told=tuple(filter(None, (held.problem, not_kept))),
    )
