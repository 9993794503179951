"""What goes out comes back through our own importers; what a format can't carry is named; no file is overwritten."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selftune.curation.exporting import export
from selftune.curation.exports import FORMATS
from selftune.curation.exports.base import PERSONAS, REASONING, REJECTED
from selftune.errors import MissingFileError, UnknownNameError, UsageError
from selftune.interactions.detect import detect_format, open_sources
from selftune.records import Dataset, DatasetKind, Example, Interaction, Message, ToolCall
from selftune.testing import fake_context

# Importers split off reasoning, state blocks and control tokens; words without such marks are what a format must keep.
WORDS = st.text(st.characters(exclude_characters="<>\r\0", exclude_categories=["Cs"]), min_size=1, max_size=30)
NAMES = st.text("abcdefghij_", min_size=1, max_size=8)
SAID = WORDS.filter(str.strip)


def message(role: str, content: str, **more) -> Message:
    return Message(role=role, content=content, **more)


def turns(pairs, system):
    opening = [message("system", system)] if system else []
    spoken = [each for asked, said in pairs for each in (message("user", asked), message("assistant", said))]
    return (*opening, *spoken)


TALKS = st.builds(turns, st.lists(st.tuples(SAID, SAID), min_size=1, max_size=3), st.none() | SAID)


@st.composite
def talks_with_tools(draw):
    arguments = draw(st.dictionaries(NAMES, st.integers() | SAID, max_size=2).map(json.dumps))
    result = draw(SAID)
    call = ToolCall(name=draw(NAMES), arguments=arguments, result=result)
    said = [message("user", draw(SAID)), message("assistant", "", tool_calls=(call,)), message("tool", result)]
    return (*said, message("assistant", draw(SAID)))


def example(messages, rejected=None, number=0) -> Example:
    return Example(
        salt=str(number),
        interaction_id=f"interaction:{number:064x}",
        judgement_id=None,
        messages=messages,
        rejected=rejected,
        taught_by="m",
    )


def dataset(*examples, kind=DatasetKind.SFT, holdout=()) -> Dataset:
    return Dataset(
        kind=kind,
        train=examples,
        holdout=holdout,
        rejects=(),
        mixture=(),
        watermark=0,
        config_digest="sha256:0",
        card="",
    )


def come_back(path, tmp_path) -> list[Interaction]:
    (source,) = open_sources(path)
    items = list(source.read(fake_context(tmp_path)))
    assert all(isinstance(item, Interaction) for item in items), items
    return items


def round_trip(tmp_path, format_name, *examples):
    suffix = ".parquet" if format_name == "parquet" else ".jsonl"
    path = tmp_path / f"out{suffix}"
    path.unlink(missing_ok=True)
    told = export(dataset(*examples), format_name, path)
    return told, come_back(path, tmp_path)


RELAXED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize("format_name", FORMATS)
@RELAXED
@given(talks=st.lists(TALKS, min_size=1, max_size=3))
def test_conversations_come_back_as_they_went_out(tmp_path, format_name, talks):
    told, back = round_trip(tmp_path, format_name, *(example(talk, number=n) for n, talk in enumerate(talks)))
    assert [item.messages for item in back] == talks
    assert (told.written, told.lost, told.left_out) == (len(talks), (), ())


@pytest.mark.parametrize("format_name", ["openai", "axolotl", "parquet", "sharegpt", "llamafactory"])
@RELAXED
@given(talk=talks_with_tools())
def test_calls_of_tools_and_their_results_come_back(tmp_path, format_name, talk):
    told, (back,) = round_trip(tmp_path, format_name, example(talk))
    assert back.messages == talk
    assert told.lost == ()


@pytest.mark.parametrize("format_name", [name for name in FORMATS if name != "chatml"])
@RELAXED
@given(talk=TALKS, worse=SAID)
def test_pairs_come_back_with_the_answer_that_lost(tmp_path, format_name, talk, worse):
    if worse == talk[-1].content:
        worse += "!"
    told, (back,) = round_trip(tmp_path, format_name, example(talk, worse))
    assert back.messages == talk
    (lost,) = back.rejected
    assert (lost.at, lost.messages) == (len(talk) - 1, (message("assistant", worse),))
    assert told.lost == ()


@RELAXED
@given(talk=TALKS, thought=SAID.map(str.strip).filter(bool), name=NAMES)
@pytest.mark.parametrize("format_name", ["axolotl", "parquet"])
def test_reasoning_and_personas_come_back_where_there_is_a_place_for_them(tmp_path, format_name, talk, thought, name):
    rich = (*talk[:-1], replace(talk[-1], reasoning=thought, persona=name))
    told, (back,) = round_trip(tmp_path, format_name, example(rich))
    assert back.messages == rich
    assert told.lost == ()


RICH = (message("user", "Q"), message("assistant", "A", reasoning="Hm.", persona="BRICK"))


@pytest.mark.parametrize(
    ("format_name", "lost"),
    [
        ("chatml", {REASONING, REJECTED}),
        ("sharegpt", {REASONING, PERSONAS}),
        ("llamafactory", {REASONING, PERSONAS}),
        ("alpaca", {REASONING, PERSONAS}),
        ("openai", {REASONING, PERSONAS}),
        ("together", {REASONING, PERSONAS}),
        ("axolotl", set()),
        ("parquet", set()),
    ],
)
def test_what_a_format_has_no_place_for_is_named_and_nothing_else(tmp_path, format_name, lost):
    told, (back,) = round_trip(tmp_path, format_name, example(RICH, "worse"))
    assert {each.what for each in told.lost} == lost
    assert all(each.examples == 1 for each in told.lost)
    answer = back.messages[-1]
    assert (answer.content, answer.reasoning is None, answer.persona is None, back.rejected == ()) == (
        "A",
        REASONING in lost,
        PERSONAS in lost,
        REJECTED in lost,
    )


CALLING = (
    message("user", "Q"),
    message("assistant", "", tool_calls=(ToolCall(name="f", arguments="{}", result="1"),)),
    message("tool", "1"),
    message("assistant", "A"),
)
PLAIN = (message("user", "Q"), message("assistant", "A"))


@pytest.mark.parametrize(
    ("format_name", "talk", "why"),
    [
        ("alpaca", CALLING, "calls tools"),
        ("together", CALLING, "calls tools"),
        ("chatml", CALLING, "calls tools"),
        ("chatml", (message("user", "<|im_end|>"), PLAIN[1]), "control token"),
        ("alpaca", (PLAIN[0], PLAIN[0], PLAIN[1]), "take turns"),
        ("together", (PLAIN[0], message("system", "S"), PLAIN[1]), "system turn stands within"),
        ("llamafactory", (PLAIN[0], PLAIN[0], PLAIN[1]), "take turns"),
        ("llamafactory", (PLAIN[0], message("system", "S"), PLAIN[1]), "system turn stands within"),
        ("alpaca", (message("system", ""), *PLAIN), "empty"),
        ("openai", (PLAIN[0], message("tool", "1"), PLAIN[1]), "answers no call"),
        ("sharegpt", (PLAIN[0], replace(CALLING[1], content="So:"), CALLING[2], PLAIN[1]), "more than a single call"),
        ("openai", PLAIN[:1], "end with an answer"),
    ],
)
def test_a_conversation_that_a_format_would_bend_is_left_out_by_name(tmp_path, format_name, talk, why):
    path = tmp_path / "out.jsonl"
    told = export(dataset(example(talk, number=1), example(PLAIN, number=2)), format_name, path)
    (left,) = told.left_out
    assert why in left.reason
    assert left.interaction_ids == (example(talk, number=1).interaction_id,)
    assert (told.written, len(path.read_text("utf-8").splitlines())) == (1, 1)


def test_a_result_that_no_turn_repeats_is_named(tmp_path):
    call = ToolCall(name="f", arguments="{}", result="42")
    told, _ = round_trip(tmp_path, "openai", example((PLAIN[0], message("assistant", "A", tool_calls=(call,)))))
    assert [each.what for each in told.lost] == ["results of calls that no tool turn repeats"]


def test_an_example_without_a_worse_answer_does_not_mix_with_pairs(tmp_path):
    told, back = round_trip(tmp_path, "parquet", example(PLAIN, "worse", 1), example(PLAIN, number=2))
    assert len(back) == told.written == 1
    assert told.left_out[0].interaction_ids == (example(PLAIN, number=2).interaction_id,)


def test_a_file_that_is_there_is_not_touched_and_no_draft_stays(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        export(dataset(example(PLAIN)), "openai", path)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_when_nothing_fits_no_file_is_made(tmp_path):
    with pytest.raises(UsageError, match="none of 1"):
        export(dataset(example(CALLING)), "alpaca", tmp_path / "out.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_and_folders_are_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="openia"):
        export(dataset(), "openia", tmp_path / "x")
    with pytest.raises(UnknownNameError, match="test"):
        export(dataset(), "openai", tmp_path / "x", split="test")
    with pytest.raises(MissingFileError, match="no folder"):
        export(dataset(), "openai", tmp_path / "none" / "x")


def test_the_holdout_goes_out_by_itself(tmp_path):
    told = export(dataset(holdout=(example(PLAIN),)), "openai", tmp_path / "h.jsonl", split="holdout")
    assert told.written == 1


def test_the_formats_are_told_apart_when_they_come_back(tmp_path):
    pair = example(PLAIN, "worse")
    named = {}
    for name in FORMATS:
        path = tmp_path / f"{name}.jsonl"
        export(dataset(pair), name, path)
        named[name] = detect_format(path).name
    assert named == {
        "chatml": "chatml",
        "sharegpt": "pairs",
        "alpaca": "pairs",
        "openai": "preferred",
        "together": "preferred",
        "axolotl": "pairs",
        "llamafactory": "pairs",
        "parquet": "pairs",
    }


def test_the_note_names_the_file(tmp_path):
    told = export(dataset(example(PLAIN)), "llamafactory", tmp_path / "lessons.jsonl")
    assert '"file_name": "lessons.jsonl"' in told.note
