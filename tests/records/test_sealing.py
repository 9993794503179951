"""What names a record and what it is written as, held against the slow way that the first release took."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from enum import Enum

import pytest
from hypothesis import given
from samples import SAMPLES
from test_codec import calm, records

from selftune.records import canonical_json, decode_record, digest_of, digest_of_each, encode_record
from selftune.records.canonical import canonical_bytes, to_builtins


def slowly(value, *, seal: bool):
    """Dicts, lists and scalars as the first release made them of a record, field by field."""
    if is_dataclass(value):
        held = {f.name: getattr(value, f.name) for f in fields(value)}
        held = {f.name: held[f.name] for f in fields(value) if not (seal and held[f.name] == f.default)}
        salted = getattr(type(value), "SALTED", frozenset()) if seal else frozenset()
        plain = {name: slowly(item, seal=seal) for name, item in held.items() if name not in salted}
        if not salted:
            return plain
        words = {name: slowly(held[name], seal=True) for name in salted & held.keys()}
        covered = f"{value.salt}\n{text(words)}".encode()
        return plain | {"salt": f"sha256:{hashlib.sha256(covered).hexdigest()}"}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [slowly(item, seal=seal) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def text(value) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def slow_id(record) -> str:
    covered = {"record": record.KIND, "v": record.VERSION, **slowly(record, seal=True)}
    return f"{record.KIND}:{hashlib.sha256(text(covered).encode()).hexdigest()}"


@calm
@given(record=records)
def test_names_and_texts_are_those_of_the_first_release(record):
    assert record.id == slow_id(record)
    assert encode_record(record) == text({"record": record.KIND, "v": record.VERSION, **slowly(record, seal=False)})


@pytest.mark.parametrize("record", SAMPLES, ids=lambda record: record.KIND)
def test_a_record_that_was_read_has_the_name_that_its_text_has(record):
    again = decode_record(encode_record(record))
    assert again.__dict__["id"] == record.id == slow_id(record)


def test_what_is_printed_holds_plain_numbers():
    assert to_builtins({"a": (1.0, 0.5, 1e300), 3: None}) == {"a": [1, 0.5, 1e300], "3": None}
    assert type(to_builtins(1e300)) is float


def test_half_a_surrogate_pair_has_a_text_but_no_bytes():
    assert json.loads(canonical_json(["\ud800"])) == ["\ud800"]
    with pytest.raises(UnicodeEncodeError):
        canonical_bytes(["\ud800"])


@pytest.mark.parametrize("values", [(), ("a",), ("a", 1.0, None, ("b", 0.5))])
def test_a_list_that_is_never_held_whole_has_the_same_digest(values):
    assert digest_of_each(iter(values)) == digest_of(values)


def test_what_is_no_json_value_is_refused():
    with pytest.raises(TypeError):
        canonical_json({"a": object()})
