"""capture: what was said comes in, through one door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.context import Progress
from selftune.interactions.door import check_door, pass_door

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.context import Context
    from selftune.interactions.base import Source
    from selftune.interactions.config import Capture
    from selftune.records import Interaction, Quarantined

STAGE_VERSION: Final = 4

_REPORT_EVERY: Final = 200


def capture(sources: Sequence[Source], config: Capture, context: Context) -> Iterator[Interaction | Quarantined]:
    """Everything the sources hold, mended and redacted; what could not be read comes as `Quarantined`.

    Nothing is dropped and nothing is written here; who keeps it passes over a source and position it has already.

    Raises:
        UnknownNameError: the config names a kind of secret that there is no pattern for.
        UsageError: a file is missing, or too large to be read as one JSON document.
    """
    check_door(config)
    done = 0
    for source in sources:
        for item in source.read(context):
            yield pass_door(item, config)
            done += 1
            if done % _REPORT_EVERY == 0:
                context.report(Progress(done=done, total=None, note="captured"))
    context.report(Progress(done=done, total=done, note="captured"))
