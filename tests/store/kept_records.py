"""Small records to keep, and the programs that other processes run."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

from selftune.databases import parse_database
from selftune.ledger import verify
from selftune.records import (
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Quarantined,
    Rubric,
    Trigger,
)
from selftune.store import Store
from selftune.store.dialect import sqlite_module

URL_FILE = "url-of-the-test"
PATH = str(Path(__file__).parent)


def interaction(number: int, *, salt: str = "salt", source: str = "log.jsonl") -> Interaction:
    """The interaction at line `number` of a source."""
    return Interaction(
        salt=salt,
        conversation=f"c{number}",
        task_id="chat",
        trigger=Trigger.USER,
        messages=(Message(role="user", content=f"question {number}"), Message(role="assistant", content="answer")),
        source=source,
        position=f"line {number}",
    )


def quarantined(number: int) -> Quarantined:
    """The line of that number as one that could not be read."""
    return Quarantined(salt="s", source="log.jsonl", position=f"line {number}", reason="no JSON", raw="{")


def judgement(number: int, *, salt: str = "salt") -> Judgement:
    """A verdict; its salt makes its id."""
    return Judgement(
        salt=salt,
        interaction_id=f"interaction:{number:064x}",
        rubric_digest="sha256:00",
        judge=JudgeIdentity(name="checks", version="1"),
        status=JudgementStatus.SCORED,
        overall=4.5,
    )


def rubric(name: str) -> Rubric:
    """A record that quotes nobody: equal name, equal id."""
    return Rubric(name=name, version="1", description="what is looked at", criteria=())


def mirror_of(project: Path) -> list[dict[str, object]]:
    """The ledger's lines as anyone can read them."""
    files = sorted((project / ".selftune" / "ledger").glob("[0-9]*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text(encoding="ascii").splitlines()]


def entries_that_verify(project: Path) -> int:
    """How many entries the mirror holds; fails when it does not verify."""
    return verify.verify(project / ".selftune" / "ledger").entries


def database_of(project: Path):
    """The database that a test keeps this project's records in; None for the file."""
    named = project / URL_FILE
    return parse_database(named.read_text(), "the test") if named.exists() else None


def open_store(project: str) -> Store:
    """The store of a project, wherever it lies, for programs that are processes of their own."""
    return Store.open(Path(project), database=database_of(Path(project)))


@contextmanager
def behind_its_back(project: Path):
    """The database itself; the file by the same library, for two of them would cancel each other's locks."""
    database = database_of(project)
    if database is not None:
        from selftune.databases import connect

        with connect(database, schema="selftune_store") as connection:
            yield lambda statement, *values: connection.execute(statement.replace("?", "%s"), values)
        return
    connection = sqlite_module().connect(project / ".selftune" / "store.db")
    with connection:
        yield lambda statement, *values: connection.execute(statement, values)
    connection.close()


def tamper(project: Path, statement: str, *values: object) -> None:
    """Change the database behind the store's back."""
    with behind_its_back(project) as run:
        run(statement, *values)


def table(project: Path, name: str) -> list[tuple[object, ...]]:
    """Every row of a table."""
    with behind_its_back(project) as run:
        return list(run(f"SELECT * FROM {name}"))  # noqa: S608 - our own table names
