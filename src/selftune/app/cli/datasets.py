"""`selftune dataset`: list, show, compare and export what was learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from selftune.app.datasets import Difference, Shown, ShownExample
    from selftune.curation.exporting import Exported

_GROUP: Final = "dataset"
_Dataset = Annotated[str, typer.Argument(help="Id of a dataset, or its beginning.")]
_Split = Annotated[str, typer.Option(help="train or holdout.")]
# Shown around what is learnt; what is outside of them is only read.
_LEARNT: Final = ("⟦", "⟧")


def register(app: typer.Typer) -> None:
    """Hang the commands on the group `dataset`, which other commands of datasets share."""
    group = next((each.typer_instance for each in app.registered_groups if each.name == _GROUP), None)
    if group is None:
        group = typer.Typer(no_args_is_help=True)
        app.add_typer(group, name=_GROUP, help="Make examples, and look at what was learnt from.")
    group.command("list")(list_all)
    group.command("show")(show)
    group.command("diff")(diff)
    group.command("export")(export_dataset)


def list_all(project: Folder = HERE, json: AsJson = False) -> None:
    """Every dataset of the project, oldest first."""
    from selftune.app.cli.screen import print_json
    from selftune.app.datasets import list_datasets
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        listed = list_datasets(opened)
    if json:
        print_json(listed)
        return
    for one in listed:
        tokens = "tokens not counted" if one.tokens is None else f"{one.tokens:,} tokens"
        counts = f"{one.train} to learn, {one.holdout} held out, {one.rejects} rejected"
        typer.echo(f"{_short(one.id)}  {one.saved_at}  {one.kind}: {counts}; {tokens}; trained on {one.runs} times")
    typer.echo(f"{len(listed)} datasets.")


def show(
    dataset: _Dataset,
    split: _Split = "train",
    count: Annotated[int, typer.Option("--n", min=1, help="How many examples.")] = 3,
    mask: Annotated[bool, typer.Option("--mask", help="Show the tokens, and which of them are learnt.")] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """The card of a dataset and its first examples; with --mask as training sees them."""
    from selftune.app.cli.screen import print_json
    from selftune.app.datasets import show_dataset
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        shown = show_dataset(opened, dataset, split=split, count=count, mask=mask)
    if json:
        print_json(shown)
    else:
        typer.echo("\n".join(_lines(shown)))


def diff(
    before: Annotated[str, typer.Argument(help="Id of the one dataset, or its beginning.")],
    after: Annotated[str, typer.Argument(help="Id of the other.")],
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """What a dataset has that another has not; by source, teacher and kind of behaviour."""
    from selftune.app.cli.screen import print_json
    from selftune.app.datasets import compare_datasets
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = compare_datasets(opened, before, after)
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(_differences(found)))


def export_dataset(
    dataset: _Dataset,
    format: Annotated[  # noqa: A002 - the word of the command line
        str, typer.Option(help="chatml, sharegpt, alpaca, openai, together, axolotl, llamafactory or parquet.")
    ],
    out: Annotated[Path, typer.Option(help="A new file; one that is there is not replaced.")],
    split: _Split = "train",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Write a dataset for another program; what the format can't carry is named."""
    from selftune.app.cli.screen import print_json
    from selftune.app.datasets import find_dataset
    from selftune.app.ledger_files import proof_files, write_files
    from selftune.curation.exporting import export
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = find_dataset(opened, dataset)
        proof = proof_files(opened, found)
        told = export(found, format, out, split=split)
        write_files(out.with_name(f"{out.name}.ledger"), proof)
    if json:
        print_json(told)
    else:
        typer.echo("\n".join(_exported(told)))


def _lines(shown: Shown) -> list[str]:
    examples = [line for number, one in enumerate(shown.examples, start=1) for line in _example(number, one)]
    return [shown.card.rstrip(), "", f"{len(shown.examples)} of {shown.total} examples of {shown.split}:", *examples]


def _example(number: int, one: ShownExample) -> list[str]:
    head = f"--- {number}. from {_short(one.interaction_id)}, taught by {one.taught_by or 'unknown'}"
    worse = [] if one.rejected is None else [f"worse: {one.rejected}"]
    if one.masked is None:
        return [head, one.text.rstrip(), *worse]
    if one.masked.refused is not None:
        return [head, one.text.rstrip(), *worse, one.masked.refused]
    opening, closing = _LEARNT
    text = "".join(f"{opening}{span.text}{closing}" if span.learnt else span.text for span in one.masked.spans)
    tokens = sum(span.tokens for span in one.masked.spans)
    learnt = sum(span.tokens for span in one.masked.spans if span.learnt)
    return [head, text.rstrip(), *worse, f"{learnt} of {tokens} tokens are learnt, those within {opening}{closing}"]


def _differences(found: Difference) -> list[str]:
    moved = f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed"
    shifts = [f"  {shift.by} {shift.name}: {shift.before} → {shift.after}" for shift in found.shifts]
    return [f"{_short(found.before)} → {_short(found.after)}: {moved}, {found.same} the same", *shifts]


def _exported(told: Exported) -> list[str]:
    lost = [f"  not carried: {each.what}, in {each.examples} of them" for each in told.lost]
    left = [
        f"  left out, {len(each.interaction_ids)}: {each.reason} ({', '.join(map(_short, each.interaction_ids))})"
        for each in told.left_out
    ]
    note = [f"  {told.note}"] if told.note else []
    return [f"{told.path}: {told.written} examples as {told.format}", *lost, *left, *note]


def _short(record_id: str) -> str:
    return record_id[:24]
