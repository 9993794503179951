"""A hundred planted secrets: most are found, the missed ones are named, and no found one is in any file."""

from __future__ import annotations

import pytest

from selftune.app.reports.canaries import plant, search
from selftune.interactions.privacy.canaries import draw_canaries, load_canaries


def test_the_committed_list_is_what_its_generator_draws():
    assert load_canaries() == tuple(draw_canaries())
    assert len(load_canaries()) == 100


def test_every_canary_stands_in_its_own_text_and_is_missed_when_nothing_looks():
    for canary in load_canaries():
        assert canary.traces
        assert not canary.is_hidden_in(canary.text) or canary.disguise in {"lines", "base64"}, canary


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("planted"), load_canaries())


def test_no_found_secret_is_in_any_file_of_a_real_project(planted):
    assert planted.leaks == ()
    assert planted.files > 5
    assert planted.examples > 50
    assert planted.aside == 100


def test_no_authors_name_is_in_any_file_of_a_real_project(planted):
    assert planted.names == ()


def test_what_was_missed_is_named_and_little(planted):
    assert len(planted.missed) <= 5
    assert all(canary.disguise == "lines" for canary in planted.missed)


def test_the_search_sees_every_canary_in_a_file_that_nobody_redacted(tmp_path):
    (tmp_path / "log.txt").write_text("\n".join(canary.text for canary in load_canaries()))
    assert len(search(tmp_path, load_canaries())) >= 95
