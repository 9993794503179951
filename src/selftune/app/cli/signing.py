"""`selftune readiness`, `sign` and `handoff`: what speaks against a deployment, and who has signed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.concerns import Author, Because
from selftune.app.cli.everyday import HERE, AsJson, Folder
from selftune.app.cli.reporting import AsHtml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.readiness import Readiness

sign = typer.Typer(no_args_is_help=True, help="Sign-offs, one after the other, over one bundle; alone nobody signs.")

Subject = Annotated[
    str, typer.Argument(help="A promotion, build or version, or a model of the registry; the newest promotion.")
]


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.command()(readiness)
    app.add_typer(sign, name="sign")
    app.command()(handoff)


def readiness(
    subject: Subject = "",
    whole: Annotated[
        bool, typer.Option("--whole", help="Read every session and the whole ledger too, as signing does.")
    ] = False,
    examiner: Annotated[
        str, typer.Option(help="An archived programme whose answers show the manner of who judges or audits.")
    ] = "",
    html: AsHtml = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Whether it may be deployed: each reason against it by name, each doubt word for word, each alarm."""
    from selftune.app.cli.reporting import give_page
    from selftune.app.cli.screen import print_json
    from selftune.app.readiness import look_at_readiness
    from selftune.app.reporting.readiness import readiness_as_data, readiness_page
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = look_at_readiness(opened, subject, whole=whole, examiner=examiner)
    if json:
        print_json(readiness_as_data(found))
    elif html is not None:
        give_page(readiness_page(found), html=html, json=False)
    else:
        typer.echo("\n".join(_lines(found)))
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _lines(found: Readiness) -> Iterator[str]:
    """What a person reads first; the page with `--html` has everything."""
    from selftune.app.doubts_page import headline
    from selftune.app.reporting.pages import figures
    from selftune.app.reporting.pages.plain import one_line, quoted
    from selftune.app.reporting.readiness import outcome_of

    yield one_line(f"{found.subject.name}: {outcome_of(found)}")
    for one in found.findings:
        yield f"  {one.reason.value:<22} {one_line(one.told)}"
    stand = [doubt.statement for doubt in found.doubts if doubt.stands]
    if stand:
        yield f"{figures.counted(len(stand), 'open concern')}, word for word:"
    for said in stand:
        yield f"  {headline(said)}"
        yield from quoted(said.text, "    ")
    chain = found.signatures.chain
    signed = {one.role: one.statement for one in chain.counted}
    for link in chain.charter.chain:
        by = signed.get(link.role)
        told = "not signed" if by is None else f"signed by {by.author}, {by.said_at}"
        yield f"  {link.role}: {one_line(told)}"


@sign.command("bundle")
def bundle(subject: Subject = "", project: Folder = HERE) -> None:
    """Put together what is to be signed, with its documents; what an alarm holds is put on hold."""
    from selftune.app.signing_off import make_bundle
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        made = make_bundle(opened, subject)
    typer.echo(f"On record: {made.id}")
    for name, digest in made.documents:
        typer.echo(f"  {name}: {digest}")


@sign.command("off")
def off(
    subject: Annotated[str, typer.Argument(help="What is signed for, as `selftune readiness` takes it.")],
    text: Annotated[str, typer.Argument(help="What you say with it, kept word for word.")],
    role: Annotated[str, typer.Option("--role", help="In which you sign: training, evaluation_committee, deployment.")],
    fact: Annotated[
        list[str] | None,
        typer.Option("--fact", help='What you state, worked out at once: "flagged(last=2000) = 0". Several times.'),
    ] = None,
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Sign the bundle of today with your own key; what would not count is refused by its name."""
    from selftune.app.signing_off import Signing, sign_off
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.governance.signing.queries import read_claim
    from selftune.loop.project import open_project

    claims = tuple(map(read_claim, fact or ()))
    with open_project(project) as opened:
        signing = Signing(subject=subject, role=role, text=text, claims=claims, author=author)
        said = sign_off(opened, signing, ask_on_terminal)
    typer.echo(f"On record: {said.id}")


@sign.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="The sign-off's id, or its beginning.")],
    because: Because = "",
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Take a signature back: from then on it counts no more."""
    from selftune.app.signing_off import revoke_signature
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        said = revoke_signature(opened, name, because, author=author)
    typer.echo(f"On record: {said.id}")


def handoff(subject: Subject = "", html: AsHtml = None, project: Folder = HERE, json: AsJson = False) -> None:
    """The document of what is handed over, once everybody before has signed."""
    from selftune.app.cli.reporting import give_page
    from selftune.app.signing_off import make_handoff
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        page = make_handoff(opened, subject)
    give_page(page, html=html, json=json)
