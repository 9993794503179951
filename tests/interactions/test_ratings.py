"""Open WebUI's export of ratings; samples of our own in the form of its feedback table."""

from __future__ import annotations

import pytest
from interaction_logs import document, read, said, whole

from selftune.interactions.detect import detect_format
from selftune.records import Feedback, Quarantined

MESSAGES = {
    "q": {"parentId": None, "role": "user", "content": "Hi"},
    "a": {"parentId": "q", "role": "assistant", "content": "Yo", "model": "m"},
    "b": {"parentId": "q", "role": "assistant", "content": "Hello.", "model": "n"},
    "r": {"parentId": "a", "role": "user", "content": "And now?"},
    "s": {"parentId": "r", "role": "assistant", "content": "Nothing.", "model": "m"},
}


def rating(thumb, message: str = "a", **facts) -> dict:
    chat = {"id": "c1", "chat": {"history": {"messages": MESSAGES, "currentId": "s"}}, "updated_at": 1767268800}
    return {
        "id": "f1",
        "user_id": "u1",
        "version": 0,
        "type": "rating",
        "data": {"rating": thumb, "model_id": "m", "sibling_model_ids": ["n"], "reason": "", "comment": ""},
        "meta": {"arena": False, "chat_id": "c1", "message_id": message, "message_index": 1},
        "snapshot": {"chat": chat},
        "created_at": 1767268800,
        "updated_at": 1767268800,
    } | facts


def test_a_rated_answer_comes_with_what_led_to_it_its_model_and_the_answers_it_beat(tmp_path):
    path = document(tmp_path / "feedback.json", [rating(1)])
    assert detect_format(path).name == "open_webui_feedback"
    (got,) = whole(read(path, tmp_path))
    assert said(got) == [("user", "Hi"), ("assistant", "Yo")]
    assert (got.generated_by, got.author, got.feedback) == ("m", "u1", Feedback(thumbs=1))
    assert [(lost.messages[0].content, lost.generated_by) for lost in got.rejected] == [("Hello.", "n")]


@pytest.mark.parametrize("thumb", [-1, "-1"])
def test_a_thumb_down_does_not_say_that_the_others_were_better(thumb, tmp_path):
    (got,) = whole(read(document(tmp_path / "feedback.json", [rating(thumb)]), tmp_path))
    assert got.feedback == Feedback(thumbs=-1)
    assert got.rejected == ()


def test_a_rating_further_down_the_chat_holds_all_that_was_said_before(tmp_path):
    (got,) = whole(read(document(tmp_path / "feedback.json", [rating(1, "s")]), tmp_path))
    assert [text for _, text in said(got)] == ["Hi", "Yo", "And now?", "Nothing."]


def test_words_about_an_answer_are_not_kept_and_it_is_said(tmp_path):
    entry = rating(1)
    entry["data"]["comment"] = "So polite!"
    (got,) = whole(read(document(tmp_path / "feedback.json", [entry]), tmp_path))
    assert "comment_not_kept" in got.flags


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (rating(None), "'rating' is missing"),
        (rating(5), "a rating is 5, not 1 or -1"),
        (rating(1, "gone"), "the message 'gone' where it was left is not in it"),
        (rating(1, snapshot=None), "no snapshot of the chat"),
    ],
)
def test_a_rating_that_can_not_be_placed_is_set_aside(entry, reason, tmp_path):
    (got,) = read(document(tmp_path / "feedback.json", [entry]), tmp_path)
    assert isinstance(got, Quarantined)
    assert reason in got.reason
