"""The codec's laws: there and back is the same record, another content is another name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from types import NoneType, UnionType
from typing import ClassVar, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck as Check
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.errors import IntegrityError
from selftune.records import (
    Dataset,
    Evaluation,
    Interaction,
    Judgement,
    Record,
    Reject,
    Rubric,
    canonical_json,
    decode_record,
    digest_bytes,
    digest_file,
    digest_of,
    encode_record,
    record_types,
)
from selftune.records.codec import _TYPES
from selftune.records.sealing import sealed

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53).map(float)
counts = st.integers(-(2**63), 2**63 - 1)
texts = st.text(max_size=12)


def values_of(kind) -> st.SearchStrategy:
    """Values that a field's annotation allows."""
    arguments = get_args(kind)
    if get_origin(kind) is UnionType:
        return st.one_of([values_of(part) for part in arguments])
    if get_origin(kind) is tuple and arguments[-1] is Ellipsis:
        return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
    if get_origin(kind) is tuple:
        return st.tuples(*map(values_of, arguments))
    if is_dataclass(kind):
        return st.builds(kind, **{name: values_of(hint) for name, hint in hints_of(kind).items()})
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    return {str: texts, int: counts, float: numbers, bool: st.booleans(), NoneType: st.none()}[kind]


def hints_of(kind) -> dict[str, object]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


records = st.one_of([values_of(kind) for kind in record_types().values()])
calm = settings(max_examples=25, deadline=None, suppress_health_check=[Check.too_slow, Check.data_too_large])


@calm
@given(record=records)
def test_there_and_back_is_the_same_record(record):
    text = encode_record(record)
    again = decode_record(text)
    assert again == record
    assert again.id == record.id
    assert encode_record(again) == text


@calm
@given(record=records)
def test_another_version_of_the_text_is_never_taken_for_the_record(record):
    body = json.loads(encode_record(record))
    for name in set(body) - {"record", "v"}:
        other = {**body, name: "another" if body[name] != "another" else "yet another"}
        try:
            found = decode_record(json.dumps(other))
        except IntegrityError:
            continue
        assert found.id != record.id


@calm
@given(record=records)
def test_the_name_does_not_change_with_the_order_or_spacing_of_the_text(record):
    body = json.loads(encode_record(record))
    shuffled = json.dumps(dict(reversed(body.items())), indent=1)
    assert decode_record(shuffled).id == record.id


@calm
@given(record=values_of(Interaction) | values_of(Judgement), salt=texts)
def test_another_salt_is_another_name(record, salt: str):
    salted = record.salt != salt
    assert (replace(record, salt=salt).id != record.id) == salted


@calm
@given(
    value=st.recursive(
        texts | counts | numbers | st.booleans() | st.none(),
        lambda v: st.lists(v, max_size=3) | st.dictionaries(texts, v, max_size=3),
        max_leaves=8,
    )
)
def test_canonical_json_is_one_text_for_one_value(value):
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text
    assert digest_of(value) == digest_bytes(text.encode())


def test_canonical_json_sorts_keys_and_keeps_letters():
    assert canonical_json({"b": 1.0, "a": ("\u00e9", None, True)}) == '{"a":["\u00e9",null,true],"b":1}'
    assert canonical_json([0.5, 1e300, 2.0**53]) == "[0.5,1e+300,9007199254740992.0]"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(value)


def test_every_class_that_salts_a_field_has_a_salt_and_every_salted_field_is_there():
    salting = [kind for kind in all_classes() if getattr(kind, "SALTED", frozenset())]
    assert {kind.__name__ for kind in salting} == {
        "Amendment",
        "Audit",
        "BlindPair",
        "Bundle",
        "Example",
        "Forging",
        "Interaction",
        "Judgement",
        "Projection",
        "Quarantined",
        "Reading",
        "Session",
        "ShownLessons",
        "Statement",
        "Weakness",
    }
    for kind in salting:
        assert kind.SALTED | {"salt"} <= {field.name for field in fields(kind)}


def all_classes():
    found, waiting = set(), list(record_types().values())
    while waiting:
        kind = waiting.pop()
        if is_dataclass(kind) and kind not in found:
            found.add(kind)
            waiting += hints_of(kind).values()
        waiting += get_args(kind)
    return found


