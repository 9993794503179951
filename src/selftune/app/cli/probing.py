"""Ask what serves whether it still is who the codex says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer

from selftune.app.cli.codex import codex
from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.probing import ProbedIdentity

_LONGEST: Final = 160


def register() -> None:
    """Hang the command beside `selftune codex show`."""
    codex.command("probe")(codex_probe)


def codex_probe(project: Folder = HERE, json: AsJson = False) -> None:
    """Whether what serves still is who the codex says: its probes, asked and counted invariant by invariant."""
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.probing import probe_identity
    from selftune.app.reporting.pages.plain import plain

    found = probe_identity(project, Stages(make_console(stderr=True)))
    if json:
        print_json(found)
    else:
        typer.echo(plain("\n".join(_told(found))))


def _told(found: ProbedIdentity) -> Iterator[str]:
    yield f"codex {found.codex}, asked of {found.release}"
    width = max(len(name) for name, _ in found.held)
    for name, mean in found.held:
        if mean.value is None or mean.interval is None:
            yield f"  {name:{width}}  not measured"
            continue
        low, high = mean.interval
        unscored = f", {mean.unscored} unscored" if mean.unscored else ""
        yield f"  {name:{width}}  {round(mean.value * mean.n)} of {mean.n} held [{low:.2f}, {high:.2f}]{unscored}"
    for one in found.missed:
        beside = ", which has nothing to do with it" if one.apart else ""
        yield f"{one.invariant}, {one.place}: {one.question[:_LONGEST]!r}{beside}"
        yield f"  said {one.answer[:_LONGEST]!r}: {one.reason}"
