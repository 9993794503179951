"""`selftune trace`: from a model to each word behind it, and from a conversation to all that learnt from it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from selftune.app.tracing import find
from selftune.errors import UnknownNameError, UsageError
from selftune.governance.archive.finding import find_session
from selftune.governance.registry.names import models_called
from selftune.governance.tracing.walking import Walk, walk_back, walk_forward
from selftune.records import Interaction, Release, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.loop.project import Project
    from selftune.records import Record


@dataclass(frozen=True, kw_only=True)
class Node:
    """A record that a walk came to.

    Attributes:
        steps: How many edges away.
        roles: In which ways the records on the way rest on it (walking back), or it rests on them (walking on).
        learnt: Whether it was learnt from (walking back), or has learnt (walking on), and is no mere look.
        gone: Why it can't be read: it was erased, or was never kept here; empty where it can.
    """

    id: str
    kind: str
    steps: int
    roles: tuple[str, ...]
    learnt: bool
    gone: str = ""


@dataclass(frozen=True, kw_only=True)
class Traced:
    """What a record rests on and what rests on it.

    Attributes:
        starts: Ids of the records that were asked about: one, or all of a conversation.
        back: None where nobody asked for it; `forward` likewise.
        releases: Versions of the releases that learnt from it, oldest first; of a walk back it says nothing.
        said: What people said about what a walk back came to.
    """

    starts: tuple[str, ...]
    back: tuple[Node, ...] | None
    forward: tuple[Node, ...] | None
    releases: tuple[str, ...]
    said: tuple[str, ...]


def trace_graph(project: Project, name: str, *, back: bool = True, forward: bool = True) -> Traced:
    """Walk from what a name means: an id or its beginning, a version, a session, a conversation's name.

    Raises:
        UnknownNameError: nothing is called that.
        UsageError: no name was given, and nothing was decided yet.
    """
    starts = tuple(record.id for record in _find_all(project, name))
    behind = walk_back(project.store, starts, read_many=project.store.records) if back else None
    ahead = walk_forward(project.store, starts) if forward else None
    learnt = walk_forward(project.store, starts, learnt=True) if forward else Walk(steps=(), edges=())
    reached = {*learnt.ids, *starts}
    about = {*starts, *(() if behind is None else behind.ids)}
    return Traced(
        starts=starts,
        back=None if behind is None else tuple(_nodes(behind, _learnt_back(behind, starts), back=True)),
        forward=None if ahead is None else tuple(_nodes(ahead, frozenset(learnt.ids), back=False)),
        releases=tuple(one.version for _, one in project.store.each(Release) if one.id in reached and forward),
        said=tuple(one.id for _, one in project.store.each(Statement) if behind is not None and one.subject in about),
    )


def _find_all(project: Project, name: str) -> Sequence[Record]:
    """The record of this name; or every interaction of a conversation, or the models that are called so."""
    try:
        return (find(project, name),)
    except UnknownNameError as error:
        talk = [one for _, one in project.store.each(Interaction) if one.conversation == name]
        models = models_called(project.store, name)
        if talk or models:
            return talk or models
        try:
            return (project.store.any_record(find_session(project.store, name)),)
        except UsageError:
            raise error from None


def _learnt_back(walk: Walk, starts: Sequence[str]) -> frozenset[str]:
    """What went into the starts, by edges that teach alone."""
    on: dict[str, list[str]] = {}
    for edge in walk.edges:
        if edge.teaches:
            on.setdefault(edge.of, []).append(edge.on)
    found, waiting = set(starts), list(starts)
    while waiting:
        new = [name for name in on.get(waiting.pop(), []) if name not in found]
        found.update(new)
        waiting += new
    return frozenset(found)


def _nodes(walk: Walk, learnt: frozenset[str], *, back: bool) -> Iterator[Node]:
    roles: dict[str, dict[str, None]] = {}
    for edge in walk.edges:
        roles.setdefault(edge.on if back else edge.of, {})[edge.role] = None
    gone = dict(walk.unread)
    for name, steps in walk.steps:
        yield Node(
            id=name,
            kind=name.partition(":")[0],
            steps=steps,
            roles=tuple(roles[name]),
            learnt=name in learnt,
            gone=gone.get(name, ""),
        )


def lines_of_trace(traced: Traced, *, most: int = 8) -> Iterator[str]:
    """What a person reads: kind by kind, of many the first; all of them with --json."""
    yield f"from {', '.join(traced.starts[:most])}{_and_more(len(traced.starts) - most)}"
    if traced.back is not None:
        yield "rests on:" if traced.back else "rests on nothing that is on record"
        yield from _grouped(traced.back, "went into it", most)
        if traced.said:
            yield f"said about these: {', '.join(traced.said[:most])}{_and_more(len(traced.said) - most)}"
    if traced.forward is not None:
        yield "what rests on it:" if traced.forward else "nothing rests on it"
        yield from _grouped(traced.forward, "learnt from it", most)
        yield f"releases that learnt from it: {', '.join(traced.releases) or 'none'}"


def _grouped(nodes: Sequence[Node], learnt: str, most: int) -> Iterator[str]:
    for kind, found in groupby(sorted(nodes, key=lambda node: node.kind), key=lambda node: node.kind):
        group = list(found)
        told = sum(node.learnt for node in group)
        gone = sum(bool(node.gone) for node in group)
        beside = [f"{told} {learnt}"] * bool(told) + [f"{gone} that can't be read any more"] * bool(gone)
        yield f"  {kind}: {len(group)}" + (f" ({', '.join(beside)})" if beside else "")
        for node in group[:most]:
            why = f"; {node.gone}" if node.gone else ""
            yield f"    {node.id}, {', '.join(node.roles)}{why}"
        if len(group) > most:
            yield f"    and {len(group) - most} more: selftune trace --json"


def _and_more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""
