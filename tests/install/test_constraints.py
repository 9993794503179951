"""The pins: complete, exact, and the same for everybody."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group if not line.startswith("selftune")]


def test_every_pin_is_exact_and_names_no_host_or_path():
    for pin in PINS:
        assert pin.url is None
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(pin.specifier)), pin


def test_everything_that_pyproject_asks_for_is_pinned_within_its_range():
    pins = {normal(pin.name): pin for pin in PINS}
    for requirement in declared():
        pin = pins[normal(requirement.name)]
        version = str(pin.specifier).removeprefix("==")
        assert requirement.specifier.contains(version, prereleases=True), requirement


def test_each_python_version_gets_one_pin_of_each_package():
    for version in ("3.11.2", "3.11.14", "3.12.4", "3.13.1"):
        environment = {"python_full_version": version, "python_version": version.rpartition(".")[0]}
        names = [normal(pin.name) for pin in PINS if pin.marker is None or pin.marker.evaluate(environment)]
        assert len(names) == len(set(names))
        assert "pymdown-extensions" in names
