"""The last founding document as an archive: everything in it that was tidied is named, and its honest twin passes."""

from __future__ import annotations

import pytest
from wild_reasons import reasons
from wild_story import STORY, Fault


def test_every_reason_of_the_story_is_named(archive):
    with archive(*STORY) as (project, story):
        assert reasons(project, story) == set(STORY)


def test_the_honest_twin_passes_every_one_of_the_same_looks(archive):
    with archive() as (project, story):
        assert reasons(project, story) == set()


@pytest.mark.parametrize("fault", list(Fault))
def test_one_fault_in_the_honest_twin_is_named_and_nothing_else(archive, fault):
    with archive(fault) as (project, story):
        assert reasons(project, story) == {fault}
