"""The pins: complete, exact, and the same for everybody."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
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


def asked_for() -> set[str]:
    """Every package that pyproject asks for, and that those ask for in turn, on whatever platform."""
    names: set[str] = set()
    todo = [(requirement.name, frozenset(requirement.extras)) for requirement in declared()]
    done = set()
    while todo:
        name, extras = todo.pop()
        if (name, extras) not in done:
            done.add((name, extras))
            names.add(normal(name))
            todo += [(wanted.name, frozenset(wanted.extras)) for wanted in asked_by(name, extras)]
    return names


def asked_by(name: str, extras: frozenset[str]) -> list[Requirement]:
    try:
        listed = [Requirement(line) for line in requires(name) or []]
    except PackageNotFoundError:
        return []  # for another platform or Python
    return [one for one in listed if "extra" not in str(one.marker) or wanted_with(one, extras)]


def wanted_with(requirement: Requirement, extras: frozenset[str]) -> bool:
    return requirement.marker is not None and any(requirement.marker.evaluate({"extra": one}) for one in extras)


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


@pytest.mark.needs("every-package")
def test_no_pin_is_left_that_nothing_asks_for():
    assert {normal(pin.name) for pin in PINS} - asked_for() == set()


def test_each_python_version_gets_one_pin_of_each_package():
    for version in ("3.11.2", "3.11.14", "3.12.4", "3.13.1"):
        environment = {"python_full_version": version, "python_version": version.rpartition(".")[0]}
        names = [normal(pin.name) for pin in PINS if pin.marker is None or pin.marker.evaluate(environment)]
        assert len(names) == len(set(names))
        assert "pymdown-extensions" in names
