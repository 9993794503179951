"""A fake that holds no dialogue: it notes what it was asked for and says how it ended."""

from __future__ import annotations

from dataclasses import replace

from selftune.loop.motivation.keeping import End
from selftune.records import Interaction, Message, Trigger


class FakeHolder:
    """Keeps an interaction with one turn that says that a fake made it."""

    def __init__(self, *, tokens=100, seconds=6.0, lying=(), fails=None, while_held=lambda: None, proposes=None):
        self._proposes = proposes
        self.asked = []
        self.left = []
        self._tokens, self._seconds, self._lying = tokens, seconds, list(lying)
        self._fails, self._while_held = fails, while_held

    def hold(self, project, prompt, task_id, left):
        self.asked.append((task_id, prompt))
        self.left.append(left)
        self._lying = [one for one in self._lying if one.task_id != task_id]
        if self._fails is not None:
            raise self._fails
        stopped = self._while_held()
        kept = replace(
            said(prompt, trigger=Trigger.MOTIVATOR, source="motivator", position=task_id, answer="a fake's answer"),
            task_id=task_id,
        )
        interaction_id = project.store.save([kept], event="captured")[0]
        return End(
            ended_by="interrupted" if stopped else "agreed",
            interaction_id=interaction_id,
            tokens=self._tokens,
            seconds=self._seconds,
        )

    def lying(self, project):
        return tuple(self._lying)

    def propose(self, project, codex, noticed, seed):
        return self._proposes


def said(question, *, trigger=Trigger.USER, position="1", answer="An answer.", **changes):
    return Interaction(
        salt=f"salt {position}",
        conversation=f"talk {position}",
        task_id=f"task {position}",
        trigger=trigger,
        messages=(Message(role="user", content=question), Message(role="assistant", content=answer)),
        position=position,
        **{"source": "a test"} | changes,
    )
