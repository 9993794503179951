"""An agenda to try things on, and a project that it is read for: the reference recipe on a base with no weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bare_project import bare_project

from selftune.bases.shape import ModelShape
from selftune.loop.experiments.agenda.document import PROGRAM
from selftune.loop.experiments.agenda.reading import read_agenda
from selftune.loop.experiments.base import Agenda, Asked, Constraints, Knob, Lane, Seen
from selftune.loop.project import Project
from selftune.records import Effect, Mode
from selftune.training.machine import Machine

ROOMY = Machine(name="a large machine", free_bytes=10**15, is_here=True)
SHAPE = ModelShape(
    architecture="LlamaForCausalLM",
    family="llama",
    vocabulary=512,
    layers=4,
    hidden=64,
    intermediate=128,
    context_length=2048,
    sliding_window=None,
    tensors=(),
)

SPACE = """\
```toml
[hyperparameters]
learning_rate = [2e-4, 5e-3]
lora_rank = [4, 64]
[curriculum]
order = ["shuffle", "tokens"]
```
"""

AGENDA = Agenda(
    goal="better",
    knobs=(
        Knob(key="learning_rate", lane=Lane.HYPERPARAMETERS, now="0.001", least=1e-4, most=1e-2, log=True),
        Knob(key="lora_rank", lane=Lane.HYPERPARAMETERS, now="16", least=4.0, most=64.0, whole=True, log=True),
        Knob(key="answers_per_prompt", lane=Lane.MIXTURES, now="2", least=1.0, most=4.0, whole=True),
        Knob(key="order", lane=Lane.CURRICULUM, now="shuffle", choices=("shuffle", "tokens")),
    ),
    constraints=Constraints(most_changes=1),
    digest="sha256:00",
)
ASKED = Asked(
    agenda=AGENDA, mode=Mode.FULL, base="fake-base", seen=(), count=4, seed=7, notes=Path("nowhere"),
    work=Path("nowhere"),
)  # fmt: skip


@contextmanager
def a_project(folder: Path) -> Iterator[Project]:
    """A project that several tests read, on a base whose file says nothing of how it was made."""
    with bare_project(folder, folder) as project:
        (folder / "model.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
        yield project


def program(space: str = SPACE, **sections: str) -> str:
    """A program.md with this space, and a section's text as in `Lessons="..."`."""
    told = {"Goal": "Better.", "Search space": space} | {
        name.replace("_", " "): text for name, text in sections.items()
    }
    return "# Agenda\n\n" + "\n".join(f"## {name}\n\n{text}\n" for name, text in told.items())


def read(project, text: str | None = None, *, machine: Machine = ROOMY, shape: ModelShape = SHAPE) -> Agenda:
    """The agenda of a project that has this text as its program.md; as it stands without."""
    if text is not None:
        (project.folder / PROGRAM).write_text(text, encoding="utf-8", newline="")
    return read_agenda(project, shape=shape, machine=machine)


def seen(
    number: int, *changes: str, mean: float | None = 0.0, half: float = 0.1, lane: str = "hyperparameters"
) -> Seen:
    """An earlier try; `mean=None`: not measured."""
    effect = None if mean is None else Effect(mean=mean, interval=(mean - half, mean + half), level=0.95, n=42)
    return Seen(experiment=f"e{number}", changes=changes, lane=lane, effect=effect)


def asked(agenda: Agenda = AGENDA, **changes) -> Asked:
    """The usual question with another agenda, count, or what was seen."""
    return replace(ASKED, agenda=agenda, **changes)
