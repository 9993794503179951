"""A set-aside entry read once more, from what was kept of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from selftune.errors import SelftuneError, UsageError
from selftune.interactions.detect import GROUP
from selftune.interactions.door import pass_door
from selftune.plugins import load_plugin
from selftune.records import Interaction, Quarantined

if TYPE_CHECKING:
    from selftune.context import Context
    from selftune.interactions.config import Capture


def read_again(
    record: Quarantined, config: Capture, context: Context, *, format_name: str, folder: Path
) -> tuple[Interaction, ...]:
    """The interactions of an entry that can be read by now, at the place where the entry stood.

    What is read is the text that was kept, so what was redacted stays redacted. `folder` is where it lies meanwhile.

    Raises:
        UnknownNameError: no source is registered under that name of a format.
        UsageError: it still can't be read, or not without the file that it stood in; the message says why.
    """
    source = load_plugin(GROUP, format_name)
    if not getattr(source, "entries_stand_alone", True):
        raise _needs_file("an entry of this format means nothing without the others")
    with TemporaryDirectory(dir=folder, prefix="retry-") as scratch:
        path = Path(scratch) / "entry.json"
        path.write_text(record.raw, encoding="utf-8")
        try:
            items = [pass_door(item, config) for item in source(path).read(context)]
        except SelftuneError as error:
            raise _needs_file(error.message.replace(path.name, "what was kept")) from error
    for item in items:
        if isinstance(item, Quarantined):
            raise _needs_file(item.reason.removeprefix(f"{path.name}, "))
        if not item.consent.keep:
            raise _needs_file("its author did not agree that it is kept")
    if not items:
        raise _needs_file("what was kept of it holds no conversation")
    file_name = record.source.partition(":")[2]
    found = [item for item in items if isinstance(item, Interaction)]
    return tuple(_in_place(item, found[0].position, record, f"{format_name}:{file_name}") for item in found)


def _needs_file(reason: str) -> UsageError:
    return UsageError(reason, next_step="Mend the file, or name its format, and import it again.")


def _in_place(item: Interaction, base: str, record: Quarantined, source: str) -> Interaction:
    """The interaction at the entry's own place, so that an import of the mended program knows it."""
    conversation = item.conversation.removeprefix(f"{item.source}:").replace(base, record.position)
    return replace(
        item,
        source=source,
        position=item.position.replace(base, record.position),
        conversation=f"{source}:{conversation}",
        # A task without a name is called by its place, which the store names anew.
        task_id=record.position.removeprefix("keyed-")[:16] if item.task_id == base[:16] else item.task_id,
        flags=tuple(dict.fromkeys((*item.flags, "from_quarantine"))),
    )
