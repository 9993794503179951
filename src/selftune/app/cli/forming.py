"""`selftune forms`: which serving form of a run is worth serving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from selftune.loop.deciding.forms import ComparedForms

_BYTES_IN_GB = 1e9


def register(app: typer.Typer) -> None:
    """Hang this command on the app."""
    app.command("forms")(forms)


def forms(
    run: Annotated[str, typer.Argument(help="A run's id or its beginning; the last run by default.")] = "",
    form: Annotated[
        list[str] | None,
        typer.Option("--form", help="adapter, f16, q8_0, q6_k, q5_k_m or q4_k_m; may stand several times, else all."),
    ] = None,
    largest_gb: Annotated[
        float | None, typer.Option("--largest-gb", min=0, help="Files that are larger do not fit where it will serve.")
    ] = None,
    use: Annotated[
        bool, typer.Option("--use", help="Set the chosen form in selftune.toml: the next candidate is built so.")
    ] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Build, serve and test a run in each serving form, and say which one is worth serving, category by category."""
    from selftune.app.cli.exit_codes import ExitCode
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.forms import as_document, forms_of, next_step, use_form

    largest = None if largest_gb is None else int(largest_gb * _BYTES_IN_GB)
    found = forms_of(project, run, form or (), Stages(make_console(stderr=True)), largest_bytes=largest)
    if json:
        print_json(as_document(found))
    else:
        _show(found)
    chosen = found.choice.climb.chosen
    if chosen is None:
        raise typer.Exit(int(ExitCode.REJECTED))
    told = f"Set: {use_form(project, chosen)} under [build]." if use else next_step(chosen)
    make_console(stderr=json).print(told, soft_wrap=True, markup=False)


def _show(found: ComparedForms) -> None:
    from rich.markup import escape
    from rich.table import Table

    from selftune.app.cli.screen import make_console
    from selftune.app.forms import heading, notes_on, rows_of_categories, rows_of_forms
    from selftune.app.reporting.pages.plain import plain

    console = make_console()
    console.print(escape(heading(found)), soft_wrap=True)
    others = [one.name for one in found.choice.forms if one.name != found.choice.against]
    for header, rows in (
        (("form", "size", "tokens/s", "KL (nats)", "score", "critical", ""), rows_of_forms(found)),
        (("category", "n", *others), rows_of_categories(found)),
    ):
        table = Table(box=None, pad_edge=False)
        for name in header:
            table.add_column(name, justify="left" if name in {"form", "category", ""} else "right")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        console.print(table)
    for line in notes_on(found):
        console.print(escape(plain(line)), soft_wrap=True)
