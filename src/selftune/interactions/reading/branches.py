"""Chats that are trees: what was kept is one way from the root, what was regenerated away lies beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selftune.interactions.reading.lines import UnreadableError
from selftune.records import Message, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, kw_only=True)
class Node:
    """One place of the tree; without a message it is only passed through."""

    parent: str | None
    message: Message | None = None
    model: str | None = None
    thumbs: int | None = None
    flags: tuple[str, ...] = ()
    reasoning: str | None = None


@dataclass(frozen=True, kw_only=True)
class Branch:
    """The way that was kept: messages, with the model and the thumb of each, and the answers that lost to one."""

    messages: tuple[Message, ...]
    models: tuple[str | None, ...]
    thumbs: tuple[int | None, ...]
    rejected: tuple[Rejected, ...]
    flags: tuple[str, ...]

    @property
    def last_answer(self) -> int | None:
        """Index of the last message that the assistant said."""
        return max((at for at, message in enumerate(self.messages) if message.role == "assistant"), default=None)

    @property
    def model(self) -> str | None:
        """Who wrote the last answer."""
        return None if self.last_answer is None else self.models[self.last_answer]

    def up_to(self, at: int) -> Branch:
        """The way that ends with message `at`."""
        return Branch(
            messages=self.messages[: at + 1],
            models=self.models[: at + 1],
            thumbs=self.thumbs[: at + 1],
            rejected=tuple(lost for lost in self.rejected if lost.at <= at),
            flags=self.flags,
        )


def kept_branch(nodes: Mapping[str, Node], leaf: str) -> Branch:
    """The way from the root to the leaf, and each answer that was given in place of one on it.

    An answer counts as rejected when the chat went on from another answer to the same turn. What else lies beside the
    way (a question asked anew, how a rejected answer went on) is not kept: `branches_not_kept`.

    Raises:
        UnreadableError: the leaf is not there, or the way to it goes round in a circle.
    """
    way = _way(nodes, leaf)
    shown = [nodes[name] for name in way if nodes[name].message is not None]
    messages = tuple(_spoken([nodes[name] for name in way]))
    rejected = tuple(_rejected(nodes, way, messages))
    beside = sum(node.message is not None for node in nodes.values()) - len(shown)
    models = {node.model for node in shown if node.model is not None}
    return Branch(
        messages=messages,
        models=tuple(node.model for node in shown),
        thumbs=tuple(node.thumbs for node in shown),
        rejected=rejected,
        flags=(
            *(flag for name in way for flag in nodes[name].flags),
            *(("branches_not_kept",) if beside > len(rejected) else ()),
            *(("several_models",) if len(models) > 1 else ()),
        ),
    )


def _rejected(nodes: Mapping[str, Node], way: list[str], messages: tuple[Message, ...]) -> Iterator[Rejected]:
    """Answers beside the way, to a turn that an answer on the way was given to."""
    on_way, shown = set(way), [name for name in way if nodes[name].message is not None]
    follows = {name: at + 1 for at, name in enumerate(shown[:-1]) if messages[at + 1].role == "assistant"}
    for name, node in nodes.items():
        message = node.message
        if name in on_way or message is None or message.role != "assistant" or not message.content.strip():
            continue
        at = follows.get(_heard(nodes, name) or "")
        if at is not None and message.content != messages[at].content:
            yield Rejected(at=at, messages=(message,), generated_by=node.model)


def _heard(nodes: Mapping[str, Node], name: str) -> str | None:
    """The nearest node with a message above this one."""
    above = _way(nodes, name)[:-1]
    return next((other for other in reversed(above) if nodes[other].message is not None), None)


def last_leaf(nodes: Mapping[str, Node]) -> str:
    """The last node that no other one follows; where a chat was left when it does not say so.

    Raises:
        UnreadableError: there is none.
    """
    parents = {node.parent for node in nodes.values()}
    leaves = [name for name in nodes if name not in parents]
    if not leaves:
        raise UnreadableError("it holds no message")
    return leaves[-1]


def _way(nodes: Mapping[str, Node], leaf: str) -> list[str]:
    if leaf not in nodes:
        raise UnreadableError(f"the message {leaf!r} where it was left is not in it")
    way: list[str] = []
    seen: set[str] = set()
    at: str | None = leaf
    while at is not None and at in nodes:
        if at in seen:
            raise UnreadableError("its messages follow each other in a circle")
        seen.add(at)
        way.append(at)
        at = nodes[at].parent
    return way[::-1]


def _spoken(way: list[Node]) -> Iterator[Message]:
    """The messages; what was thought in nodes of its own goes to the next answer."""
    thought: list[str] = []
    for node in way:
        thought += [node.reasoning] if node.reasoning else []
        if node.message is None:
            continue
        if node.message.role == "assistant" and thought:
            whole = "\n".join([*thought, *filter(None, [node.message.reasoning])])
            thought = []
            yield replace(node.message, reasoning=whole)
        else:
            yield node.message
