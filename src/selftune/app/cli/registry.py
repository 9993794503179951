"""`selftune registry`: what each model was made of, what came of it, and how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.governance.registry.entries import End, Entry

registry = typer.Typer(no_args_is_help=True, help="Keep a register of models: parents, names, and how each one ended.")

Name = Annotated[str, typer.Argument(help="A name that it has or had, or its id.")]
Because = Annotated[str, typer.Option("--because", help="Why, kept word for word.")]
Author = Annotated[str, typer.Option("--author", help="Who says so; your user name by default.")]


def register(app: typer.Typer) -> None:
    """Hang the commands on the app."""
    app.add_typer(registry, name="registry")


@registry.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    file: Annotated[list[Path] | None, typer.Option("--file", help="Its weights: a file or a folder.")] = None,
    made_of: Annotated[
        list[str] | None, typer.Option("--made-of", help="A parent: a model, a version, a base, or a digest.")
    ] = None,
    base: Annotated[str, typer.Option("--base", help="The base it began from, a digest, or `itself`.")] = "",
    programme: Annotated[str, typer.Option("--programme", help="The archive that holds its training.")] = "",
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Enter a model by its files and its parents."""
    from selftune.app.registering import Offered, add_model, files_at
    from selftune.app.reporting.pages.plain import plain
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        offered = Offered(
            name=name, files=files_at(file or []), parents=tuple(made_of or ()), base=base, programme=programme
        )
        model = add_model(opened, offered, author=author)
    typer.echo(plain(f"Entered: {model.name}, {model.id}"))
    if not model.parents and model.base_digest is None:
        typer.echo("Nothing says what it was made of: until then it counts as nobody's stranger.")


