"""Who may answer in place of the model that learns: the champion itself, or a model behind an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from selftune.errors import UsageError
from selftune.loop.lessons.teaching import Teaching, reach_teacher
from selftune.loop.planning import make_teaching

if TYPE_CHECKING:
    from selftune.loop.project import Project

CHAMPION: Final = "champion"
# The model under [teacher] in selftune.toml.
TEACHER: Final = "teacher"


def find_teacher(project: Project, name: str) -> Teaching:
    """The teacher under [teacher], or a model behind a server of this machine: `http://127.0.0.1:PORT/MODEL`.

    Raises:
        UsageError: the address is none, or names no model.
        ConfigError: it lies beyond this machine and [egress] does not name it, or [teacher] says too little.
    """
    teaching = make_teaching(project.config)
    if name != TEACHER:
        parts = urlsplit(name)
        model = parts.path.strip("/")
        if parts.scheme != "http" or parts.hostname is None or parts.port is None or not model:
            raise UsageError(
                f"{name!r} names no teacher.",
                next_step="Write champion, teacher, or http://127.0.0.1:PORT/MODEL, as --teacher.",
            )
        here = f"http://{parts.hostname}:{parts.port}/v1"
        teaching = Teaching(endpoint=here, model=model, rules=teaching.rules, at_once=project.config.capture.slots)
    reach_teacher(teaching)
    return teaching


def describe_corrector(teaching: Teaching | None) -> str:
    """How many answers a cycle would have written anew, by whom, and what that may cost at most."""
    if teaching is None:
        return "none"
    if teaching.prices.at_most(prompt_bytes=1, max_tokens=1) == 0:
        cost = "no prices given"
    elif teaching.budget_usd is None:
        cost = "no budget set"
    else:
        cost = f"${teaching.budget_usd:.2f} at most"
    return f"{teaching.most} at most, by {teaching.model}; {cost}"
