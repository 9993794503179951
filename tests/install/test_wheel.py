"""The wheel: every file of the house is in it, and it runs in an environment that holds nothing else."""

from __future__ import annotations

import fnmatch
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "selftune"
# What a program leaves behind is no part of the house.
LEFT_BEHIND = {".pyc", ".pyo"}


def test_each_file_beside_the_modules_is_named_as_data_of_the_package():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    globs = told["tool"]["setuptools"]["package-data"]["selftune"]
    files = [one.relative_to(PACKAGE) for one in PACKAGE.rglob("*") if one.is_file()]
    beside = [one for one in files if one.suffix not in {".py", *LEFT_BEHIND} and "__pycache__" not in one.parts]
    assert len(beside) > 50
    missing = [
        str(one)
        for one in beside
        if not any(
            fnmatch.fnmatch(one.name if glob.startswith("**/") else str(one), glob.removeprefix("**/"))
            for glob in globs
        )
    ]
    assert missing == [], "Name them under [tool.setuptools.package-data], or no wheel holds them."


@pytest.mark.slow
def test_a_wheel_runs_in_a_clean_environment_without_extras(tmp_path):
    """Asks the package index of this machine; made of what is committed."""
    sources = tmp_path / "src"
    sources.mkdir()
    packed = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(sources)], input=packed.stdout, check=True)
    build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(sources)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as held:
        names = set(held.namelist())
    wanted = [one for one in sources.joinpath("src/selftune").rglob("*") if one.is_file()]
    assert {str(one.relative_to(sources / "src")) for one in wanted} <= names
    clean = tmp_path / "clean"
    venv.create(clean, with_pip=True)
    pip = [str(clean / "bin" / "python"), "-m", "pip"]
    subprocess.run([*pip, "install", "-q", "-c", str(ROOT / "constraints.txt"), str(wheel)], check=True)
    subprocess.run([*pip, "check"], check=True)
    for words in (["--help"], ["--version"], ["doctor", "--help"], ["up", "--help"], ["notify", "--help"]):
        done = subprocess.run([str(clean / "bin" / "selftune"), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    said = (
        "import selftune, pathlib; selftune.open; print((pathlib.Path(selftune.__file__).parent / 'py.typed').exists())"
    )
    done = subprocess.run([*pip[:1], "-c", said], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "True"
