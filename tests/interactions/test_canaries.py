"""A hundred planted secrets: most are found, the missed ones are named, and no found one is in any file."""

from __future__ import annotations

import pytest

from selftune.app.planting import plant, search
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
    assert planted.files > 20
    assert planted.examples > 50
    assert planted.aside == 100


def test_they_were_planted_on_every_way(planted):
    ways = dict(planted.ways)
    assert {name.split()[0] for name in ways} >= {
        "openai",
        "otel",
        "langfuse",
        "inspect",
        "open_webui_feedback",
        "a4ps",
    }
    assert {"statements", "documents for a teacher", "verdicts of another tool", "exports"} <= ways.keys()
    assert min(ways.values()) >= 100


def test_no_authors_name_is_in_any_file_of_a_real_project(planted):
    assert planted.names == ()


def test_what_was_missed_is_named_and_little(planted):
    assert len(planted.missed) <= 2
    assert all(canary.disguise == "lines" for canary in planted.missed)


def test_where_nothing_is_looked_for_each_way_leaves_them_in_its_files(tmp_path):
    """The control: the search finds what the door would have taken out."""
    few = [canary for canary in load_canaries() if canary.kind == "email" and canary.disguise == "plain"][:4]
    plant(tmp_path, few, rules="[capture]\nredact = []\n")
    files = {leak.partition(":")[0] for leak in search(tmp_path / "project", few)}
    assert {"store.db", "golden_interactions.jsonl", "sharegpt", "told.txt"} <= files


def test_the_search_sees_every_canary_in_a_file_that_nobody_redacted(tmp_path):
    (tmp_path / "log.txt").write_text("\n".join(canary.text for canary in load_canaries()))
    assert len(search(tmp_path, load_canaries())) >= 95