@registry.command("import")
def import_index(
    path: Annotated[Path, typer.Argument(help="An index of models, one JSON object a line.")],
    author: Author = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Bring an index of models in; an end that lacks parts is kept as it is, and listed with what it lacks."""
    from selftune.app.cli.screen import print_json
    from selftune.app.registering import bring_in
    from selftune.app.reporting.pages import figures
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        brought = bring_in(opened, path, author=author)
    if json:
        print_json(brought)
        return
    entered = figures.counted(brought.added, "model")
    typer.echo(f"{entered} entered, {brought.known} known already; ends put on record: {brought.retired}.")
    typer.echo("How full their ends are: selftune registry index")


@registry.command("list")
def list_all(project: Folder = HERE, json: AsJson = False) -> None:
    """Every model that was entered and every release of our own, with parents and what became of each."""
    from selftune.app.cli.screen import print_json
    from selftune.app.registering import list_models
    from selftune.app.reporting.pages.plain import plain
    from selftune.governance.registry.entries import generations
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found, own = list_models(opened), generations(opened.store)
    if json:
        print_json({"models": found, "releases": own})
        return
    if not found:
        typer.echo("No model is entered yet: selftune registry add NAME --file WEIGHTS --made-of PARENT")
    for entry in found:
        typer.echo(plain(f"{entry.name}: {entry.disposition}; {_origin(entry)}; {entry.model.id[:20]}"))
    for one in own:
        why = f" ({one.ended})" if one.ended else ""
        typer.echo(plain(f"{one.version}: {one.disposition}{why}; came after {one.parent or 'nothing'}; {one.reason}"))


def _origin(entry: Entry) -> str:
    from selftune.app.reporting.pages import figures

    parents = len(entry.model.parents)
    if parents:
        return f"made of {figures.counted(parents, 'parent')}"
    return "nothing on record says what it was made of" if entry.model.base_digest is None else "made of a base alone"


@registry.command("show")
def show(name: Name, project: Folder = HERE, json: AsJson = False) -> None:
    """One model: every name it had, its files, parents, successors, lineage, and its end."""
    from selftune.app.cli.screen import print_json
    from selftune.app.registering import find_entry
    from selftune.app.reporting.pages.plain import plain
    from selftune.governance.registry.lineage import trace_lineage
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        entry = find_entry(opened, name)
        lineage = trace_lineage(opened.store, entry.model.id)
    assert lineage is not None, "a model that is entered is known"  # noqa: S101 - can't happen
    if json:
        print_json({"entry": entry, "lineage": lineage})
        return
    typer.echo("\n".join(map(plain, _lines_of_entry(entry))))
    typer.echo(
        f"lineage: {len(lineage.marks)} marks" + (f"; no origin of {', '.join(lineage.open)}" * bool(lineage.open))
    )
    for mark in lineage.marks[1:]:
        typer.echo(plain(f"  {mark}"))


def _lines_of_entry(entry: Entry) -> Iterator[str]:
    model = entry.model
    yield f"{entry.name}: {entry.disposition}"
    yield f"{model.id}, entered {model.entered_at}{f' from {model.source}' if model.source else ''}"
    if len(entry.names) > 1:
        yield f"was called {', '.join(entry.names[:-1])}"
    yield from (f"  {file.name}, {file.size_bytes} bytes, {file.digest}" for file in model.files)
    yield f"made of {', '.join(model.parents) or 'nothing on record'}; base {model.base_digest or 'not on record'}"
    yield f"came after it: {', '.join(entry.successors) or 'nothing'}"
    if model.programme:
        yield f"trained in the programme {model.programme}: selftune archive list"
    if entry.end is not None:
        yield from _lines_of_end(entry.end)


def _lines_of_end(end: End) -> Iterator[str]:
    said = end.retirement
    yield f"retired by {said.author}, {said.said_at} ({said.id[:20]}): {said.text or 'no reason is on record'}"
    yield f"  what became of it: {said.category or 'nobody said'}; kept until {said.expires_at or 'no term on record'}"
    yield f"  last scores: {', '.join(said.evidence) or 'none on record'}"
    for fact in said.facts:
        now = "lies there today" if end.restorable else "does NOT lie there today"
        yield f"  can be brought back from {dict(fact.arguments).get('path')}: {fact.value}; {now}"
    if end.lacks:
        yield f"  ABBREVIATED: it lacks {', '.join(end.lacks)}"


@registry.command("rename")
def rename(
    name: Name,
    new: Annotated[str, typer.Argument(help="What it is called from now on.")],
    because: Because,
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Give a model another name; the earlier ones go on meaning it, and its lineage stays."""
    from selftune.app.registering import rename_model
    from selftune.app.reporting.pages.plain import plain
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        said = rename_model(opened, name, new, because=because, author=author)
    typer.echo(plain(f"{said.before} is called {said.after} from now on: {said.id}"))


@registry.command("retire")
def retire(
    name: Name,
    because: Because,
    disposition: Annotated[str, typer.Option("--disposition", help="What becomes of it: archived, deleted ...")],
    scores: Annotated[list[str], typer.Option("--scores", help="A record that holds its last scores, by its id.")],
    restore: Annotated[str, typer.Option("--restore", help="Where it can be brought back from: file, folder, blob.")],
    until: Annotated[str, typer.Option("--until", help="Until when that is kept, such as 2030-01-01.")],
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Put a model's end on record, in full: who, why, last scores, the way back, and its term."""
    from selftune.app.registering import retire_model
    from selftune.app.reporting.pages.plain import plain
    from selftune.governance.registry.retirement import Ending
    from selftune.loop.project import open_project

    ending = Ending(why=because, disposition=disposition, scores=tuple(scores), restore=restore, until=until)
    with open_project(project) as opened:
        said = retire_model(opened, name, ending, author=author)
    typer.echo(plain(f"Retired: {said.id}, {said.facts[0].value} to bring it back from"))


@registry.command("index")
def index(project: Folder = HERE, json: AsJson = False) -> None:
    """The deprecation index: every model that ended, why, and what its record lacks."""
    from selftune.app.cli.screen import print_json
    from selftune.app.registering import list_models
    from selftune.app.reporting.pages.plain import plain
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        ended = [(entry.name, entry.end) for entry in list_models(opened) if entry.end is not None]
    if json:
        print_json([{"name": name, "end": end} for name, end in ended])
        return
    typer.echo(f"{len(ended)} retired, {sum(bool(end.lacks) for _, end in ended)} of them by an abbreviated record")
    for name, end in ended:
        typer.echo(plain(f"{name}:"))
        typer.echo("\n".join(plain(f"  {line}") for line in _lines_of_end(end)))
