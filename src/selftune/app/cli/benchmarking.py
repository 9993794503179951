"""`selftune benchmark`: several models on the same questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from selftune.app.benchmarking.results import Benchmarked
    from selftune.app.cli.exit_codes import ExitCode


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("benchmark")(benchmark)


def benchmark(
    models: Annotated[
        list[str],
        typer.Argument(
            help="NAME@http://HOST:PORT/v1, a name under [[benchmark.models]] or at --endpoint, or a build of the "
            "project: champion, base, v1.1, build:…"
        ),
    ],
    suite: Annotated[
        list[str] | None, typer.Option(help="Name or file of a suite, several times for several; the project's own.")
    ] = None,
    endpoint: Annotated[str, typer.Option(help="Where models listen that are named without an address.")] = "",
    items: Annotated[int, typer.Option(min=0, help="Most items of each suite, pairs whole; 0: all.")] = 0,
    at_once: Annotated[int, typer.Option(min=1, help="Conversations at a time with one model.")] = 1,
    api_key_env: Annotated[str, typer.Option(help="Environment variable that holds the endpoint's key.")] = "",
    usd_per_million_input: Annotated[
        float | None, typer.Option(min=0, help="What a million tokens cost there that it reads.")
    ] = None,
    usd_per_million_output: Annotated[
        float | None, typer.Option(min=0, help="What a million tokens cost there that it writes.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the page into this new file as Markdown too.")] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Ask several models the same questions: scores with intervals, speed, and cost. 1 when one of them was away."""
    from selftune.app.benchmarking.models import Asked
    from selftune.app.benchmarking.results import as_document, benchmark_page
    from selftune.app.benchmarking.running import run_benchmark
    from selftune.app.cli.screen import print_json, working
    from selftune.app.reporting.pages.markdown import as_markdown
    from selftune.loop.project import open_project

    asked = Asked(
        models=tuple(models),
        suites=tuple(suite or ()),
        endpoint=endpoint,
        items=items,
        at_once=at_once,
        api_key_env=api_key_env,
        usd_per_million_input=usd_per_million_input,
        usd_per_million_output=usd_per_million_output,
    )
    with open_project(project) as opened, working("Asking") as told:
        found = run_benchmark(opened, asked, out=out, tell=_tell, told=told)
    page = as_markdown(benchmark_page(found))
    if out is not None:
        out.write_text(page, encoding="utf-8")
    if json:
        print_json(as_document(found))
    else:
        typer.echo(page, nl=False)
    _say_where(found, out)
    raise typer.Exit(code_of_benchmark(found))


def code_of_benchmark(found: Benchmarked) -> ExitCode:
    """What the command ends with: a model that was away is a failure, though the others stand."""
    from selftune.app.cli.exit_codes import ExitCode

    return ExitCode.ERROR if found.left_out else ExitCode.OK


def _tell(text: str) -> None:
    typer.echo(text, err=True)


def _say_where(found: Benchmarked, out: Path | None) -> None:
    for path in (*((out,) if out else ()), *found.files):
        _tell(f"Written: {path}")
    for one in found.left_out:
        _tell(f"Left out: {one.model}: {one.reason}.")
