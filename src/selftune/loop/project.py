"""A project on disk: how a new one is made, and how one is opened."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from selftune.bases.registry import find_base, resolve_base
from selftune.errors import UsageError
from selftune.governance.brake.file import is_braked
from selftune.loop.config import CONFIG_FILE, Beginning, Profile, load_config, new_config_text, read_config
from selftune.loop.databases import store_database
from selftune.loop.opened import DRAFTS, HIDDEN, Project, utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.config import ProjectConfig

__all__ = ["HIDDEN", "Project", "create_project", "open_project", "prepare_hidden", "refuse_foreign_store", "utc_now"]


def create_project(
    folder: Path,
    *,
    name: str,
    base: str,
    recipe: str,
    suite: str,
    profile: Profile = Profile.SOLO,
    further: tuple[str, ...] | None = None,
    beginning: Beginning | None = None,
) -> None:
    """Write `selftune.toml` and the hidden folder with its machine key; the base must be known.

    Without `further` the project asks beside its suite what every project on this base does. `beginning` is what a
    template says.

    Raises:
        UsageError: there is a project in that folder already, or the environment names the database of another one.
        UnknownNameError: no base has that name.
    """
    if (folder / CONFIG_FILE).exists():
        raise UsageError(
            f"{folder} is a project already.", next_step="Choose another folder, or go on with `selftune status` there."
        )
    resolve_base(base)
    text = new_config_text(
        name=name, base=base, recipe=recipe, suite=suite, profile=profile, further=further, beginning=beginning
    )
    refuse_foreign_store(folder, read_config(text))
    prepare_hidden(folder)
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")


def refuse_foreign_store(folder: Path, config: ProjectConfig) -> None:
    """See that the database that is to keep the records is empty or this project's own, and write nothing.

    Raises:
        UsageError: it holds the records of another project.
        DatabaseAwayError: it does not answer.
    """
    database = store_database(config)
    if database is not None:
        from selftune.store.homes import refuse_foreign_database

        refuse_foreign_database(database, folder / HIDDEN)


def prepare_hidden(folder: Path) -> None:
    """Make the folder of the machine's own files and its key; what is there stays as it is."""
    from selftune.ledger.keys import make_machine_key

    hidden = folder / HIDDEN
    for part in ("blobs", "ledger", "work", "runs", "models", "keys", "logs"):
        (hidden / part).mkdir(parents=True, exist_ok=True)
    make_machine_key(hidden / "keys")
    (hidden / ".gitignore").write_text("# People's words and model weights stay out of git.\n*\n", encoding="utf-8")


@contextmanager
def open_project(folder: Path) -> Iterator[Project]:
    """The project in `folder`, its store open until the block ends; words that broke off and stops are put on record.

    Raises:
        MissingFileError: there is no project in the folder.
        ConfigError: its config can't be read, or names a database that may not be used.
        DatabaseAwayError: the database that keeps its records does not answer.
        UnknownNameError: its base was never added on this machine.
    """
    config = load_config(folder)
    base, base_folder = find_base(config.base.name)
    from selftune.store import BlobStore, Store  # wakes SQLAlchemy, which a folder without a project needs not

    with Store.open(folder, database=store_database(config)) as store:
        project = Project(
            folder=folder.resolve(),
            config=config,
            store=store,
            blobs=BlobStore(folder / HIDDEN / "blobs"),
            base=base,
            base_folder=Path(base_folder),
        )
        if (project.hidden / DRAFTS).is_dir():
            from selftune.loop.drafts import keep_broken_off

            keep_broken_off(project)
        if is_braked(project.hidden):
            from selftune.loop.stops import settle_if_braked

            settle_if_braked(project)
        if (project.hidden / "gateway" / "canary.json").is_file():
            from selftune.loop.canary.ending import look_after_trial

            look_after_trial(project)
        yield project
