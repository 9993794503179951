"""Whom a project hears: its statements, its roster, and the person at the machine; and what that person says."""

from __future__ import annotations

import getpass
from functools import cache, partial
from typing import TYPE_CHECKING

from selftune.governance.doubts import hear
from selftune.governance.keys import sign_statement
from selftune.ledger.keys import load_machine_key
from selftune.loop.incoming.privacy import door_of

if TYPE_CHECKING:
    from selftune.governance.doubts import Hearing
    from selftune.loop.opened import Project
    from selftune.records import Statement


def hear_project(project: Project) -> Hearing:
    """What is on record about every doubt and approval here; the runner is who is logged in.

    Raises:
        MissingFileError: the machine's key is gone.
    """
    return hear(
        project.store,
        profile=project.config.project.profile,
        runner=getpass.getuser(),
        public_key=load_machine_key(project.hidden / "keys").trusted,
        pseudonym=cache(partial(_pseudonym, project)),
    )


def _pseudonym(project: Project, name: str) -> str:
    known = door_of(project).pseudonyms
    return name if known is None else known.of(name)


def put_on_record(project: Project, statement: Statement, *, event: str) -> Statement:
    """The statement as it is kept: signed by the machine, which covers a person's signature too.

    Raises:
        MissingFileError: the machine's key is gone.
    """
    signed = sign_statement(statement, load_machine_key(project.hidden / "keys"))
    project.store.save([signed], event=event)
    return signed
