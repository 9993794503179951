"""Which node a night has: the one that was asked for, else the best that answers now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.bases.registry import find_base
from selftune.errors import ConfigError
from selftune.loop.config import NodeChoice
from selftune.loop.lessons.recipes import find_recipe
from selftune.loop.nodes.base import HERE, SSH, Node
from selftune.loop.prompts.wishes import trains
from selftune.records import Mode
from selftune.training.elsewhere.reaching import NodeAwayError, check_host, milliseconds_to
from selftune.training.elsewhere.ssh import BACKEND_THERE

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.loop.project import Project

_MINUTE: Final = 60.0


def find_node(
    project: Project,
    wanted: Mode | None = None,
    *,
    connect: Callable[[str], float | None] = milliseconds_to,
) -> Node:
    """The node to train on: `full` where its machine answers, else `proxy` where a base stands in.

    Args:
        project: Its [nightly] names the mode, the base that stands in and the minutes; its [machine] the other machine.
        wanted: The mode that a command asks for; None: as [nightly] says.
        connect: Milliseconds until a machine answered; None where it does not.

    Raises:
        NodeAwayError: the machine of `full` does not answer, and nothing may stand in.
        ConfigError: `proxy` is asked for, and no base is named that stands in.
        UnknownNameError: that base was never added on this machine.
        UsageError: the other machine's name is none.
        HostKeyError: what answers under its name has another key.
    """
    choice = project.config.nightly.mode if wanted is None else NodeChoice(wanted.value)
    if choice is NodeChoice.PROXY:
        return proxy_node(project)
    node, host = full_node(project), project.config.machine.ssh
    if not host or connect(host) is not None:
        return node
    if choice is NodeChoice.AUTO and project.config.nightly.proxy_base:
        return proxy_node(project)
    raise NodeAwayError(
        f"{host}, which trains base {project.base.name}, does not answer.",
        next_step="Switch it on, or name a small base as proxy_base under [nightly], which stands in meanwhile.",
    )


def full_node(project: Project) -> Node:
    """The base that serves, on the other machine where one is named, else here.

    Raises:
        UsageError: the other machine's name is none.
    """
    host = project.config.machine.ssh
    if host:
        check_host(host)
    return Node(
        mode=Mode.FULL,
        name=host or HERE,
        base=project.base,
        base_folder=project.base_folder,
        backend=SSH if host else "",
        seconds=project.config.nightly.full_minutes * _MINUTE,
    )


def proxy_node(project: Project) -> Node:
    """The small base that stands in, on this machine.

    Raises:
        ConfigError: none is named.
        UnknownNameError: it was never added on this machine.
    """
    name = project.config.nightly.proxy_base
    if not name:
        raise ConfigError(
            "no base stands in for the one that serves.",
            next_step="Name one of `selftune base list` as proxy_base under [nightly], or ask for --full.",
        )
    base, folder = find_base(name)
    return Node(
        mode=Mode.PROXY,
        name=HERE,
        base=base,
        base_folder=Path(folder),
        backend=BACKEND_THERE if trains(project.config) and find_recipe(project).backend == SSH else "",
        seconds=project.config.nightly.proxy_minutes * _MINUTE,
    )
