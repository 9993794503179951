"""Formats that come in, with exact counts and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selftune.errors import MissingFileError, UnknownNameError, UsageError
from selftune.interactions.config import Capture
from selftune.interactions.detect import detect_format, open_sources
from selftune.interactions.stage import capture
from selftune.records import Interaction, Quarantined, Trigger, decode_record, encode_record
from selftune.testing import fake_context

SYSTEM = '== STATE ==\n{\n"identity.name": "Brigo",\n"memory.song": "Fobro"\n}\n== END STATE ==\n\nObey the state.'


def write(path: Path, *entries: object) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), "utf-8")
    return path


def read(path: Path, tmp_path: Path, format_name: str = "auto") -> list[Interaction | Quarantined]:
    return list(capture(open_sources(path, format_name), Capture(), fake_context(tmp_path)))


def chat(*turns: tuple[str, str]) -> dict[str, object]:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def test_openai_conversation_keeps_what_stands_beside_the_messages(tmp_path):
    entry = chat(("user", "Who are you?"), ("assistant", "Nobody.")) | {
        "id": "c-7",
        "model": "some-model",
        "user": "person-3",
        "feedback": {"thumbs": -1, "correction": "I am Brigo."},
        "consent": {"keep": True, "train": False, "send": False},
    }
    (got,) = read(write(tmp_path / "log.jsonl", entry), tmp_path)
    assert isinstance(got, Interaction)
    assert (got.generated_by, got.author, got.task_id) == ("some-model", "person-3", "c-7")
    assert got.feedback is not None
    assert got.feedback.correction == "I am Brigo."
    assert not got.consent.train
    assert got.trigger is Trigger.IMPORT
    assert (got.source, got.answer) == ("openai:log.jsonl", "Nobody.")


def test_tool_calls_come_with_their_results(tmp_path):
    call = {"id": "a1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    entry = {
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a1", "content": "rain"},
            {"role": "assistant", "content": [{"type": "text", "text": "It rains."}]},
        ]
    }
    (got,) = read(write(tmp_path / "log.jsonl", entry), tmp_path)
    assert isinstance(got, Interaction)
    (made,) = got.messages[1].tool_calls
    assert (made.name, made.arguments, made.result) == ("weather", '{"city": "Oslo"}', "rain")
    assert got.answer == "It rains."


def test_an_id_that_is_answered_twice_gives_no_call_a_result(tmp_path):
    call = {"id": "a1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = {"role": "tool", "tool_call_id": "a1", "content": "x"}
    turn = {"role": "assistant", "content": "", "tool_calls": [call]}
    (got,) = read(write(tmp_path / "log.jsonl", {"messages": [turn, answer, turn, answer]}), tmp_path)
    assert isinstance(got, Interaction)
    assert [message.tool_calls[0].result for message in got.messages if message.tool_calls] == [None, None]


def test_parts_that_are_no_text_leave_a_mark_and_a_flag(tmp_path):
    entry = chat(("user", "x"), ("assistant", "A cat."))
    entry["messages"][0]["content"] = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {}},
    ]
    (got,) = read(write(tmp_path / "log.jsonl", entry), tmp_path)
    assert isinstance(got, Interaction)
    assert got.messages[0].content == "What is this?\n[image_url]"
    assert got.flags == ("parts_not_kept",)


def test_sharegpt_array_comes_in_as_one_interaction_a_conversation(tmp_path):
    turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}, {"from": "human", "value": "Bye"}]
    path = tmp_path / "log.json"
    path.write_text(json.dumps([{"id": "a", "conversations": turns}] * 3, indent=2), "utf-8")
    got = read(path, tmp_path)
    assert [item.messages[1].content for item in got if isinstance(item, Interaction)] == ["Hello"] * 3
    assert len({item.position for item in got}) == 3


def test_a_sharegpt_conversation_without_a_turn_is_set_aside_even_with_a_system_message(tmp_path):
    (tmp_path / "log.json").write_text('[{"conversations": [], "system": "Be brief."}]')
    (found,) = read(tmp_path / "log.json", tmp_path, "sharegpt")
    assert isinstance(found, Quarantined)
    assert found.reason == "log.json, item 1: it holds no turn"


def test_sharegpt_function_calls_become_tool_calls(tmp_path):
    turns = [
        {"from": "human", "value": "?"},
        {"from": "function_call", "value": '{"name": "find", "arguments": {"q": 1}}'},
        {"from": "observation", "value": "found"},
        {"from": "gpt", "value": "There."},
    ]
    (got,) = read(write(tmp_path / "log.jsonl", {"conversations": turns, "tools": "[]"}), tmp_path)
    assert isinstance(got, Interaction)
    (call,) = got.messages[1].tool_calls
    assert (call.name, call.arguments, call.result) == ("find", '{"q": 1}', "found")
    assert "tool_definitions_not_kept" in got.flags


def test_a_call_that_nothing_was_observed_of_has_no_result(tmp_path):
    turns = [{"from": "function_call", "value": '{"name": "find", "arguments": {}}'}, {"from": "gpt", "value": "?"}]
    (got,) = read(write(tmp_path / "log.jsonl", {"conversations": turns}), tmp_path)
    assert isinstance(got, Interaction)
    assert got.messages[0].tool_calls[0].result is None


def test_a4ps_entry_keeps_each_turn_with_its_persona(tmp_path):
    entry = {
        "task_id": "auto-001",
        "trigger": "motivator_service",
        "prompt": "Weigh closure against coupling.",
        "transcript": "BRICK: A closed system trades.\nWith walls.\n\nROBIN: A cell does both.\nALFRED: Settled.",
        "dissonance": [0.8, 0.2],
    }
    (got,) = read(write(tmp_path / "log.jsonl", entry), tmp_path)
    assert isinstance(got, Interaction)
    assert got.trigger is Trigger.MOTIVATOR
    assert (got.task_id, got.dissonance) == ("auto-001", (0.8, 0.2))
    assert [(message.role, message.persona) for message in got.messages] == [
        ("user", None),
        ("assistant", "BRICK"),
        ("assistant", "ROBIN"),
        ("assistant", "ALFRED"),
    ]
    assert got.messages[1].content == "A closed system trades.\nWith walls."


def test_a4ps_turns_of_the_architect_are_the_person_s(tmp_path):
    entry = {"prompt": "p", "transcript": "BRICK: One.\nARCHITECT: No, two.\nROBIN: Two it is."}
    (got,) = read(write(tmp_path / "log.jsonl", entry), tmp_path)
    assert isinstance(got, Interaction)
    assert [(message.role, message.persona) for message in got.messages[1:]] == [
        ("assistant", "BRICK"),
        ("user", None),
        ("assistant", "ROBIN"),
    ]


def test_a4ps_transcript_may_be_a_list_of_turns(tmp_path):
    listed = [{"persona": "brick", "content": "One."}, {"speaker": "ROBIN", "text": "Two."}, "ALFRED: Three."]
    base = {"task_id": "t", "trigger": "user", "prompt": "p"}
    path = write(tmp_path / "log.jsonl", base | {"transcript": listed}, base | {"transcript": {"messages": listed}})
    for got in read(path, tmp_path):
        assert isinstance(got, Interaction)
        assert [m.persona for m in got.messages[1:]] == ["BRICK", "ROBIN", "ALFRED"]


def test_a4ps_transcript_without_a_persona_is_quarantined(tmp_path):
    (got,) = read(write(tmp_path / "log.jsonl", {"prompt": "p", "transcript": "who said this?"}), tmp_path)
    assert isinstance(got, Quarantined)
    assert "does not begin with a persona" in got.reason


def test_state_set_brings_its_state_along(tmp_path):
    path = write(
        tmp_path / "set.jsonl",
        chat(("system", SYSTEM), ("user", "The song?"), ("assistant", "Fobro.")),
        chat(("user", "Hi"), ("assistant", "Hello.")),
    )
    with_state, without = read(path, tmp_path)
    assert isinstance(with_state, Interaction)
    assert isinstance(without, Interaction)
    assert json.loads(with_state.state or "")["memory.song"] == "Fobro"
    assert without.flags == ("no_state_block",)


def test_detection_says_what_and_why(tmp_path):
    entries = {
        "openai": chat(("user", "Hi")),
        "state_obedience": chat(("system", SYSTEM)),
        "sharegpt": {"conversations": []},
        "a4ps": {"prompt": "p", "transcript": []},
    }
    for name, entry in entries.items():
        found = detect_format(write(tmp_path / f"{name}.jsonl", entry))
        assert found.name == name
        assert "entries hold" in found.why


def test_a_format_nobody_knows_is_refused_with_the_keys_it_holds(tmp_path):
    with pytest.raises(UsageError, match=r"entries hold question.*--format a4ps"):
        detect_format(write(tmp_path / "log.jsonl", {"question": "?"}))


def test_a_file_without_an_entry_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no readable entry"):
        open_sources(write(tmp_path / "log.jsonl"))


def test_a_missing_file_and_a_misspelt_format_are_named(tmp_path):
    with pytest.raises(MissingFileError, match="there is no file"):
        open_sources(tmp_path / "none.jsonl")
    with pytest.raises(UnknownNameError, match="Did you mean 'sharegpt'"):
        open_sources(write(tmp_path / "log.jsonl", {}), "shargpt")


def test_a_folder_opens_a_source_for_each_file(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    write(folder / "b.jsonl", chat(("user", "Hi")))
    write(folder / "a.jsonl", {"conversations": []})
    (folder / "notes.txt").write_text("no log")
    assert [type(source).__name__ for source in open_sources(folder)] == ["ShareGPT", "OpenAIMessages"]


def test_an_appended_file_keeps_the_positions_it_had(tmp_path):
    first = [chat(("user", str(number % 2))) for number in range(4)]
    path = write(tmp_path / "log.jsonl", *first)
    before = [item.position for item in read(path, tmp_path)]
    write(path, *first, chat(("user", "new")), first[0])
    after = [item.position for item in read(path, tmp_path)]
    assert after[:4] == before
    assert len(set(after)) == 6


def test_whatever_comes_in_can_be_written_and_read_again(tmp_path):
    path = write(tmp_path / "log.jsonl", chat(("system", SYSTEM), ("user", "a"), ("assistant", "b")), {"messages": 3})
    for item in read(path, tmp_path, "openai"):
        assert decode_record(encode_record(item)) == item


@pytest.mark.parametrize(
    ("name", "source", "count"),
    [
        ("sharegpt_identity_500.json", "sharegpt", 500),
        ("glaive_toolcall_en_demo.json", "sharegpt", 300),
        ("kto_en_demo.json", "kto", 300),
    ],
)
def test_field_data_comes_in_completely(name, source, count, tmp_path, field_data):
    path = field_data / "formats" / name
    assert detect_format(path).name == source
    got = read(path, tmp_path)
    assert [type(item) for item in got] == [Interaction] * count
    assert len({(item.source, item.position) for item in got}) == count
