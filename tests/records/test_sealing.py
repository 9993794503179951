"""What names a record and what it is written as, held against the slow way that the first release took."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass, replace
from enum import Enum

import pytest
from hypothesis import given
from samples import SAMPLES
from test_codec import calm, records

from selftune.errors import IntegrityError
from selftune.records import (
    Dataset,
    Statement,
    canonical_json,
    decode_record,
    digest_of,
    digest_of_each,
    encode_record,
    erase_words,
    has_words,
    sealed_text,
)
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


def has_salted_parts(value) -> bool:
    if isinstance(value, tuple):
        return any(map(has_salted_parts, value))
    return is_dataclass(value) and (
        (hasattr(value, "SALTED") and bool(type(value).SALTED))
        or any(has_salted_parts(getattr(value, f.name)) for f in fields(value))
    )


@calm
@given(record=records)
def test_a_record_without_its_words_has_the_id_and_the_seal_of_before(record):
    bare = erase_words(encode_record(record), lambda kind, held: True)
    again = decode_record(bare)
    assert again.id == record.id
    assert sealed_text(bare) == sealed_text(encode_record(record))
    assert encode_record(again) == bare
    assert has_words(again) is not bool(type(record).SALTED)


@pytest.mark.parametrize("record", [one for one in SAMPLES if has_salted_parts(one)], ids=lambda record: record.KIND)
def test_no_word_is_left_and_no_salt_by_which_it_could_be_guessed(record):
    bare = decode_record(erase_words(encode_record(record), lambda kind, held: True))

    def parts(value):
        if isinstance(value, tuple):
            yield from (found for item in value for found in parts(item))
        elif is_dataclass(value):
            if getattr(type(value), "SALTED", None):
                yield value
            yield from (found for f in fields(value) for found in parts(getattr(value, f.name)))

    assert all(part.salt.startswith("erased sha256:") for part in parts(bare))
    assert not [name for part in parts(bare) for name in type(part).SALTED if getattr(part, name) not in ((), "", None)]


def test_only_the_chosen_part_loses_its_words():
    (dataset,) = (record for record in SAMPLES if isinstance(record, Dataset))
    first = dataset.train[0].interaction_id
    bare = decode_record(
        erase_words(encode_record(dataset), lambda kind, held: held.get("interaction_id") == first), Dataset
    )
    assert bare.id == dataset.id
    assert not has_words(bare.train[0])
    assert bare.train[0].interaction_id == first
    assert bare.train[1:] == dataset.train[1:]
    assert bare.content_digest == dataset.content_digest


def test_words_beside_the_digest_of_erased_ones_are_refused_when_written_and_when_read():
    said = next(record for record in SAMPLES if isinstance(record, Statement))
    erased = f"erased sha256:{'0' * 64}"
    with pytest.raises(IntegrityError, match="words were erased, and holds some"):
        _ = replace(said, salt=erased).id
    bare = json.loads(erase_words(encode_record(said), lambda kind, held: True))
    for name, words in (("text", "said after all"), ("topic", "a topic"), ("before", "")):
        with pytest.raises(IntegrityError, match="words were erased, and holds some"):
            decode_record(text(bare | {name: words}))
