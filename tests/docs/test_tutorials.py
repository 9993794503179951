"""Every tutorial and every guide works as it stands, on samples of our own."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tutorial_runner import Reader, steps_of

from selftune.loop.releasing.service import stop_service

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted((*DOCS.glob("tutorials/*.md"), *DOCS.glob("guides/*.md")))
NEEDS = {"brick_and_robin": ("graph", "bwrap")}
"""What a page needs beside what all of them do."""


def page_to_run(page: Path):
    marks = [pytest.mark.xdist_group(page.stem), pytest.mark.needs(*NEEDS.get(page.stem, ()))]
    return pytest.param(page, id=page.stem, marks=marks)


@pytest.mark.needs("train", "serve", "lance")
@pytest.mark.parametrize("page", [page_to_run(page) for page in PAGES])
def test_a_reader_who_types_what_the_page_says_sees_what_it_shows(page, tmp_path, tmp_path_factory, warm):
    # What all pages of a kind read, and what this one alone does.
    for folder in ("samples", page.stem):
        if (page.parent / folder).is_dir():
            shutil.copytree(page.parent / folder, tmp_path / folder)
    warm.write_shim(programs := tmp_path_factory.mktemp("programs"))
    path = os.pathsep.join(map(str, (Path(sys.executable).parent, os.environ["PATH"])))
    # Bases that a page adds are added to nobody's home, and a page about nights is read by day.
    home = {"SELFTUNE_HOME": str(tmp_path / "home"), "TZ": where_it_is_noon()}
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{path}", "COLUMNS": "300"} | home
    reader = Reader(tmp_path, environment)
    steps = steps_of(page.read_text(encoding="utf-8"))
    assert len(steps) > 5
    try:
        for step in steps:
            reader.follow(step)
    finally:
        # A page that is not so may end before its own `selftune stop`.
        for place in tmp_path.glob("*/selftune.toml"):
            stop_service(place.parent)


def where_it_is_noon() -> str:
    """A time zone in which it is noon or a little later."""
    ahead = datetime.now(UTC).hour - 12
    return f"Etc/GMT{ahead:+d}"  # by POSIX, what lies east of Greenwich has a minus
