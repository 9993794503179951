"""What is written down when a dialogue begins, so that it can go on after anything."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.codex.reading import reference_to
from selftune.errors import IntegrityError, UsageError
from selftune.personas.dialogue.base import Limits  # noqa: TC001 - msgspec reads the annotations while it runs
from selftune.personas.dialogue.graph import GRAPH_VERSION
from selftune.records import GenerationParameters, Message, Rejected, Trigger  # noqa: TC001 - as above

if TYPE_CHECKING:
    from selftune.personas.checkpoints import Begun

MOTIVATOR: Final = "motivator"
"""Source of a dialogue that the system held about a goal of its own."""
_NAME_BYTES: Final = 8


@dataclass(frozen=True, kw_only=True)
class Outset:
    """The beginning of a dialogue.

    Attributes:
        version: Of the graph it is held in.
        persona: `dyad`, or the one that answers alone.
        governor: Whose turns are no answers; empty for nobody.
        opening: What was said before its first turn, as it may be kept.
        salt: Of the interaction that it becomes, so that it becomes the same one twice.
        session: Names what is typed one after the other in one chat; empty for a dialogue of its own.
        scripted: Whether a script speaks; `learnt` says that it may be learnt from nevertheless.
        dissonance: Of the dialogues before it in the session, by turn; None once it could not be measured. `flags` are
            theirs, and `rejected` what was not let through in them, at its place in the opening.
        found: Kinds of secrets that were taken out of what is written down here.
    """

    version: int = GRAPH_VERSION
    thread: str
    task_id: str
    source: str
    trigger: Trigger
    codex_id: str
    persona: str
    governor: str
    opening: tuple[Message, ...]
    parameters: GenerationParameters
    limits: Limits
    seed: int
    salt: str
    happened_at: str
    session: str = ""
    scripted: bool = False
    learnt: bool = False
    dissonance: tuple[float, ...] | None = ()
    flags: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    found: tuple[str, ...] = ()


def new_name(source: str) -> str:
    """A name that no dialogue has."""
    return f"{source}-{secrets.token_hex(_NAME_BYTES)}"


def outset_text(outset: Outset) -> str:
    """The outset as it is written down."""
    import msgspec

    return msgspec.json.encode(outset).decode()


def is_of(persona: str, name: str) -> bool:
    """Whether two names mean the same persona."""
    return bool(name) and reference_to(persona) == reference_to(name)


def read_outset(begun: Begun) -> Outset:
    """The outset of an unfinished dialogue, whatever graph it was begun in.

    Raises:
        IntegrityError: a newer or older selftune wrote what this one can't read.
    """
    import msgspec

    try:
        return msgspec.json.decode(begun.body, type=Outset)
    except msgspec.DecodeError as error:
        raise IntegrityError(
            f"dialogue {begun.thread!r} was begun by another selftune, and this one can't read how ({error}).",
            next_step="Finish it with the selftune that began it.",
        ) from error


def find_unfinished(unfinished: tuple[Begun, ...], name: str) -> Begun:
    """The unfinished dialogue of this name or of a unique beginning of it; the newest one for no name.

    Raises:
        UsageError: there is none, or several names begin so.
    """
    found = [one for one in unfinished if one.thread.startswith(name)]
    if not unfinished or not found:
        raise UsageError(
            "no dialogue lies unfinished here." if not unfinished else f"no unfinished dialogue is called {name!r}.",
            next_step="Begin one with `selftune chat`.",
        )
    exact = next((one for one in found if one.thread == name), None)
    if name and exact is None and len(found) > 1:
        raise UsageError(
            f"several unfinished dialogues begin with {name!r}.",
            next_step=f"Name one of {', '.join(one.thread for one in found[:5])}.",
        )
    return exact or found[-1]


def refuse_other(outset: Outset, codex_id: str, *, scripted: bool) -> None:
    """Return where a dialogue may go on as it began.

    Raises:
        IntegrityError: it was begun in another graph, or under another codex.
        UsageError: a script began it, and none is given.
    """
    keep_it = f"Keep what was said so far with `selftune chat --end {outset.thread}`."
    if outset.version != GRAPH_VERSION:
        raise IntegrityError(
            f"dialogue {outset.thread!r} was begun in version {outset.version} of the graph; this is version "
            f"{GRAPH_VERSION}, in which it can't go on.",
            next_step=keep_it,
        )
    if outset.codex_id != codex_id:
        raise IntegrityError(
            f"dialogue {outset.thread!r} was begun under another codex, {outset.codex_id}.", next_step=keep_it
        )
    if outset.scripted and not scripted:
        raise UsageError(
            f"dialogue {outset.thread!r} was spoken by a script, and no model goes on with it.",
            next_step=f"Give the script again, or keep what was said with `selftune chat --end {outset.thread}`.",
        )
