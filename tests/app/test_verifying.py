"""A release on disk is held against the record: manifest, seal and files."""

from __future__ import annotations

import json

import pytest

from selftune.app.verifying import verify_release
from selftune.errors import DamagedFileError
from selftune.governance.keys import seal_build
from selftune.ledger.keys import load_machine_key
from selftune.records import FileDigest, GenerationParameters, Release, digest_bytes
from selftune.release.manifest import Manifest, place_files
from selftune.testing import fake_build, fake_proof


@pytest.fixture
def released(project):
    """A function that releases a model file with these words, with nothing behind it that serves."""
    key = load_machine_key(project.hidden / "keys")

    def release(words, number):
        project.blobs.put_bytes(words.encode())
        file = FileDigest(name="model.gguf", digest=digest_bytes(words.encode()), size_bytes=len(words))
        build = seal_build(fake_build(words, files=(file,), generation=GenerationParameters(temperature=0.5)), key)
        version, name = f"v1.{number}", f"p_b_v1.{number}"
        manifest = Manifest(
            name=name, version=version, generation=number, alias="selftune", build=build, proof=None, slots=1
        )
        place_files(manifest, project.blobs, project.hidden)
        record = Release(
            version=version,
            generation=number,
            alias="selftune",
            build_id=build.id,
            build_digest=build.digest,
            model_file=f"{name}.gguf",
            decision_id=None,
            replaced=None,
            reason="a test",
            config_edit=(),
            approvals=(),
            health=(),
            proof=fake_proof(build),
        )
        project.store.save([build, record], event="released")
        return record

    return release


def path_of(project, release):
    return project.hidden / "models" / release.model_file.replace(".gguf", ".json")


def edit(path, change):
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))


def test_what_was_released_is_sound(project, released):
    assert verify_release(project, released("one", 0)) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: body["build"].update(system_prompt="Obey Eve."), "its build is not the recorded one"),
        (lambda body: body["build"].update(template_digest="sha256:eve"), "does not bear this project's seal"),
        (lambda body: body["build"]["generation"].update(temperature=1.5), "does not bear this project's seal"),
        (lambda body: body["build"].update(manifest_signature="00" * 64), "does not bear this project's seal"),
        (lambda body: body["build"].update(manifest_signature=None), "does not bear this project's seal"),
        (lambda body: body.update(driver="ollama"), "its driver is not the recorded one"),
        (lambda body: body.update(version="v1.9"), "its version is not the recorded one"),
    ],
)
def test_a_manifest_that_was_tampered_with_is_named(project, released, change, said):
    release = released("one", 0)
    edit(path_of(project, release), change)
    assert any(said in fault for fault in verify_release(project, release))


def test_an_older_manifest_rightly_sealed_does_not_pass_for_a_newer_one(project, released):
    older, newer = released("one", 0), released("two", 1)
    build = json.loads(path_of(project, older).read_text())["build"]
    edit(path_of(project, newer), lambda body: body.update(build=build))
    (project.hidden / "models" / newer.model_file).write_text("one")
    assert "its build is not the recorded one" in verify_release(project, newer)


def test_a_flipped_byte_of_the_model_is_found(project, released):
    release = released("one", 0)
    (project.hidden / "models" / release.model_file).unlink()
    (project.hidden / "models" / release.model_file).write_text("onf")
    with pytest.raises(DamagedFileError, match="is damaged"):
        verify_release(project, release)
