"""`selftune ledger`: what happened, made provable to others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from selftune.governance.people.keys import PersonKey

ledger = typer.Typer(no_args_is_help=True, help="What happened, provably: check it, carry it away, have it co-signed.")

NewFile = Annotated[Path | None, typer.Option("--out", help="A new file; without it the lines are printed.")]
KeyName = Annotated[str, typer.Option("--key", help="Of `selftune key list`; its passphrase is asked for.")]


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(ledger, name="ledger")


@ledger.command("checkpoint")
def checkpoint(
    out: Annotated[Path | None, typer.Option(help="A new file for it, to be kept on another machine.")] = None,
    paper: Annotated[bool, typer.Option("--print", help="Three lines that can be copied out and typed in.")] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Sign the ledger as it stands; carried away, nobody can rewrite unseen what came before."""
    from selftune.app.cli.screen import print_json
    from selftune.app.ledgers import on_paper
    from selftune.loop.project import open_project

    if out is not None:
        _refuse_taken(out)
    with open_project(project) as opened:
        made = opened.store.checkpoint()
    if out is not None:
        _write(out, made.line + b"\n")
    if json:
        print_json(made)
    elif paper:
        typer.echo(on_paper(made), nl=False)
    elif out is None:
        typer.echo(made.line.decode("ascii"))


