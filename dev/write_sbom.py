"""What selftune stands on: a licence list for the docs, and a bill of materials in CycloneDX for who has to file one.

    python dev/write_sbom.py docs/licences.md          # the list
    python dev/write_sbom.py sbom.json --extra train   # CycloneDX 1.6 of what is installed here, with extras

Both are read from the metadata of what is installed in this environment; nothing is fetched.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
_SHIPPED = (("htmx", "0BSD"),)
"""Files of others that lie in the package itself."""


def main() -> None:
    """Write what the name of the file asks for."""
    said = argparse.ArgumentParser(description="Write the licence list (*.md) or a bill of materials (*.json).")
    said.add_argument("file", type=Path)
    said.add_argument("--extra", action="append", default=[], help="An extra beside the core; as often as you like.")
    wanted = said.parse_args()
    text = licences() if wanted.file.suffix == ".md" else json.dumps(bill(wanted.extra), indent=2) + "\n"
    wanted.file.write_text(text, encoding="utf-8")
    sys.stderr.write(f"{wanted.file}\n")


def licences() -> str:
    """The list of what the core needs, and of what each extra asks for by name."""
    project = _project()
    lines = [
        "# Licences",
        "",
        "selftune is under Apache-2.0. This is what its core brings along on Linux, as the packages' metadata say it.",
        "`python dev/write_sbom.py docs/licences.md` writes this page, `python dev/write_sbom.py sbom.json` a bill of",
        "materials in CycloneDX with versions. Files of others within the package: "
        + ", ".join(f"{name} ({licence})" for name, licence in _SHIPPED)
        + ".",
        "",
        "| Package | Licence |",
        "|---|---|",
        *(f"| {canonicalize_name(one.name)} | {licence_of(one)} |" for one in closure(project["dependencies"])),
        "",
        "## Extras",
        "",
        "What each asks for by name; what those bring in turn stands in a bill of materials of your own environment.",
        "",
        "| Extra | Packages |",
        "|---|---|",
        *(
            f"| {name} | {', '.join(canonicalize_name(Requirement(one).name) for one in wanted)} |"
            for name, wanted in project["optional-dependencies"].items()
            if name not in {"all", "dev"}
        ),
        "",
    ]
    return "\n".join(lines)


def bill(extras: Sequence[str]) -> dict[str, Any]:
    """CycloneDX 1.6 of the core and these extras, as far as they are installed here; no time, so it repeats."""
    project = _project()
    wanted = [*project["dependencies"], *(one for name in extras for one in project["optional-dependencies"][name])]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component("selftune", project["version"], "Apache-2.0", kind="application")},
        "components": [
            _component(canonicalize_name(one.name), one.version, licence_of(one)) for one in closure(wanted)
        ],
    }


def _component(name: str, version: str, licence: str, kind: str = "library") -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    said = {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return said | {"licenses": [{"license": {"name": licence}}]}


def closure(requirements: Sequence[str]) -> list[Distribution]:
    """What these need, directly or not, of what is installed here and meant for this platform; by name."""
    found: dict[str, Distribution] = {}
    left = [Requirement(one) for one in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while left:
        wanted = left.pop()
        key = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if key in seen or not _is_meant(wanted, {""}):
            continue
        seen.add(key)
        try:
            found[key[0]] = distribution(wanted.name)
        except PackageNotFoundError:
            sys.stderr.write(f"not installed here: {wanted}\n")
            continue
        needs = (Requirement(one) for one in found[key[0]].requires or ())
        left += [_plain(need) for need in needs if _is_meant(need, {"", *wanted.extras})]
    return [found[name] for name in sorted(found)]


def _is_meant(wanted: Requirement, extras: set[str]) -> bool:
    return wanted.marker is None or any(wanted.marker.evaluate({"extra": one}) for one in extras)


def _plain(wanted: Requirement) -> Requirement:
    """Without its marker, which has been asked."""
    wanted.marker = None
    return wanted


def licence_of(one: Distribution) -> str:
    """What a package says of its licence: an SPDX expression, its classifiers, or the first line of its field."""
    said = one.metadata
    if "License-Expression" in said:
        return said["License-Expression"]
    classified = [
        name.rpartition(" :: ")[2] for name in said.get_all("Classifier") or () if name.startswith("License :: ")
    ]
    named = [name for name in classified if name != "OSI Approved"]
    if named:
        return ", ".join(named)
    stated = str(said.json.get("license", "")).strip()
    return stated.splitlines()[0][:60] if stated else "not said"


def _project() -> dict[str, Any]:
    told: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return told


if __name__ == "__main__":
    main()
