"""`selftune ask`: one question to what serves, kept in the log like any other exchange."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from selftune.errors import MissingFileError, ServingError, UsageError
from selftune.interactions.reading.assemble import find_state, said_by_assistant
from selftune.loop.dialogues.keeping import keep_exchange
from selftune.loop.dialogues.serving import wake_server
from selftune.loop.motivation.idleness import note_visit
from selftune.loop.releasing.service import serving_release
from selftune.records import Interaction, Message, Trigger, digest_of

if TYPE_CHECKING:
    from selftune.loop.project import Project


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the model in service said.

    Attributes:
        interaction: Its id in the log; None when it was not kept.
        not_kept: Why it could not be kept although it should have been; an answer is not lost for that.
        problem: Why the release before answers instead of the newest one.
    """

    text: str
    version: str
    interaction: str | None
    not_kept: str | None = None
    problem: str | None = None


def ask_champion(project: Project, question: str, *, system: str, keep: bool) -> Reply:
    """Ask, and keep the exchange unless told not to.

    Raises:
        UsageError: there is nothing to ask.
        ServingError: the model in service does not answer.
        WaitingForPersonError: it does not serve, and all work here is stopped.
    """
    if not question.strip():
        raise UsageError("there is nothing to ask.", next_step='Type a question: selftune ask "Hello!"')
    note_visit(project.hidden)
    messages = (*_system(system), Message(role="user", content=question))
    release = serving_release(project)
    live, status = wake_server(project)
    text = live.chat(messages)
    if not text.strip():
        raise ServingError("the model gave an empty answer.", next_step="Ask again, or run `selftune rollback`.")
    # What answered, by its own word: after a failure it may be the release before.
    answered_by = status.build_digest or release.build_digest
    reply = Reply(text=text, version=status.version or release.version, interaction=None, problem=status.problem)
    if not keep:
        return reply
    return _kept(reply, project, messages, answered_by)


def _system(text: str) -> tuple[Message, ...]:
    if not text:
        return ()
    if not text.startswith("@"):
        return (Message(role="system", content=text),)
    path = Path(text[1:])
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Check the path behind --system @.")
    return (Message(role="system", content=path.read_text(encoding="utf-8")),)


def _kept(reply: Reply, project: Project, messages: tuple[Message, ...], build_digest: str) -> Reply:
    """The reply with its place in the log; the door may hold the exchange back."""
    context = project.context()
    salt = context.draw_salt()
    message, flags = said_by_assistant(reply.text)
    name = digest_of([salt, messages]).removeprefix("sha256:")[:16]
    interaction = Interaction(
        salt=salt,
        conversation=f"ask-{name}",
        task_id=f"ask-{name}",
        trigger=Trigger.USER,
        messages=(*messages, message),
        source="ask",
        position=name,
        state=find_state(messages),
        generated_by=build_digest,
        author_is_owner=True,
        flags=flags,
        happened_at=context.now(),
    )
    kept = keep_exchange(project, interaction)
    return replace(reply, interaction=kept.interaction, not_kept=kept.not_kept)
