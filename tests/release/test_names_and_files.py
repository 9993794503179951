"""Versions, file names, and files that appear whole or not at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import ConfigError, DamagedFileError, IntegrityError
from selftune.release.config import Target
from selftune.release.naming import file_name, next_version, release_name
from selftune.release.note import read_note
from selftune.release.publish import publish_bytes, publish_link


def test_versions_begin_at_one_nought_and_go_up_by_one():
    assert next_version(None) == "v1.0"
    assert next_version("v1.0") == "v1.1"
    assert next_version("v1.9") == "v1.10"


@pytest.mark.parametrize("version", ["", "1.0", "v1", "v1.x", "v1.0 ", "v-1.0"])
def test_version_of_somebody_else_is_refused(version):
    with pytest.raises(IntegrityError):
        next_version(version)


def test_name_is_the_plans_own():
    assert file_name(release_name("a4ps", "base_model", "v1.1"), "model.gguf") == "a4ps_base_model_v1.1.gguf"
    assert file_name("a4ps_base_model_v1.1", "adapter.gguf") == "a4ps_base_model_v1.1.adapter.gguf"


def test_what_makes_up_a_folder_of_a_build_makes_up_one_under_its_version():
    assert file_name("a4ps_base_model_v1.1", "merged/config.json") == "a4ps_base_model_v1.1/config.json"
    assert file_name("a4ps_base_model_v1.1", "adapter/adapter_model.safetensors").endswith("/adapter_model.safetensors")


@given(build_file=st.text(max_size=20))
def test_no_build_file_is_placed_outside_of_its_release(build_file):
    *folder, file = file_name("m_v1.0", build_file).split("/")
    assert folder in ([], ["m_v1.0"])
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", file)
    assert not file.startswith(".")


@given(project=st.text(max_size=20), base=st.text(max_size=20))
def test_any_name_is_one_safe_file_name(project, base):
    name = file_name(release_name(project, base, "v1.0"), "model.gguf")
    assert re.fullmatch(r"[A-Za-z0-9_.-]+_v1\.0\.gguf", name)
    assert not name.startswith(".")


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        publish_bytes(path, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_link_is_the_blob_itself_and_may_be_made_twice(tmp_path):
    blob, link = tmp_path / "blob", tmp_path / "link"
    blob.write_bytes(b"weights")
    link.write_bytes(b"older")
    for _ in range(2):
        publish_link(blob, link)
        assert link.samefile(blob)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["blob", "link"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}'])
def test_damaged_note_is_named_with_what_to_do(tmp_path, text):
    (tmp_path / "serving.json").write_text(text)
    with pytest.raises(DamagedFileError) as caught:
        read_note(tmp_path)
    assert caught.value.next_step.startswith("Delete ")


@pytest.mark.parametrize("wrong", [{"port": 70000}, {"port": -1}, {"idle_minutes": -1.0}])
def test_terms_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError):
        Target(folder="/tmp/x", project="p", base="b", **wrong)
