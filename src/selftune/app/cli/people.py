"""`selftune key` and `selftune people`: who may sign, and with what. One person alone needs neither."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from selftune.app.cli.concerns import Author, Because
from selftune.app.cli.everyday import HERE, AsJson, Folder

key = typer.Typer(no_args_is_help=True, help="Your own keys, behind a passphrase, outside every project.")
people = typer.Typer(no_args_is_help=True, help="Who is who in this project, by signed changes on record.")

Roles = Annotated[list[str] | None, typer.Option("--role", help="What they may do; may be given several times.")]
KeyText = Annotated[str, typer.Option("--key", help="Their public key, or the .pub file with it.")]
ReportsTo = Annotated[str | None, typer.Option(help="Who is set over them.")]
Account = Annotated[str | None, typer.Option(help="The user name under which this machine knows them.")]


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(key, name="key")
    app.add_typer(people, name="people")


@key.command("new")
def key_new(name: Annotated[str, typer.Argument(help="Whose it is.")]) -> None:
    """Make a key of your own; its passphrase is asked for on the terminal."""
    from selftune.app.signing import keys_folder
    from selftune.governance.people.keys import make_person_key

    folder = keys_folder()
    made = make_person_key(folder, name)
    public = folder / f"{name}.pub"
    typer.echo(f"{made.public}\nHand {public} to a keeper of the roster; the passphrase can't be restored.")


@key.command("list")
def key_list(json: AsJson = False) -> None:
    """The keys on this machine, by their public halves."""
    from selftune.app.cli.screen import print_json
    from selftune.app.signing import keys_folder
    from selftune.governance.people.keys import known_keys

    found = dict(known_keys(keys_folder()))
    if json:
        print_json(found)
        return
    for name, public in found.items():
        typer.echo(f"{public}  {name}")
    if not found:
        typer.echo("No key is here; one person alone needs none.")


@key.command("revoke")
def key_revoke(
    name: Annotated[str, typer.Argument(help="Of a person on the roster, of a key here, or the public key.")],
    because: Because = "",
    since: Annotated[str, typer.Option(help="The first statement that is no longer to be trusted.")] = "",
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Trust a key no more: from here on, or from an earlier statement on, whatever the clock says."""
    from selftune.app.people import revoke_key
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        said = revoke_key(opened, name, because, since=since, author=author)
    typer.echo(f"On record: {said.id}")


@people.command("list")
def people_list(project: Folder = HERE, json: AsJson = False) -> None:
    """Everybody on the roster, and whether this is a team."""
    from selftune.app.cli.screen import print_json
    from selftune.app.people import describe_people
    from selftune.loop.hearing import hear_project
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        hearing = hear_project(opened)
    if json:
        print_json({"team": hearing.roster.is_team, "people": [member.now for member in hearing.roster.members]})
        return
    for line in describe_people(hearing):
        typer.echo(line)


@people.command("add")
def people_add(
    name: Annotated[str, typer.Argument(help="Who comes.")],
    key: KeyText,
    role: Roles = None,
    reports_to: ReportsTo = None,
    account: Account = None,
    model: Annotated[bool, typer.Option("--model", help="It is a program, and holds no role.")] = False,
    because: Because = "",
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Put somebody on the roster; from the second person on this is a team."""
    from selftune.app.people import add_person
    from selftune.governance.people.keys import ask_on_terminal, read_public_key
    from selftune.governance.people.roster import Person
    from selftune.loop.project import open_project

    person = Person(
        name=name,
        key=read_public_key(key),
        roles=tuple(role or ()),
        reports_to=reports_to or "",
        account=account or "",
        is_model=model,
    )
    with open_project(project) as opened:
        said = add_person(opened, person, author=author, because=because, ask=ask_on_terminal)
    typer.echo(f"On record: {said.id}")


@people.command("change")
def people_change(
    name: Annotated[str, typer.Argument(help="Who it is about, as the roster calls them now.")],
    rename: Annotated[str | None, typer.Option(help="Their new name.")] = None,
    key: Annotated[str | None, typer.Option(help="Their new public key, or the .pub file with it.")] = None,
    role: Roles = None,
    reports_to: ReportsTo = None,
    account: Account = None,
    gone: Annotated[bool, typer.Option("--gone", help="They have left.")] = False,
    because: Because = "",
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Change what the roster says of somebody; they stay the same person."""
    from selftune.app.people import change_person
    from selftune.governance.people.keys import ask_on_terminal, read_public_key
    from selftune.loop.project import open_project

    wanted: dict[str, Any] = {
        "name": rename,
        "key": None if key is None else read_public_key(key),
        "roles": None if role is None else tuple(role),
        "reports_to": reports_to,
        "account": account,
        "gone": gone or None,
    }
    changes = {field: value for field, value in wanted.items() if value is not None}
    with open_project(project) as opened:
        said = change_person(opened, name, changes, author=author, because=because, ask=ask_on_terminal)
    typer.echo(f"On record: {said.id}")
