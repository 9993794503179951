"""The runner of pages notices a page that is not so."""

from __future__ import annotations

import os
import sys
import tomllib

import pytest
from tutorial_runner import Reader, Settings, Typed, steps_of

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
    (tmp_path / "selftune.toml").write_text('[curation]\nkind = "sft"\n[project]\n')
    reader = Reader(tmp_path, dict(os.environ))
    for step in steps_of(PAGE):
        reader.follow(step)
    settings = tomllib.loads((tmp_path / "selftune.toml").read_text())
    assert settings == {"curation": {"kind": "sft", "trigger": 3}, "project": {}}


@pytest.mark.parametrize(
    "step",
    [
        Typed("echo one", ("two",), 0),
        Typed("echo one; echo two", ("two", "one"), 0),
        Typed("exit 3", (), 0),
        Typed("true", (), 5),
        Typed("ls nowhere", (), 0),
    ],
)
def test_what_is_not_so_is_noticed(step, tmp_path):
    with pytest.raises(AssertionError):
        Reader(tmp_path, dict(os.environ)).follow(step)


ASK = "import getpass; print(len({getpass.getpass(f'Word {n}: ') for n in (1, 2)}), 'word')"


def test_what_is_asked_unseen_is_answered_at_a_terminal(tmp_path):
    shown = ("Word 1: ********", "Word 2: ********", "1 word")
    reader = Reader(tmp_path, dict(os.environ))
    reader.follow(Typed(f'{sys.executable} -c "{ASK}"', shown, 0))
    with pytest.raises(AssertionError):
        reader.follow(Typed("echo nothing is asked", ("Word 1: ********",), 0))


def test_a_reader_who_moves_stays_there(tmp_path):
    (tmp_path / "inner").mkdir()
    reader = Reader(tmp_path, dict(os.environ))
    reader.follow(Typed("cd inner", (), 0))
    reader.follow(Typed("basename $PWD", ("inner",), 0))
    with pytest.raises(FileNotFoundError):
        reader.follow(Typed("cd nowhere", (), 0))
