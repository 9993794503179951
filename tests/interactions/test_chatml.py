"""ChatML as text and in JSON entries."""

from __future__ import annotations

import pytest
from interaction_logs import places, read, said, whole, write

from selftune.interactions.detect import detect_format
from selftune.interactions.formats.chatml import _entries
from selftune.interactions.reading.documents import Limits
from selftune.records import Interaction, Quarantined

TWO = """<|im_start|>system
Be brief.<|im_end|>
<|im_start|>user
Hi,

you?<|im_end|>
<|im_start|>assistant
<think>hm</think>Hello.<|im_end|>

<|im_start|>user
Bye<|im_end|>
<|im_start|>assistant name=brick
Bye.<|im_end|>
"""
TURN = "<|im_start|>user\nHi<|im_end|>\n"


def test_conversations_of_a_text_file_part_at_blank_lines(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text(TWO, "utf-8")
    found = detect_format(path)
    assert (found.name, found.why) == ("chatml", "its text begins with `<|im_start|>`")
    one, two = whole(read(path, tmp_path))
    assert said(one) == [("system", "Be brief."), ("user", "Hi,\n\nyou?"), ("assistant", "Hello.")]
    assert one.messages[2].reasoning == "hm"
    assert said(two) == [("user", "Bye"), ("assistant", "Bye.")]
    assert two.messages[1].persona == "brick"


def test_a_system_turn_begins_a_conversation(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("<|im_start|>system\nA<|im_end|>\n" + TURN + "<|im_start|>system\nB<|im_end|>\n" + TURN, "utf-8")
    assert [item.messages[0].content for item in whole(read(path, tmp_path))] == ["A", "B"]


def test_a_grown_file_keeps_the_places_it_had(tmp_path):
    path = tmp_path / "log.txt"
    path.write_bytes(b"\xef\xbb\xbf" + TWO.encode())
    before = places(read(path, tmp_path))
    path.write_text(TWO + "\n" + TWO, "utf-8")
    after = places(read(path, tmp_path))
    assert before < after
    assert (len(before), len(after)) == (2, 4)


def test_chatml_in_json_entries_keeps_what_stands_beside_it(tmp_path):
    path = write(tmp_path / "log.jsonl", {"text": TURN, "model": "small-model"})
    assert detect_format(path).why == "the `text` of its entries begins with `<|im_start|>`"
    (got,) = whole(read(path, tmp_path))
    assert (got.generated_by, said(got)) == ("small-model", [("user", "Hi")])


@pytest.mark.parametrize(
    ("text", "messages", "flags"),
    [
        (TURN + "<|im_start|>assistant\n", 1, ()),
        (TURN + "<|im_start|>assistant\nHel", 2, ("cut_short",)),
        ("<|im_start|>user\nHi\n<|im_start|>assistant\nHello<|im_end|>", 2, ("turn_not_closed",)),
        (TURN + "<|endoftext|>", 1, ()),
    ],
    ids=["place for an answer", "cut answer", "open question", "end of text"],
)
def test_turns_that_are_not_closed_have_an_answer(text, messages, flags, tmp_path):
    (got,) = whole(read(write(tmp_path / "log.jsonl", {"text": text}), tmp_path))
    assert (len(got.messages), got.flags) == (messages, flags)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TURN + "lost", "'lost' stands outside of the turns"),
        ("<|im_start|>wizard\nHi<|im_end|>", "message 1 has the role 'wizard'"),
    ],
)
def test_a_broken_conversation_is_set_aside_and_the_next_one_comes_in(text, reason, tmp_path):
    path = tmp_path / "log.chatml"
    path.write_text(text + "\n\n" + TURN, "utf-8")
    items = read(path, tmp_path, "chatml")
    assert [type(item) for item in items] == [Quarantined, Interaction]
    assert isinstance(items[0], Quarantined)
    assert items[0].reason.startswith(f"log.chatml, line 1: {reason}")


def test_a_conversation_that_is_too_large_is_set_aside_with_its_beginning(tmp_path):
    path = tmp_path / "log.chatml"
    path.write_text(TURN + "\n<|im_start|>user\n" + "x" * 1000 + "<|im_end|>\n\n" + TURN, "utf-8")
    limits = Limits(line_bytes=300, kept_bytes=30)
    before, huge, after = _entries(path, limits)
    assert (before.fault, after.fault, before.raw, after.raw) == (None, None, TURN, TURN)
    assert huge.fault == "1,028 bytes in one conversation; only its beginning is kept"
    assert huge.raw == "<|im_start|>user\n" + "x" * 13
    assert (before.place, huge.place, after.place) == ("line 1", "line 4", "line 7")
