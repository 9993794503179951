"""`selftune tonight`: the lessons about to be learnt, each of which a person can take out and let in again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.tonight import Tonight
    from selftune.loop.project import Project
    from selftune.records import Message

_LETTERS = 70


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("tonight")(tonight)


def tonight(
    most: Annotated[int, typer.Option("--most", min=1, help="How many lessons are listed.")] = 20,
    without: Annotated[list[str] | None, typer.Option("--without", help="Take this lesson out: its id.")] = None,
    again: Annotated[
        list[str] | None, typer.Option("--with", help="Let this lesson in again, which you took out: its id.")
    ] = None,
    because: Annotated[str, typer.Option("--because", help="Why; kept word for word.")] = "",
    project: Folder = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be put on record, and write nothing.")] = (
        False
    ),
    json: AsJson = False,
) -> None:
    """Show what the next model would learn; take a lesson out before that, or let one in again."""
    from selftune.app.cli.screen import print_json
    from selftune.app.reporting.pages.plain import plain
    from selftune.app.tonight import look_at_tonight
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        if without or again:
            done = _change(opened, tuple(without or ()), tuple(again or ()), because, dry_run=dry_run)
            lines = [f"{line['what']}{' (dry run: nothing was written)' if dry_run else ''}" for line in done]
            told: Any = {"dry_run": dry_run, "done": done}
        else:
            seen = look_at_tonight(opened)
            lines, told = list(_lines(seen, most)), _plain_data(seen, most)
    if json:
        print_json(told)
    else:
        typer.echo(plain("\n".join(lines)))


def _change(
    project: Project, without: Sequence[str], again: Sequence[str], because: str, *, dry_run: bool
) -> list[dict[str, str]]:
    """Take out and let in; every name is looked up before the first word goes on record."""
    from selftune.app.tonight import let_in, own_exclusion, take_out
    from selftune.loop.lessons.taking_out import standing_exclusions
    from selftune.records import Interaction

    out = [project.store.record(name, Interaction).id for name in without]
    back = [own_exclusion(project, name) for name in again]
    done = []
    for name in out:
        said = "" if dry_run else take_out(project, name, because).id
        done.append({"what": f"Taken out: {name}", "lesson": name, "statement": said})
    for one in back:
        said = "" if dry_run else let_in(project, one.id, because).id
        standing = [each.author for each in standing_exclusions(project) if each.subject == one.subject]
        others = [author for author in standing if author != one.author]
        stays = f"; it stays out, for {' and '.join(others)} took it out too" if others else ""
        done.append({"what": f"Let in again: {one.subject}{stays}", "lesson": one.subject, "statement": said})
    return done


def _lines(seen: Tonight, most: int) -> Iterator[str]:
    yield f"{len(seen.lessons)} lessons would be learnt, of which {seen.new} are new."
    if seen.halted:
        yield f"{seen.halted} {seen.next_step or ''}".rstrip()
    yield f"Not judged yet: {len(seen.unjudged) + seen.more_unjudged}. Kept back to measure: {seen.held_out}."
    for one in seen.lessons[:most]:
        yield f"{one.interaction_id[:26]}  {'new' if one.is_new else 'learnt before'}: {_asked(one.messages)}"
    if len(seen.lessons) > most:
        yield f"{len(seen.lessons) - most} more: selftune tonight --most {len(seen.lessons)}"
    for taken in seen.taken_out:
        who = "you" if taken.by_me else f"{taken.exclusion.author}, who alone can let it in again"
        yield f"{taken.exclusion.subject[:26]}  taken out by {who}: {taken.exclusion.text}"
    yield 'Take one out: selftune tonight --without ID --because "…"; let it in again: selftune tonight --with ID'


def _plain_data(seen: Tonight, most: int) -> dict[str, Any]:
    return {
        "lessons": [
            {"id": one.interaction_id, "new": one.is_new, "asked": _asked(one.messages)} for one in seen.lessons[:most]
        ],
        "how_many": len(seen.lessons),
        "new": seen.new,
        "not_judged_yet": len(seen.unjudged) + seen.more_unjudged,
        "held_out": seen.held_out,
        "taken_out": [
            {
                "id": one.exclusion.subject,
                "statement": one.exclusion.id,
                "by": one.exclusion.author,
                "by_me": one.by_me,
                "because": one.exclusion.text,
            }
            for one in seen.taken_out
        ],
        "halted": seen.halted,
        "next_step": seen.next_step,
    }


def _asked(messages: Sequence[Message]) -> str:
    from selftune.drawing import shorten

    last = next((one.content for one in reversed(messages) if one.role == "user"), "")
    return shorten(" ".join(last.split()), _LETTERS)
