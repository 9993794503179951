"""Which release `selftune rollback` goes back to: the one that is named, and never another for want of a name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.app.projects import choose_earlier
from selftune.errors import UnknownNameError, UsageError
from selftune.records import Release


@pytest.fixture
def thrice(released):
    """Three releases, each in place of the one before."""
    first = released.store.last(Release)
    second = replace(first, version="v1.1", generation=1, replaced=first.id)
    released.store.save([second, replace(first, version="v1.2", generation=2, replaced=second.id)], event="by a test")
    return released


def test_without_a_name_it_is_the_one_before_and_with_one_it_is_that(thrice) -> None:
    serving = thrice.store.last(Release)
    assert choose_earlier(thrice, serving, None).version == "v1.1"
    assert choose_earlier(thrice, serving, "v1.0").version == "v1.0"


@pytest.mark.parametrize("name", ["", "v1", "v9.9"])
def test_a_version_that_was_never_released_is_refused_an_empty_word_among_them(thrice, name) -> None:
    """`selftune rollback "$VERSION"` where nobody set VERSION."""
    with pytest.raises(UnknownNameError, match="version"):
        choose_earlier(thrice, thrice.store.last(Release), name)


def test_the_first_release_has_nothing_before_it(released) -> None:
    with pytest.raises(UsageError, match="nothing was in service"):
        choose_earlier(released, released.store.last(Release), None)