@ledger.command("verify")
def verify(
    folder: Annotated[
        Path | None, typer.Argument(help="A project, or what selftune exported; --project by default.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint that was kept elsewhere.")] = None,
    witness: Annotated[str, typer.Option(help="Demand a co-signature by this public key.")] = "",
    key: Annotated[str, typer.Option(help="The machine's public key, told to you by another way.")] = "",
    proof: Annotated[Path | None, typer.Option(help="Check this proof in place of all entries.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="Check what this certificate claims, too.")] = None,
    project: Folder = HERE,
) -> None:
    """Check a ledger from its first byte to its last; `python -m selftune.ledger.verify` does it with only Python."""
    from contextlib import redirect_stdout
    from io import StringIO

    from selftune.app.cli.screen import working
    from selftune.context import Progress
    from selftune.ledger.verify import find_ledger, main

    if folder is not None and project != HERE:
        raise typer.BadParameter("name the folder once: as the argument, or with --project.")
    where = folder or project
    total = _lines_in(find_ledger(where))
    given = {"checkpoint": checkpoint, "witness": witness, "key": key, "proof": proof, "certificate": certificate}
    options = [word for name, value in given.items() if value for word in (f"--{name}", str(value))]
    said = StringIO()
    with working("Verifying") as told, redirect_stdout(said):
        code = main([str(where), *options], lambda done: told(Progress(done=done, total=total)))
    typer.echo(said.getvalue(), nl=False)
    raise typer.Exit(code)


@ledger.command("prove")
def prove(
    record: Annotated[str, typer.Argument(help="An id or its beginning; without it only --since is proven.")] = "",
    since: Annotated[
        Path | None, typer.Option(help="A checkpoint kept elsewhere that the ledger goes on from.")
    ] = None,
    out: NewFile = None,
    project: Folder = HERE,
) -> None:
    """Prove that the ledger names a record, or only adds to a checkpoint; `ledger verify --proof FILE` checks it."""
    from selftune.app.ledger_files import kept_checkpoint
    from selftune.app.ledger_files import prove as make_proof
    from selftune.errors import UsageError
    from selftune.loop.project import open_project

    if not record and since is None:
        raise UsageError("there is nothing to prove.", next_step="Name a record, or a checkpoint with --since.")
    with open_project(project) as opened:
        record_id = opened.store.find(record) if record else None
        lines = make_proof(opened, record_id, since=kept_checkpoint(opened, since) if since else None)
    _give(out, lines)


@ledger.command("witness")
def witness(
    file: Annotated[Path, typer.Argument(help="Another machine's checkpoint, or its proof since the last one.")],
    key: KeyName = "",
    name: Annotated[str, typer.Option(help="Who the witness is; the key's or the project's name by default.")] = "",
    out: NewFile = None,
    project: Folder = HERE,
) -> None:
    """Co-sign another machine's checkpoint, by a person's key or by this project's; `ledger keep` takes it there."""
    from selftune.app.ledgers import co_sign
    from selftune.bases.registry import default_home
    from selftune.ledger.keys import load_machine_key
    from selftune.loop.config import load_config
    from selftune.store.store import HIDDEN

    if out is not None:
        _refuse_taken(out)
    signer = _person(key) if key else load_machine_key(project / HIDDEN / "keys")
    witness_name = name or key or load_config(project).project.name
    _give(out, co_sign(file, signer, witness_name, default_home() / "witnessed"))


@ledger.command("keep")
def keep(
    file: Annotated[Path, typer.Argument(help="What `ledger witness` wrote.")],
    project: Folder = HERE,
) -> None:
    """Keep a witness's co-signature beside the ledger; its key may then vouch for another machine key."""
    from selftune.app.ledgers import keep_witness
    from selftune.app.reporting.pages.plain import plain
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        heads = keep_witness(opened, file)
    for head in heads:
        typer.echo(plain(f"Co-signed up to entry {head['size']} by {head['name']}, key {head['key']}."))


@ledger.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    further: Annotated[
        list[str] | None, typer.Option("--with", help="A kind of records more; evaluations hold the answers of models.")
    ] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Write the ledger with the sealed texts of its records into a folder that checks itself; no words of people go."""
    from selftune.app.cli.screen import print_json
    from selftune.app.ledger_files import export_ledger
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        done = export_ledger(opened, folder, further=further or ())
    if json:
        print_json(done)
        return
    typer.echo(f"{done.entries} entries and the sealed texts of {done.records} records in {done.folder}.")
    if done.left_out:
        typer.echo(f"{done.left_out} records are named and not there: they may hold words, or are of another version.")
    typer.echo(f"Who has it checks it with `python {done.folder}/verify.py {done.folder}`.")


@ledger.command("succeed")
def succeed(
    # Its words as `successions.REASONS` has them, which would wake the store for the sake of a --help.
    because: Annotated[Literal["replaced", "lost", "stolen"], typer.Argument(help="What became of the old key.")],
    since: Annotated[str, typer.Option(help="Of a stolen key: the first entry not to be trusted, or a date.")] = "",
    witness: Annotated[str, typer.Option(help="A person's key here that vouches for it, named by `ledger keep`.")] = "",
    ask: Annotated[Path | None, typer.Option(help="A new file, for a witness elsewhere to vouch; ends there.")] = None,
    vouched: Annotated[Path | None, typer.Option(help="That file, as `ledger vouch` gave it back.")] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Let a new machine key take over, on record in the ledger itself; what the old one signed here still counts."""
    from selftune.app import successions
    from selftune.app.cli.screen import print_json
    from selftune.loop.project import open_project
    from selftune.loop.runner import hold_lease

    if ask is not None:
        _refuse_taken(ask)
    signer = _person(witness) if witness else None
    with open_project(project) as opened, hold_lease(opened):
        if ask is not None:
            _write(ask, successions.ask_for(opened, because, since=since))
            return
        if vouched is not None:
            done = successions.succeed_as_vouched(opened, vouched)
        else:
            done = successions.succeed(opened, because, since=since, witness=signer)
    if json:
        print_json(done)
    else:
        typer.echo("\n".join(successions.describe_succession(done)))


@ledger.command("vouch")
def vouch(
    file: Annotated[Path, typer.Argument(help="What `ledger succeed --ask` wrote on the other machine.")],
    key: KeyName = "",
    out: NewFile = None,
    project: Folder = HERE,
) -> None:
    """Vouch as a witness for another machine's new key; ask its owner by another way whether it is theirs."""
    from selftune.app.reporting.pages.plain import plain
    from selftune.app.successions import vouch_for
    from selftune.ledger.keys import load_machine_key
    from selftune.store.store import HIDDEN

    line, detail = vouch_for(file, _person(key) if key else load_machine_key(project / HIDDEN / "keys"))
    _give(out, line)
    said = f"You vouch that key {detail['new']} takes over from {detail['old']}, which was {detail['because']}."
    typer.echo(plain(said), err=True)


def _lines_in(mirror: Path) -> int:
    """How many entries a ledger's files seem to hold; none of them is read for it."""
    return sum(path.read_bytes().count(b"\n") for path in mirror.glob("[0-9]*.jsonl"))


def _person(name: str) -> PersonKey:
    """A person's key on this machine; its passphrase is asked for on the terminal."""
    from selftune.app.signing import keys_folder
    from selftune.governance.people.keys import ask_on_terminal, load_person_key

    return load_person_key(keys_folder(), name, ask_on_terminal)


def _give(out: Path | None, lines: bytes) -> None:
    if out is None:
        typer.echo(lines.decode("ascii"), nl=False)
    else:
        _write(out, lines)


def _write(out: Path, lines: bytes) -> None:
    _refuse_taken(out)
    with out.open("xb") as stream:
        stream.write(lines)
    typer.echo(f"Written: {out}")


def _refuse_taken(out: Path) -> None:
    """What was kept before is not lost by a slip."""
    from selftune.errors import UsageError

    if out.exists():
        raise UsageError(f"{out} is there already.", next_step="Name a new file.")
