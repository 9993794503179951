"""A night on a disk of its own that fills up again and again: `python full_disk_walk.py FOLDER PLACE:KIB ...`.

Runs in a mount name space of its own. Each place is one command that meets the full disk there, a look at what serves,
and room again; the last command ends the night. What was seen is printed as lines of JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from fault_walker import Walker
from night_walk import NIGHT, check_ended_once

DISK = "192m"
FILLING = (sys.executable, str(Path(__file__).with_name("filling_cli.py")))


def on_a_small_disk(folder: Path) -> Walker:
    """The project, copied to a disk that one file can fill."""
    disk = folder.parent / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)], check=True)
    shutil.copytree(folder, disk / folder.name)
    return Walker(disk / folder.name)


def meet_a_full_disk(walker: Walker, where: str) -> None:
    """One command on a disk that fills up there, then room again."""
    os.environ["FILL_AT"] = where
    done = walker.run(*NIGHT, cli=FILLING)
    full = (walker.folder.parent / "fill").exists()
    answers = answers_now(walker)
    (walker.folder.parent / "fill").unlink(missing_ok=True)
    say(place=where, code=done.returncode, full=full, answers=answers, said=done.stdout + done.stderr)


def answers_now(walker: Walker) -> bool:
    """Whether what serves answers, while the disk is full."""
    try:
        return walker.serves()
    except (OSError, ValueError, KeyError) as error:
        say(place="no answer", trouble=repr(error))
        return False


def say(**facts: object) -> None:
    """One line for the test that started this."""
    print(json.dumps(facts), flush=True)  # noqa: T201 - the line is the interface


def main(folder: str, *places: str) -> None:
    """Walk through all places, then end the night."""
    walker = on_a_small_disk(Path(folder))
    walker.expect(0, "start")
    try:
        for where in places:
            meet_a_full_disk(walker, where)
        done = walker.run(*NIGHT)
        half = [str(path) for path in walker.folder.rglob("*.partial")]
        say(place="with room", code=done.returncode, half=half, said=done.stdout + done.stderr)
        check_ended_once(walker)
    finally:
        walker.run("stop")


if __name__ == "__main__":
    main(*sys.argv[1:])
