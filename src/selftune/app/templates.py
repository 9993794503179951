"""What `selftune init --template NAME` begins with: who the system is, who judges it, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.codex.linting import PLACEHOLDER
from selftune.errors import UnknownNameError, UsageError
from selftune.judges.calibration.human import HUMAN
from selftune.judges.endpoint import host_of, is_loopback
from selftune.loop.config import Beginning
from selftune.loop.ejected import KINDS, eject

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Template:
    """One way to begin.

    Attributes:
        about: Who the system is, in a sentence.
        codex: The shipped codex that says so at length.
        rubric: What answers are judged by.
        judge: Who judges where no endpoint is named: code where code can, else the person.
        filled: Whether the codex can be lived by as it is; one that can't is written into the project, to be filled in.
    """

    name: str
    about: str
    codex: str
    rubric: str
    judge: str = HUMAN
    filled: bool = True


@dataclass(frozen=True, kw_only=True)
class JudgeWish:
    """An endpoint that judges, OpenAI-compatible, by its address and the model's name there."""

    endpoint: str
    model: str


TEMPLATES: Final = {
    one.name: one
    for one in (
        Template(
            name="council",
            about="seven offices of one town, each with its own voice; nobody governs",
            codex="council",
            rubric="council",
        ),
        Template(
            name="character",
            about="one voice, of history or of your own making",
            codex="character",
            rubric="character",
            filled=False,
        ),
        Template(
            name="agent",
            about="one agent whose reality is the state in its system message",
            codex="state_agent",
            rubric="state_obedience",
            judge="checks",
        ),
        Template(
            name="dyad",
            about="two minds that quarrel for a better answer, a governor, and you",
            codex="brick_robin",
            rubric="golden",
        ),
    )
}


def template_named(name: str) -> Template:
    """The template of this name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in TEMPLATES:
        raise UnknownNameError("template", name, TEMPLATES)
    return TEMPLATES[name]


def beginning_of(template: Template, wish: JudgeWish | None) -> Beginning:
    """What the template says in the config of a new project.

    Raises:
        UsageError: the judge lies beyond this machine, or its address is none.
    """
    if wish is None:
        return Beginning(codex=template.codex, judge=template.judge, rubric=template.rubric)
    host = host_of(wish.endpoint)
    if host is None or not wish.model:
        raise UsageError(
            "a judge needs a plain http or https address, without user or password, and the name of its model.",
            next_step="Give both: --judge http://127.0.0.1:11434/v1 --judge-model NAME.",
        )
    if not is_loopback(host):
        raise UsageError(
            f"a judge at {host} lies beyond this machine: what was said here would go there.",
            next_step="Leave out --judge, then name it in selftune.toml under [judge], and under [egress] allow.",
        )
    return Beginning(
        codex=template.codex, judge="oracle", rubric=template.rubric, endpoint=wish.endpoint, model=wish.model
    )


def write_texts(folder: Path, template: Template) -> tuple[Path, ...]:
    """What a person has to fill in, written into the project; what is there already stays."""
    place = folder / KINDS["codex"].folder / f"{template.codex}{KINDS['codex'].endings[0]}"
    if template.filled or place.exists():
        return ()
    return (eject(folder, "codex", template.codex),)


def explain(template: Template, beginning: Beginning, written: tuple[Path, ...]) -> tuple[str, ...]:
    """What was made and why, then what to do next, in the order in which a person does it."""
    judged = {
        HUMAN: f"You judge, by the rubric {template.rubric}: `selftune review` shows answers one at a time.",
        "oracle": f"{beginning.model} judges, by the rubric {template.rubric}; `selftune review` holds it against you.",
    }.get(beginning.judge, f"Code judges, by the rubric {template.rubric}: nothing is asked of you.")
    lines = [
        f"{template.name}: {template.about}.",
        f"Who it is stands in the codex {template.codex}: `selftune codex show`.",
        judged,
        "The exam is whether it obeys its state, until you bring your own: `selftune help suite`.",
        "All of it stands in selftune.toml, and can be changed there.",
    ]
    for path in written:
        gaps = len(PLACEHOLDER.findall(path.read_text(encoding="utf-8")))
        lines.append(f"Next: fill in {path} ({gaps} places say <fill in: …>), and see `selftune codex lint`.")
    return (
        *lines,
        "Next: `selftune chat` to talk with it, or `selftune import FILE` with what it said; then `selftune cycle`.",
    )
