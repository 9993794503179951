"""The config edit touches `[serving]` and nothing else."""

from __future__ import annotations

import tomllib

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.errors import ConfigError, MissingFileError
from selftune.release.config_edit import edit_serving, plan_edit, read_serving

BEFORE = """\
# Mine.
[project]
name = "a4ps"   # keep me

[serving]  # and me
port = 8080
model = ".selftune/models/a.gguf"   # what serves
release = "v1.0"

[[extra]]
x = 1
"""


def write(folder, text):
    (folder / "selftune.toml").write_bytes(text.encode())
    return folder


def test_two_lines_change_and_every_other_byte_stays(tmp_path):
    edit_serving(write(tmp_path, BEFORE), {"model": "b.gguf", "release": "v1.1"})
    after = (tmp_path / "selftune.toml").read_text()
    assert after == BEFORE.replace(".selftune/models/a.gguf", "b.gguf").replace("v1.0", "v1.1")


def test_edit_is_planned_before_it_is_made(tmp_path):
    folder = write(tmp_path, BEFORE)
    assert plan_edit(folder, {"model": "b.gguf", "release": "v1.0"}) == (
        ("serving.model", ".selftune/models/a.gguf", "b.gguf"),
    )
    assert (folder / "selftune.toml").read_text() == BEFORE


def test_section_is_added_where_there_is_none(tmp_path):
    folder = write(tmp_path, '[project]\nname = "x"\n')
    assert plan_edit(folder, {"release": "v1.0"}) == (("serving.release", "", "v1.0"),)
    edit_serving(folder, {"release": "v1.0"})
    assert tomllib.loads((folder / "selftune.toml").read_text()) == {
        "project": {"name": "x"},
        "serving": {"release": "v1.0"},
    }


def test_windows_line_ends_stay(tmp_path):
    folder = write(tmp_path, BEFORE.replace("\n", "\r\n"))
    edit_serving(folder, {"release": "v1.1"})
    assert (folder / "selftune.toml").read_bytes() == BEFORE.replace("v1.0", "v1.1").replace("\n", "\r\n").encode()


def test_nothing_to_change_writes_nothing(tmp_path):
    folder = write(tmp_path, BEFORE)
    (folder / "selftune.toml").chmod(0o600)
    stamp = (folder / "selftune.toml").stat().st_mtime_ns
    edit_serving(folder, {"release": "v1.0"})
    assert (folder / "selftune.toml").stat().st_mtime_ns == stamp


def test_permissions_stay(tmp_path):
    folder = write(tmp_path, BEFORE)
    (folder / "selftune.toml").chmod(0o600)
    edit_serving(folder, {"release": "v1.1"})
    assert (folder / "selftune.toml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["[serving\n", "serving = 3\n", "[serving]\nrelease = v1\n", "\x00"])
def test_nonsense_is_named_and_left_alone(tmp_path, text):
    folder = write(tmp_path, text)
    with pytest.raises(ConfigError):
        edit_serving(folder, {"release": "v1.1"})
    assert (folder / "selftune.toml").read_text() == text


def test_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingFileError):
        read_serving(tmp_path)


keys = st.text("abcdefgh_", min_size=1, max_size=6)
values = st.one_of(st.integers(-9, 9), st.booleans(), st.text(max_size=8).filter(str.isprintable))


@settings(max_examples=25, deadline=None)  # each example waits for the disk twice
@given(
    other=st.dictionaries(keys, values, max_size=4),
    serving=st.dictionaries(keys, values, max_size=4),
    new=st.text(min_size=1, max_size=20),
)
def test_any_config_keeps_its_other_values(tmp_path_factory, other, serving, new):
    folder = tmp_path_factory.mktemp("project")
    write(folder, tomlkit.dumps({"other": other, "serving": serving}))
    edit_serving(folder, {"release": new})
    after = tomllib.loads((folder / "selftune.toml").read_bytes().decode())
    assert after.get("other", {}) == other
    assert after["serving"] == serving | {"release": new}
