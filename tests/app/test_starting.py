"""What `init` does with a config that a person, or an `init` that was broken off, left there."""

from __future__ import annotations

import pytest

from selftune.app.projects import start_project
from selftune.errors import UsageError
from selftune.loop.config import CONFIG_FILE, Profile, new_config_text

ASKS_NOTHING = {"base": None, "name": "", "profile": None}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"base": "smollm2"}, "its base is 'reference', not 'smollm2'"),
        ({"name": "other"}, "its name is 'p', not 'other'"),
        ({"profile": "team"}, "its profile is 'solo', not 'team'"),
    ],
)
def test_other_words_than_those_of_a_config_that_is_there_are_refused_and_it_stays(asked, said, tmp_path):
    text = new_config_text(
        name="p", base="reference", recipe="reference_sft", suite="state_obedience", profile=Profile.SOLO
    )
    (tmp_path / CONFIG_FILE).write_text(text)
    with pytest.raises(UsageError, match=said) as refused:
        start_project(tmp_path, **ASKS_NOTHING | asked, observer=None)
    assert f"Leave out --{next(iter(asked))}" in refused.value.next_step
    assert (tmp_path / CONFIG_FILE).read_text() == text
