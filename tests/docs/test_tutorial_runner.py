"""The runner of pages notices a page that is not so."""

from __future__ import annotations

import os

import pytest
from tutorial_runner import Settings, Typed, follow, steps_of

PAGE = """
Type this:

```console
$ echo one; echo two; echo three
one
th…e
$ exit 5
(exit 5)
```

```toml
# selftune.toml
[curation]
trigger = 3
```

```toml
[not_for_us]
```
"""


def test_a_page_is_read_as_its_commands_and_settings_in_order():
    first, second, settings = steps_of(PAGE)
    assert first == Typed("echo one; echo two; echo three", ("one", "th…e"), 0)
    assert second == Typed("exit 5", (), 5)
    assert settings == Settings("[curation]\ntrigger = 3\n")


def test_what_is_so_is_followed(tmp_path):
    (tmp_path / "selftune.toml").write_text("[project]\n")
    for step in steps_of(PAGE):
        follow(step, tmp_path, dict(os.environ))
    assert (tmp_path / "selftune.toml").read_text() == "[project]\n\n[curation]\ntrigger = 3\n"


@pytest.mark.parametrize(
    "step",
    [
        Typed("echo one", ("two",), 0),
        Typed("echo one; echo two", ("two", "one"), 0),
        Typed("exit 3", (), 0),
        Typed("true", (), 5),
    ],
)
def test_what_is_not_so_is_noticed(step, tmp_path):
    with pytest.raises(AssertionError):
        follow(step, tmp_path, dict(os.environ))
