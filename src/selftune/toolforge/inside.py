"""What runs in the sandbox around a tool: its text is the program, so it needs the standard library alone.

It takes one JSON object from stdin and writes one line of JSON for each call. Whatever the tool prints goes to stderr.
What a call must return is never told to it: a tool that takes this program over still can't know what would be right.
"""

from __future__ import annotations

import builtins
import json
import os
import resource
import sys
from typing import Any

_TOLD = 400

# The C code of datetime imports these when it is first asked, by the import of whoever asks; no source may name them.
_BEHIND_DATES = ("time", "_strptime")


def main() -> None:
    """Load the function, call it with each of the arguments, and tell what came out."""
    task = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    function, broken = _load(task)
    for arguments in task["calls"]:
        told = {"error": broken} if broken else _call(function, arguments, task["most_letters"])
        out.write(json.dumps(told) + "\n")
        out.flush()
    # In KiB on Linux.
    out.write(json.dumps({"memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}) + "\n")
    out.flush()


def _load(task: dict[str, Any]) -> tuple[Any, str]:
    """The function, or why there is none."""
    held = {"__builtins__": _builtins(task), "__name__": "tool"}
    try:
        exec(compile(task["source"], "tool.py", "exec"), held)  # noqa: S102 - in the sandbox, which is made for it
        return held[task["name"]], ""
    except BaseException as error:  # noqa: BLE001 - whatever a tool raises is told and ends nothing
        return None, _told(error)


def _builtins(task: dict[str, Any]) -> dict[str, Any]:
    """The built-ins that the static check allows, and an import of the modules that it allows."""
    real = builtins.__import__

    def limited(name: str, space: Any = None, local: Any = None, wanted: Any = (), level: int = 0) -> Any:
        if level or name not in (*task["modules"], *_BEHIND_DATES):
            raise ImportError(f"import {name} is not allowed")
        return real(name, space, local, wanted, level)

    kept = {name: getattr(builtins, name) for name in task["builtins"] if hasattr(builtins, name)}
    return {**kept, "__import__": limited}


def _call(function: Any, arguments: dict[str, Any], most_letters: int) -> dict[str, Any]:
    try:
        result = function(**arguments)
    except BaseException as error:  # noqa: BLE001 - as above
        return {"error": _told(error)}
    try:
        text = json.dumps(result, allow_nan=False)
    except BaseException as error:  # noqa: BLE001 - as above
        # A kind of its own: a ValueError of the function says that these arguments have no answer.
        return {"error": f"NoJSON: {_told(error)}"}
    if len(text) > most_letters:
        return {"error": f"OverflowError: the result has {len(text)} characters, and may have {most_letters}"}
    return {"result": text}


def _told(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:_TOLD]
    except BaseException:  # noqa: BLE001 - an error that can't be told is told by its kind
        return type(error).__name__[:_TOLD]


if __name__ == "__main__":
    main()
