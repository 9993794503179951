"""The tiny base that every test of this room trains, made once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Tests are no package: what they share beside fixtures lies in this folder as plain modules.
sys.path.insert(0, str(Path(__file__).parent))

from tiny_llama import write_tiny_base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from far_machine import Far
    from real_sshd import Sshd

    from selftune.context import Context
    from selftune.training.base import TrainingJob


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A real sshd that stands for another machine, with a cache of its own."""
    from real_sshd import running_sshd

    folder = tmp_path_factory.mktemp("far")
    with running_sshd(folder / "sshd", {"XDG_CACHE_HOME": str(folder / "far")}) as server:
        yield server


@pytest.fixture
def far(sshd: Sshd, tmp_path: Path) -> Iterator[Far]:
    """That machine behind a link that can be cut."""
    from far_machine import Far
    from real_sshd import Link

    link = Link(sshd.port)
    yield Far(folder=sshd.folder.parent, server=sshd, link=link, trained=tmp_path / "trained")
    link.close()


@pytest.fixture
def job(tiny_base: Path, tmp_path: Path) -> TrainingJob:
    """What is to be trained on that machine."""
    from far_machine import make_job

    return make_job(tiny_base, tmp_path)


@pytest.fixture
def context(tiny_base: Path, tmp_path: Path, far: Far) -> Context:
    """Where whoever asks that machine works."""
    from far_machine import context_for

    return context_for(far, tiny_base, tmp_path)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_base(tmp_path_factory.mktemp("bases") / "tiny")
