"""The real files, through the whole import: each entry comes in once, and none is taken for a version of another."""

from __future__ import annotations

from selftune.loop.incoming.intake import import_files, preview_files

# What a count of lines and items says, file by file.
COUNTS = {
    "formats": (999, 300, 300, 91, 300, 500),
    "foundry/transcripts": (19, 415),
    "foundry/preference": (25, 399, 400, 400, 50),
    "foundry/responses": (36, 36, 36),
}


def test_every_file_comes_in_whole_as_the_dry_run_says_and_once(field_data, project):
    paths = [field_data / folder for folder in COUNTS]
    told = preview_files(project, paths)
    done = import_files(project, paths)
    assert done == told
    assert tuple(one.added for one in done) == tuple(count for counts in COUNTS.values() for count in counts)
    assert {(one.known, one.broken) for one in done} == {(0, 0)}
    assert project.store.superseded() == frozenset()
    again = import_files(project, paths)
    assert sum(one.added for one in again) == 0
