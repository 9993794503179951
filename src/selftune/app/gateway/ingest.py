"""The program that takes what the gateway captured into the log.

    python -P -m selftune.app.gateway.ingest PROJECT_FOLDER

It ends with SIGTERM or SIGINT, after a last look.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from selftune.app.gateway.capture.ingest import watch
from selftune.errors import SelftuneError
from selftune.platforms import give_way

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger("selftune.gateway.ingest")
_NICER = 10


def main(arguments: Sequence[str]) -> int:
    """Take in until told to end; returns the exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    enough = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: enough.set())
    give_way(_NICER)
    try:
        watch(Path(arguments[0]).resolve(), wait=enough.wait)
    except SelftuneError as error:
        log.error("%s %s", error.message, error.next_step)  # noqa: TRY400 - an error of ours says what to do
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