def test_salted_words_can_go_and_the_name_can_still_be_worked_out():
    record = decode_record(encode_record(sample_interaction()))
    without_words = sealed(record)
    assert "secret" not in canonical_json(without_words)
    covered = canonical_json({"record": "interaction", "v": 1, **without_words})
    assert record.id == f"interaction:{hashlib.sha256(covered.encode()).hexdigest()}"


def sample_interaction() -> Interaction:
    body = {
        "record": "interaction",
        "v": 1,
        "salt": "pepper",
        "conversation": "secret 1",
        "task_id": "chat",
        "trigger": "user",
        "messages": [{"role": "user", "content": "secret 2"}, {"role": "assistant", "content": "secret 3"}],
        "source": "log",
        "position": "1",
    }
    return decode_record(json.dumps(body), Interaction)


def test_a_field_added_later_changes_no_name_of_before():
    @dataclass(frozen=True, kw_only=True)
    class Early(Record):
        KIND: ClassVar[str] = "growing"
        name: str

    written = encode_record(Early(name="x"))

    @dataclass(frozen=True, kw_only=True)
    class Late(Record):
        KIND: ClassVar[str] = "growing"
        name: str
        colour: str | None = None

    try:
        assert decode_record(written) == Late(name="x")
        assert decode_record(written).id == Early(name="x").id
        assert Late(name="x", colour="red").id != Early(name="x").id
    finally:
        del _TYPES["growing"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"v": 1}',
        '{"record": "nonsense", "v": 1}',
        '{"record": ["rubric"], "v": 1}',
        '{"record": "rubric"}',
        '{"record": "rubric", "v": "1"}',
        '{"record": "rubric", "v": 2}',
        '{"record": "rubric", "v": 1}',
        '{"record": "rubric", "v": 1, "name": 3, "version": "1", "description": "", "criteria": {}}',
    ],
)
def test_what_is_no_record_of_ours_is_an_integrity_error_with_a_next_step(text: str):
    with pytest.raises(IntegrityError) as found:
        decode_record(text)
    assert found.value.next_step


def test_a_record_of_another_kind_than_expected_is_refused():
    text = encode_record(Rubric(name="a", version="1", description="", criteria=()))
    assert decode_record(text, Rubric).name == "a"
    with pytest.raises(IntegrityError, match="expected a dataset, found a rubric"):
        decode_record(text, Dataset)


def test_a_dataset_s_content_is_its_training_examples_alone():
    def made(**other) -> Dataset:
        body = {"record": "dataset", "v": 1, "kind": "sft", "train": [], "holdout": [], "rejects": [], "mixture": []}
        return decode_record(json.dumps(body | {"watermark": 1, "config_digest": "d", "card": "c"} | other))

    example = {"salt": "s", "interaction_id": "i", "judgement_id": None, "messages": []}
    plain = made(train=[example])
    assert (
        made(train=[example], rejects=[{"interaction_id": "j", "reason": "short"}]).content_digest
        == plain.content_digest
    )
    assert made(train=[example], watermark=2).content_digest == plain.content_digest
    assert made(train=[example | {"salt": "t"}]).content_digest != plain.content_digest
    assert made(train=[example], rejects=[{"interaction_id": "j", "reason": "short"}]).rejects == (
        Reject(interaction_id="j", reason="short"),
    )


def test_an_unscored_item_is_named_and_stays_apart_from_zero():
    outcome = {"item_id": "a", "category": "c", "difficulty": "d", "score": 0, "answer": "", "reasons": []}
    proof = dict.fromkeys(("model_digest", "template_digest", "fingerprint", "server"), "x")
    body = {
        "record": "evaluation",
        "v": 1,
        "build_id": "b",
        "build_digest": "d",
        "proof": proof | {"adapter_digest": None, "slots": 1},
        "suite": "s",
        "suite_digest": "d",
        "scorer": "s",
        "scorer_lineage": [],
        "generation": {},
        "seeds": [1],
        "outcomes": [outcome, outcome | {"item_id": "b", "score": None}],
    }
    evaluation = decode_record(json.dumps(body), Evaluation)
    assert [outcome.item_id for outcome in evaluation.unscored] == ["b"]
    assert evaluation.outcomes[0].score == 0.0


def test_a_file_and_its_bytes_have_one_digest(tmp_path):
    data = bytes(range(256)) * 10_000
    (tmp_path / "large").write_bytes(data)
    assert digest_file(tmp_path / "large") == digest_bytes(data) == f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_records_do_not_change():
    rubric = Rubric(name="a", version="1", description="", criteria=())
    with pytest.raises(AttributeError):
        rubric.name = "b"
