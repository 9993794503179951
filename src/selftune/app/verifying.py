"""Whether a release on disk is the one on record: its manifest, the seal of its build, and every file by its digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.ledger.keys import load_machine_key
from selftune.records import Build
from selftune.records.signatures import build_is_sealed
from selftune.release.manifest import model_files, read_manifest

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import Release


def verify_release(project: Project, release: Release) -> tuple[str, ...]:
    """What is wrong with the release's manifest, in words; empty when nothing is. Every file is read whole.

    The seal signs the digest of weights, template, tokenizer, prompt and parameters together, so a manifest is held
    against the record of its very version too: an older one, rightly sealed, must not pass for a newer one.

    Raises:
        DamagedFileError: the manifest can't be read, or a file is missing or is not what the manifest says.
    """
    manifest = read_manifest(release.model_file.removesuffix(".gguf"), project.hidden)
    kept = project.store.record(release.build_id, Build)
    claims = (
        ("version", manifest.version, release.version),
        ("build", manifest.build.digest, release.build_digest),
        ("template, prompt or parameters", manifest.build.id, kept.id),
        ("alias", manifest.alias, release.alias),
        ("driver", manifest.driver, release.driver),
    )
    faults = [f"its {what} is not the recorded one" for what, found, expected in claims if found != expected]
    if not build_is_sealed(manifest.build, load_machine_key(project.hidden / "keys").trusted):
        faults.append("its build does not bear this project's seal")
    model_files(manifest, project.hidden)
    return tuple(faults)
