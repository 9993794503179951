"""What a node is: a machine, the base that is trained on it, and how long a try may take there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.records import Mode

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.project import Project
    from selftune.records import BaseModel

HERE: Final = "here"
SSH: Final = "ssh"
PROMOTES_NOTHING: Final = "a result says which recipes are worth a full try, and promotes nothing"


@dataclass(frozen=True, kw_only=True)
class Node:
    """Where tries are trained.

    Attributes:
        name: `here`, or the other machine as `ssh` takes it.
        base: What is trained; its files lie on this machine, in `base_folder`, wherever it is trained.
        backend: What trains in the recipe's stead: `ssh`, or empty: what the recipe names.
        seconds: What one training may take.
    """

    mode: Mode
    name: str
    base: BaseModel
    base_folder: Path
    backend: str
    seconds: float


def may_promote(node: Node) -> bool:
    """Whether a try there may go on to the gate; one on a base that stands in says only what is worth a full try."""
    return node.mode is Mode.FULL


def on_node(project: Project, node: Node) -> Project:
    """The project as it is trained there: that node's base, its back-end, and no training longer than it may take."""
    return replace(
        project,
        base=node.base,
        base_folder=node.base_folder,
        backend=node.backend,
        most_seconds=node.seconds,
    )


def in_words(node: Node) -> str:
    """The plan's sentence: mode, machine, base, time, and what a result may decide."""
    decides = "a try that is kept goes on to the whole gate" if may_promote(node) else PROMOTES_NOTHING
    return f"{node.mode.value}, {node.name}, base {node.base.name}, {node.seconds / 60:g} min a training: {decides}."
