"""`selftune codex adopt`, `propose`, `approve`, `refuse`, `rollback`, `restore`: who says so, and with which key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from selftune.app.doubting import speaker
from selftune.app.signing import key_of, speak
from selftune.app.tracing import find
from selftune.errors import UsageError, WaitingForPersonError
from selftune.governance.amendments.effects import DISSONANCE, PROBE
from selftune.governance.keys import sign_as_person
from selftune.loop.amending.deciding import (
    approve,
    confirm,
    refuse_unapprovable,
    restore,
    roll_back,
    turn_down,
    waits_for_confirmation,
)
from selftune.loop.amending.proposing import Draft, propose
from selftune.loop.amending.standing import adopt, require_adopted, standing_in, text_of_file
from selftune.loop.ejected import codex_of
from selftune.loop.hearing import hear_project
from selftune.records import Amendment, Refutation

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.governance.amendments.standing import Standing
    from selftune.governance.people.keys import Ask
    from selftune.loop.amending.deciding import Approved, Sign
    from selftune.loop.amending.deliberating import Result
    from selftune.loop.project import Project
    from selftune.personas.dialogue.base import Listener
    from selftune.records import Statement


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a person says for and against a change that they propose.

    Attributes:
        at_most: The share of dialogues in high dissonance above which the change was wrong.
        at_least: Of how many dialogues; `days` from now it is looked at.
        topic: Of dialogues about what, in a few words; empty: of all.
        probe: An invariant whose probes are counted in the place of dialogues; empty for dialogues.
        evidence: Ids, or their beginnings, of what was looked at.
    """

    because: str
    against: tuple[str, ...]
    expected: str
    at_most: float
    at_least: int
    days: float
    topic: str = ""
    probe: str = ""
    evidence: tuple[str, ...] = ()


def adopt_file(project: Project) -> str:
    """Put the codex that the project has on record as its first; returns its id.

    Raises:
        UsageError: one is in force already, and it is this one.
        IntegrityError: another one is: the message says how the file is proposed.
    """
    if standing_in(project) is None:
        return adopt(project)
    require_adopted(project)
    raise UsageError(
        "this codex is in force already.", next_step="Change its file and propose it, or leave it as it is."
    )


def propose_text(project: Project, text: str | None, case: Case, *, author: str, ask: Ask) -> Amendment:
    """Propose a codex as a person: the text of a file, or with None the project's own file as it was changed by hand.

    Raises:
        UsageError: words are missing, or it says what is in force.
        ConfigError: the text is no sound codex.
        MissingFileError: a team signs its proposals, and the key is not on this machine.
    """
    if text is None and standing_in(project) is None:
        raise UsageError(
            "no codex was adopted here yet, so there is nothing to change.",
            next_step="Put the old file back and run `selftune codex adopt`, or adopt this one as it is.",
        )
    until = datetime.fromisoformat(project.now()) + timedelta(days=case.days)
    draft = Draft(
        text=text_of_file(project) if text is None else text,
        author=speaker(project, author),
        because=case.because,
        against=case.against,
        expected=case.expected,
        refutation=Refutation(
            measure=f"{PROBE}{case.probe}" if case.probe else DISSONANCE,
            topic=case.topic,
            at_most=case.at_most,
            at_least_n=case.at_least,
            until=until.isoformat(timespec="seconds"),
        ),
        evidence=tuple(find(project, one).id for one in case.evidence),
    )
    return propose(project, draft, _sign_in_team(project, ask))


def deliberate_here(project: Project, *, script: Path | None, heard: Listener) -> Result:
    """Let the personas deliberate; with a script its lines are said, and no model is called. Errors as there."""
    from selftune.loop.amending.deliberating import hold_deliberation
    from selftune.personas.scripted import read_script

    return hold_deliberation(project, voice=None if script is None else read_script(script), heard=heard)


def amendment_named(project: Project, name: str) -> Amendment:
    """The proposal of an id, or of a unique beginning of one.

    Raises:
        UsageError: it names something else.
        UnknownNameError: nothing begins like that.
    """
    found = find(project, name)
    if not isinstance(found, Amendment):
        raise UsageError(f"{name} is no proposal to change the codex.", next_step="See `selftune codex amendments`.")
    return found


def approve_named(project: Project, amendment: Amendment, *, author: str, text: str, ask: Ask) -> Approved:
    """A person's yes with their key, in solo too; nothing else is one.

    Raises:
        WaitingForPersonError: it can't be approved now, nobody is on the roster, or the signature does not count.
        MissingFileError: the key is not on this machine.
        UsageError: nobody sits at a terminal, or the passphrase is wrong.
        IntegrityError: the project's file holds a third text.
    """
    refuse_unapprovable(project, amendment)
    return approve(project, amendment, author=speaker(project, author), text=text, sign=_sign_always(project, ask))


def refuse_named(project: Project, amendment: Amendment, because: str, *, author: str, ask: Ask) -> Statement:
    """A person's no, with its reason; in a team with their key."""
    return turn_down(
        project, amendment, author=speaker(project, author), text=because, sign=_sign_in_team(project, ask)
    )


def roll_back_codex(project: Project, because: str, *, author: str, ask: Ask) -> Standing:
    """Take the last change back with a person's key; errors as `approve_named`."""
    return roll_back(project, author=speaker(project, author), text=because, sign=_sign_always(project, ask))


def restore_file(project: Project, because: str, *, author: str, ask: Ask) -> Path | None:
    """Put the file of the codex in force back; where a revoked key has changed which that is, a person signs for it.

    Returns:
        Where what stood in the file lies now; None where nothing else did.

    Raises:
        UsageError: nothing was adopted yet.
        WaitingForPersonError: a person has to sign, and nobody on the roster did.
    """
    aside = None
    if waits_for_confirmation(project):
        aside = confirm(project, author=speaker(project, author), text=because, sign=_sign_always(project, ask))
    return restore(project) or aside


def show_codex_name(project: Project) -> str:
    """The name and version of the codex in the project's file."""
    codex = codex_of(project.folder, project.config)
    return f"{codex.name}, version {codex.version}"


def _sign_in_team(project: Project, ask: Ask) -> Sign:
    return lambda statement: speak(hear_project(project), statement, ask)


def _sign_always(project: Project, ask: Ask) -> Sign:
    def sign(statement: Statement) -> Statement:
        hearing = hear_project(project)
        if hearing.roster.member(statement.author) is None:
            raise WaitingForPersonError(
                f"{statement.author} is not on the roster, and only the key of somebody who is changes the codex.",
                next_step="Name yourself with --author. Where nobody is on it yet: `selftune key new NAME`, then "
                "`selftune people add NAME --key NAME.pub` with the file that it wrote.",
            )
        return sign_as_person(statement, key_of(hearing, statement.author, ask))

    return sign
