"""A codex that is written as TOML is read as that codex, whatever its texts hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drawn_codices import any_codex
from hypothesis import given, settings

from selftune.codex.reading import CODICES, load_codex, parse_codex
from selftune.codex.writing import write_codex
from selftune.errors import ConfigError


@settings(max_examples=40, deadline=None)  # a busy machine is no failure
@given(any_codex())
def test_what_is_written_is_read_as_it_was(codex):
    assert parse_codex(write_codex(codex), "drawn") == codex


@pytest.mark.parametrize("name", CODICES.names())
def test_every_shipped_codex_can_be_written(name):
    codex = load_codex(name)
    assert parse_codex(write_codex(codex, "Said in\ntwo lines."), name).id == codex.id


def test_a_comment_stands_above_and_is_no_key():
    text = write_codex(load_codex(), 'version = "9"\nname = "x"')
    assert text.startswith('# version = "9"\n# name = "x"\n')


def test_what_is_no_codex_is_not_written():
    with pytest.raises(ConfigError, match="has no \\[\\[personas\\]\\]"):
        write_codex(replace(load_codex(), personas=()))
