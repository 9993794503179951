"""The nodes of a project as they are now: which answer, how fast, with how much room, and which a night would take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune import __version__
from selftune.errors import ConfigError
from selftune.loop.nodes.base import HERE, in_words
from selftune.loop.nodes.champions import baseline_of, champion_of, worth_a_full_try
from selftune.loop.nodes.finding import find_node, full_node, proxy_node
from selftune.training.elsewhere.reaching import REACH_SECONDS, SSH, HostKeyError, NodeAwayError, Ssh, milliseconds_to
from selftune.training.elsewhere.there import There
from selftune.training.machine import this_machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.loop.nodes.base import Node
    from selftune.loop.project import Project
    from selftune.training.elsewhere.there import Seen

_GB = 1e9


@dataclass(frozen=True, kw_only=True)
class NodeSeen:
    """One node, looked at now.

    Attributes:
        told: Mode, machine, base, time, and what a result may decide.
        milliseconds: Until it answered; None for this machine, and where it did not.
        memory_gb: Free there for a training; None where it does not tell. Likewise `disk_gb`.
        version: What selftune says of itself there.
        trouble: Why nothing can be trained there now; empty where it can.
        baseline: The newest that was measured on its base in its mode; None where there is none.
        champion: The last try that was kept on its base in its mode; empty where there is none.
    """

    mode: str
    name: str
    base: str
    told: str
    milliseconds: float | None
    memory_gb: float | None
    disk_gb: float | None
    version: str
    trouble: str
    baseline: float | None
    champion: str


@dataclass(frozen=True, kw_only=True)
class NodesSeen:
    """All nodes of a project.

    Attributes:
        chosen: What a night that begins now would train on, or why there is nothing.
        worth_a_full_try: Changes that were kept on a base that stands in, and never tried on the one that serves.
    """

    nodes: tuple[NodeSeen, ...]
    chosen: str
    worth_a_full_try: tuple[tuple[str, ...], ...]


def look_at_nodes(project: Project, program: Sequence[str] = SSH) -> NodesSeen:
    """Look at every node of a project; nothing is begun, and a machine that is away is a finding, no error.

    Raises:
        UsageError: the other machine's name is none, or no base has the name of the one that stands in.
    """
    nodes = [full_node(project)]
    if project.config.nightly.proxy_base:
        nodes.append(proxy_node(project))
    seen = tuple(_look_at(project, node, program) for node in nodes)
    times = {one.name: one.milliseconds for one in seen if not one.trouble}
    try:
        chosen = in_words(find_node(project, connect=times.get))
    except (NodeAwayError, ConfigError) as error:
        chosen = f"nothing: {error}"
    worth = worth_a_full_try(project.store, project.base.digest)
    return NodesSeen(nodes=seen, chosen=chosen, worth_a_full_try=tuple(one.changes for one in worth))


def _look_at(project: Project, node: Node, program: Sequence[str]) -> NodeSeen:
    milliseconds, seen, trouble = None, None, ""
    if node.name != HERE:
        ssh = Ssh(program, connect_seconds=REACH_SECONDS)
        try:
            milliseconds = milliseconds_to(node.name, ssh)
            seen = There(node.name, ssh).look(project.config.machine.ssh_selftune) if milliseconds is not None else None
        except (HostKeyError, NodeAwayError) as error:
            trouble = error.message
        else:
            trouble = _against(seen)
    baseline = baseline_of(project.store, node.base.digest, node.mode)
    champion = champion_of(project.store, node.base.digest, node.mode)
    here = this_machine().free_bytes if node.name == HERE else None
    return NodeSeen(
        mode=node.mode.value,
        name=node.name,
        base=node.base.name,
        told=in_words(node),
        milliseconds=milliseconds,
        memory_gb=_gigabytes(seen.memory_bytes if seen else here),
        disk_gb=_gigabytes(seen.disk_bytes if seen else None),
        version=seen.version if seen else f"selftune {__version__}" if node.name == HERE else "",
        trouble=trouble,
        baseline=baseline.score if baseline else None,
        champion=champion.name if champion else "",
    )


def _against(seen: Seen | None) -> str:
    """Why nothing can be trained there."""
    if seen is None:
        return "it does not answer"
    if seen.version != f"selftune {__version__}":
        return f"it has {seen.version.replace('none', 'no selftune')}, and this machine selftune {__version__}"
    return ""


def _gigabytes(size: int | None) -> float | None:
    return None if size is None else round(size / _GB, 1)


def describe_nodes(found: NodesSeen) -> list[str]:
    """What `selftune nodes` prints."""
    lines = [line for node in found.nodes for line in _describe(node)]
    worth = [f"Kept on a base that stands in, worth a full try: {', '.join(one)}" for one in found.worth_a_full_try]
    return [*lines, *worth, f"A night that begins now trains on: {found.chosen}"]


def _describe(node: NodeSeen) -> list[str]:
    answered = "" if node.milliseconds is None else f" answered in {node.milliseconds:.0f} ms"
    room = [
        f"{value:g} GB of {what} free" for what, value in (("memory", node.memory_gb), ("disk", node.disk_gb)) if value
    ]
    standing = f"newest baseline {'none' if node.baseline is None else format(node.baseline, '.3f')}"
    kept = f"kept last {node.champion}" if node.champion else ""
    facts = "; ".join(filter(None, (node.version, *room, standing, kept)))
    return [
        f"{node.mode:<6} {node.name}{answered}: {node.trouble or 'ready'}",
        f"       {node.told}",
        f"       {facts}",
    ]
