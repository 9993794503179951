"""Versions and file names: `v1.0`, `v1.1`, …, each used once, and `project_base_v1.1.gguf`."""

from __future__ import annotations

import re
from typing import Final

from selftune.errors import IntegrityError

FIRST_VERSION: Final = "v1.0"
MODEL: Final = "model.gguf"
_VERSION: Final = re.compile(r"v(\d+)\.(\d+)")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")


def next_version(replaced: str | None) -> str:
    """The version after the one that is replaced: `v1.0` first, then one more each time, rollbacks included.

    A number is never used for two builds, so an old manifest can't pass for a new one.

    Raises:
        IntegrityError: the replaced version is none of ours.
    """
    if replaced is None:
        return FIRST_VERSION
    found = _VERSION.fullmatch(replaced)
    if found is None:
        raise IntegrityError(f"{replaced!r} is no version.", next_step="Run `selftune doctor`.")
    major, minor = (int(part) for part in found.groups())
    return f"v{major}.{minor + 1}"


def release_name(project: str, base: str, version: str) -> str:
    """The stem of a release's files, such as `a4ps_base_model_v1.1`; safe in any file system."""
    return "_".join((_plain(project), _plain(base), version))


def file_name(name: str, build_file: str) -> str:
    """The name in `.selftune/models/` of one of a build's files: `NAME.gguf` for the model itself.

    What makes up a folder of the build makes up the folder `NAME/`, which other programs load as it lies there.
    """
    folder, inside, file = build_file.rpartition("/")
    if folder:
        return f"{name}{inside}{_plain(file)}"
    return f"{name}.gguf" if build_file == MODEL else f"{name}.{_plain(build_file)}"


def _plain(text: str) -> str:
    return _UNSAFE.sub("_", text).strip("._") or "model"
