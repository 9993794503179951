"""Starting a project, and taking a release back: what `init`, `rollback` and the demo have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.machine import DRIVE_MEND, drive_in_words
from selftune.bases.registry import REFERENCE, SMOLLM2, add_base, known_bases, resolve_base
from selftune.errors import UnknownNameError, UsageError
from selftune.loop.config import CONFIG_FILE, Profile, load_config
from selftune.loop.incoming.taking_back import refuse_withdrawn
from selftune.loop.project import create_project, open_project, prepare_hidden, refuse_foreign_store
from selftune.loop.releasing.service import make_target, serving_release
from selftune.loop.releasing.start import put_base_into_service
from selftune.loop.runner import hold_lease
from selftune.platforms import windows_mount
from selftune.records import Build, Release
from selftune.release.stage import rollback

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.config import Beginning, ProjectConfig
    from selftune.loop.executor import Observer
    from selftune.loop.project import Project

# Bases of which the right recipe and suite are known; others start with the plan's own recipe.
_FITS = {
    "reference": ("reference_sft", "state_obedience"),
    "smollm2": ("smollm2_sft", "state_obedience_plain"),
}
_OTHERS = ("a4ps_sft", "state_obedience_plain")


def start_project(
    folder: Path,
    *,
    base: str | None,
    name: str,
    profile: str | None,
    observer: Observer,
    beginning: Beginning | None = None,
) -> Release:
    """Make a project in `folder` and put its base into service; started again after a crash, it goes on.

    Without `base` and `profile` it is on the reference base, for one person, or as a config that is there says. A
    template gives it a `beginning`.

    Raises:
        UsageError: there is a project in that folder that serves already, its config says other than what is asked, or
            it lies on a drive of Windows.
        UnknownNameError: no such base or profile.
    """
    if profile is not None and profile not in list(Profile):
        raise UnknownNameError("profile", profile, list(Profile))
    mount = windows_mount(folder)
    if mount is not None:
        raise UsageError(drive_in_words(folder, mount), next_step=DRIVE_MEND)
    if not (folder / CONFIG_FILE).exists():
        base = base or REFERENCE
        bring_base(base)
        folder.mkdir(parents=True, exist_ok=True)
        recipe, suite = _FITS.get(base, _OTHERS)
        create_project(
            folder,
            name=name or folder.resolve().name,
            base=base,
            recipe=recipe,
            suite=suite,
            profile=Profile(profile or Profile.SOLO),
            beginning=beginning,
        )
    else:
        refuse_foreign_store(folder, load_config(folder))
    # A config that a person wrote beforehand is as good as ours.
    prepare_hidden(folder)
    with open_project(folder) as project:
        if project.store.count(Release):
            raise UsageError(
                f"{folder} is a project already.", next_step="Choose another folder, or run `selftune status` there."
            )
        _refuse_other_words(project.config, base=base, name=name, profile=profile, beginning=beginning)
        return put_base_into_service(project, observer)


def _refuse_other_words(
    config: ProjectConfig, *, base: str | None, name: str, profile: str | None, beginning: Beginning | None
) -> None:
    """A config that is there is followed, so who asks for something else must be told, not passed over."""
    asked = {"base": (base, config.base.name), "name": (name, config.project.name)}
    asked["profile"] = (profile, config.project.profile.value)
    asked["template"] = (None if beginning is None else beginning.codex, config.codex.name)
    for option, (wanted, says) in asked.items():
        if wanted and wanted != says:
            raise UsageError(
                f"{CONFIG_FILE} is there already, and its {option} is {says!r}, not {wanted!r}.",
                next_step=f"Leave out --{option} to go on as it says, change it there, or choose another folder.",
            )


def bring_base(name: str) -> None:
    """See that a base is here: SmolLM2, which has a pinned source of its own, is brought when it is asked for by name.

    Raises:
        UnknownNameError: no such base was added.
        MissingFileError: SmolLM2 could not be fetched.
    """
    if name == SMOLLM2 and name not in known_bases():
        add_base(name)
    resolve_base(name)


def roll_back(project: Project, *, to: str | None, reason: str) -> Release:
    """Serve an earlier release again, as a new release on record.

    Raises:
        UsageError: nothing was released before.
        UnknownNameError: no release has that version.
        WithdrawnError: its prompt shows words that their author took back.
    """
    with hold_lease(project):
        current = serving_release(project)
        earlier = choose_earlier(project, current, to)
        refuse_withdrawn(project.store.record(earlier.build_id, Build), project.store)
        target = make_target(project)
        step_work = project.context()
        release = rollback(earlier, current, target, step_work, reason=reason)
        project.store.save([release], event="rolled back", detail={"from": current.version, "to": earlier.version})
        return release


def foresee_rollback(project: Project, *, to: str | None) -> Release:
    """The release that `roll_back` would serve again; nothing is changed.

    Raises:
        UsageError, UnknownNameError, WithdrawnError: as `roll_back`.
    """
    earlier = choose_earlier(project, serving_release(project), to)
    refuse_withdrawn(project.store.record(earlier.build_id, Build), project.store)
    return earlier


def choose_earlier(project: Project, current: Release, to: str | None) -> Release:
    """The release to go back to: the one of that version, or the one the current one replaced."""
    if to is not None:
        by_version = {release.version: release for _, release in project.store.each(Release)}
        if to not in by_version:
            raise UnknownNameError("version", to, by_version)
        return by_version[to]
    if current.replaced is None:
        raise UsageError("nothing was in service before this release.", next_step="There is nothing to take back.")
    return project.store.record(current.replaced, Release)
