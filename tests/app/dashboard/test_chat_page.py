"""What the chat page does, in process: what goes into the log, what never does, and what is refused."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import pytest
from dashboard_visitor import Markup, Visitor
from page_reading import answered, begin_talk, does, mark_on, page, records, talks, words_of
from peopled_project import FakeLive, doubt_by

from selftune.app.codices import prompt_of
from selftune.app.conversing import sounds_like_doubt
from selftune.loop.forgetting.finding import find_words
from selftune.loop.forgetting.forget import forget
from selftune.loop.lessons.taking_out import left_out
from selftune.loop.project import open_project
from selftune.records import Build, Feedback, Interaction


@pytest.fixture(scope="module")
def visitor(peopled):
    return Visitor(peopled)


def test_a_talk_names_the_build_that_answered_and_goes_into_the_log(visitor, peopled):
    path = begin_talk(visitor, "Who are you?", system="Be short.")
    shown = words_of(visitor, path)
    assert re.search(r"Fake answer \d+ to Who are you\?", shown)
    assert "v1.1 (generation 1)" in shown
    (kept,) = talks(peopled)
    assert [one.role for one in kept.messages] == ["system", "user", "assistant"]
    assert visitor.sends(f"{path}/ask", question="And now?").status_code == 303
    answered(visitor, path)
    (grown,) = talks(peopled)
    assert grown.supersedes == kept.id
    assert [one.content for one in grown.messages if one.role == "user"] == ["Who are you?", "And now?"]


def test_a_thumb_a_better_answer_and_a_second_try_are_put_on_record(visitor, peopled):
    path = begin_talk(visitor, "What is a lamp?")
    before = talks(peopled)[-1]
    does(visitor, path, "judge", thumbs="-1")
    does(visitor, path, "judge", correction="A light.")
    kept = talks(peopled)[-1]
    assert kept.feedback == Feedback(thumbs=-1, correction="A light.")
    does(visitor, path, "judge", thumbs="")
    assert talks(peopled)[-1].feedback == Feedback(correction="A light.")
    does(visitor, path, "anew")
    answered(visitor, path)
    anew = talks(peopled)[-1]
    assert anew.feedback is None
    assert [(one.at, one.messages[0].content) for one in anew.rejected] == [(1, before.answer)]
    assert "1 earlier answer" in words_of(visitor, path)
    does(visitor, path, "otherwise", question="What is a candle?")
    answered(visitor, path)
    assert [one.content for one in talks(peopled)[-1].messages if one.role == "user"] == ["What is a candle?"]


def test_a_rated_answer_stays_rated_when_the_talk_goes_on(visitor, peopled):
    path = begin_talk(visitor, "What is a boat?")
    does(visitor, path, "judge", thumbs="1")
    visitor.sends(f"{path}/ask", question="And a ship?")
    answered(visitor, path)
    of_talk = [one for one in talks(peopled) if one.messages[0].content == "What is a boat?"]
    assert sorted((len(one.messages), one.feedback) for one in of_talk if one.feedback) == [(2, Feedback(thumbs=1))]
    assert [len(one.messages) for one in of_talk if not one.feedback] == [4]


def test_a_word_taken_back_is_news_to_the_log_too(visitor, peopled):
    """The log holds what the page says, also where both come back to what they were."""
    path = begin_talk(visitor, "What is an anchor?")
    for thumbs in ("1", "-1", "1"):
        does(visitor, path, "judge", thumbs=thumbs)
    assert "You liked it" in words_of(visitor, path)
    assert talks(peopled)[-1].feedback == Feedback(thumbs=1)
    does(visitor, path, "judge", thumbs="")
    kept = talks(peopled)[-1]
    assert kept.feedback is None
    does(visitor, path, "judge", correction="It holds a ship.")
    assert talks(peopled)[-1].feedback == Feedback(correction="It holds a ship.")
    does(visitor, path, "judge", correction=kept.answer)
    assert "You wrote instead" not in words_of(visitor, path)
    assert talks(peopled)[-1].feedback is None
    before = len(records(peopled, Interaction))
    does(visitor, path, "judge", thumbs="")
    assert len(records(peopled, Interaction)) == before


def test_a_question_that_comes_back_is_what_the_talk_holds(visitor, peopled, monkeypatch):
    def stream(self, body, heard):
        made, digest = plain(self, body, heard)
        return replace(made, text=f"Fake answer to {body['messages'][-1]['content']}"), digest

    plain = FakeLive.stream
    monkeypatch.setattr(FakeLive, "stream", stream)
    path = begin_talk(visitor, "alpha?")
    for question in ("beta?", "alpha?"):
        does(visitor, path, "otherwise", question=question)
        answered(visitor, path)
    assert [one.content for one in talks(peopled)[-1].messages] == ["alpha?", "Fake answer to alpha?"]


def test_a_form_of_an_answer_that_is_another_one_by_now_does_nothing(visitor, peopled):
    path = begin_talk(visitor, "What is a rudder?")
    seen = mark_on(visitor, path)
    does(visitor, path, "anew")
    answered(visitor, path)
    before = len(records(peopled, Interaction))
    for what, fields in (
        ("judge", {"thumbs": "-1"}),
        ("judge", {"correction": "It steers."}),
        ("anew", {}),
        ("otherwise", {"question": "And a tiller?"}),
        ("beside", {"generation": "v1.0"}),
        ("ask", {"question": "No, that's wrong.", "wrong": "yes"}),
    ):
        for of in ({"of": seen}, {}):
            refused = visitor.sends(f"{path}/{what}", **fields, **of)
            assert refused.status_code == 409, what
            assert "something else was answered or said here by now" in refused.text
    assert len(records(peopled, Interaction)) == before
    assert "You did not like it" not in words_of(visitor, path)


def test_nothing_is_said_of_an_answer_while_the_next_one_is_on_its_way(visitor, peopled, monkeypatch):
    begun, goes_on = threading.Event(), threading.Event()

    def stream(self, body, heard):
        begun.set()
        assert goes_on.wait(60)
        return plain(self, body, heard)

    plain = FakeLive.stream
    path = begin_talk(visitor, "What is a hull?")
    seen = mark_on(visitor, path)
    monkeypatch.setattr(FakeLive, "stream", stream)
    assert visitor.sends(f"{path}/ask", question="And a deck?").status_code == 303
    assert begun.wait(60)
    try:
        refused = visitor.sends(f"{path}/judge", thumbs="1", of=seen)
        assert refused.status_code == 409
        assert "under way" in refused.text
        assert visitor.sends(f"{path}/ask", question="And a bow?").status_code == 409
    finally:
        goes_on.set()
    answered(visitor, path)
    assert "You liked it" not in words_of(visitor, path)
    assert [one.content for one in talks(peopled)[-1].messages if one.role == "user"] == [
        "What is a hull?",
        "And a deck?",
    ]


def test_what_was_taken_out_stays_out_when_the_talk_goes_on(visitor, peopled):
    path = begin_talk(visitor, "What is a harpoon?")
    does(visitor, path, "judge", thumbs="1")
    assert visitor.sends("/tonight/out", id=talks(peopled)[-1].id, because="Not that.").status_code == 303
    visitor.sends(f"{path}/ask", question="And a net?")
    answered(visitor, path)
    of_talk = [one for one in talks(peopled) if one.messages[0].content == "What is a harpoon?"]
    assert sorted(len(one.messages) for one in of_talk) == [2, 4]
    with open_project(peopled) as project:
        assert {one.id for one in of_talk} <= left_out(project)


def test_what_was_forgotten_stands_on_no_page_and_is_told_no_model(visitor, peopled, monkeypatch):
    def stream(self, body, heard):
        told.append(body["messages"])
        return plain(self, body, heard)

    told, plain = [], FakeLive.stream
    path = begin_talk(visitor, "My cousin keeps zebra finches, what of it?", system="The cousin is Otto.")
    seen = mark_on(visitor, path)
    with open_project(peopled) as project:
        forget(project, find_words(project, talks(peopled)[-1].id))
    assert "zebra finches" not in page(visitor, "/chat")
    shown = page(visitor, path)
    assert "zebra finches" not in shown
    assert "Otto" not in shown
    assert visitor.sends(f"{path}/judge", thumbs="1", of=seen).status_code == 400
    monkeypatch.setattr(FakeLive, "stream", stream)
    visitor.sends(f"{path}/ask", question="And the shed?")
    shown = " ".join(Markup(answered(visitor, path)).words.split())
    assert "to And the shed?" in shown
    assert "were forgotten" in shown
    assert "fault of selftune" not in shown
    assert told == [[{"role": "user", "content": "And the shed?"}]]
    assert all("shed" not in str(one.messages) for one in records(peopled, Interaction))


def test_that_it_was_wrong_is_proposed_and_never_taken_silently(visitor, peopled):
    path = begin_talk(visitor, "What is a mast?")
    asked = visitor.sends(f"{path}/ask", question="No, that's wrong.")
    assert asked.status_code == 200
    assert "Was the last answer wrong?" in asked.text
    assert talks(peopled)[-1].feedback is None
    does(visitor, path, "ask", question="No, that's wrong.", wrong="no")
    answered(visitor, path)
    assert all(one.feedback is None for one in talks(peopled) if one.messages[0].content == "What is a mast?")
    other = begin_talk(visitor, "What is a keel?")
    does(visitor, other, "ask", question="That is not true.", wrong="yes")
    answered(visitor, other)
    of_talk = [one for one in talks(peopled) if one.messages[0].content == "What is a keel?"]
    assert [one.feedback for one in of_talk if one.feedback] == [Feedback(thumbs=-1)]


@pytest.mark.parametrize("words", ["No, that's wrong", "This is incorrect.", "Stimmt nicht!", "I think that is not so"])
def test_what_sounds_like_doubt(words):
    assert sounds_like_doubt(words)


@pytest.mark.parametrize("words", ["Know more?", "What went on?", "Thanks", "wrong " * 80])
def test_what_does_not(words):
    assert not sounds_like_doubt(words)


def test_another_generation_answers_beside_and_is_kept_under_its_own_name(visitor, peopled):
    path = begin_talk(visitor, "What is a sail?")
    assert does(visitor, path, "beside", generation="v9.9").status_code == 404
    does(visitor, path, "beside", generation="v1.0")
    answered(visitor, path)
    shown = words_of(visitor, path)
    assert "Beside it The lamp is lit. What is a sail?" in shown
    assert "v1.0 (generation 0)" in shown
    of_talk = [one for one in talks(peopled) if one.messages[0].content == "What is a sail?"]
    assert len({one.generated_by for one in of_talk}) == 2


def test_a_build_that_was_never_released_answers_beside_by_its_own_name_and_is_kept_nowhere(visitor, peopled):
    (tuned,) = [one for one in records(peopled, Build) if one.run_id is not None]
    path = begin_talk(visitor, "What is a spar?")
    offered = page(visitor, path).partition('<optgroup label="Never released">')[2]
    assert re.search(f'<option value="{tuned.id}">[^<]*the gate said inconclusive</option>', offered)
    before = len(records(peopled, Interaction))
    does(visitor, path, "beside", generation=tuned.id)
    answered(visitor, path)
    shown = words_of(visitor, path)
    assert "Beside it, never released Somebody lit it. What is a spar?" in shown
    assert f"build {tuned.digest[7:23]}" in shown
    assert "What it says is kept nowhere." in shown
    assert len(records(peopled, Interaction)) == before


def test_what_serves_is_not_offered_beside_itself(visitor, peopled):
    path = begin_talk(visitor, "What is a boom?")
    assert "v1.1" not in re.findall(r'<option value="([^"]+)"', page(visitor, path))
    assert does(visitor, path, "beside", generation="v1.1").status_code == 404


def test_what_is_to_be_kept_nowhere_is_kept_nowhere(visitor, peopled):
    before = len(records(peopled, Interaction))
    path = begin_talk(visitor, "A secret of mine", private="yes")
    does(visitor, path, "judge", thumbs="1")
    assert "Nothing of this goes into the log." in words_of(visitor, path)
    assert len(records(peopled, Interaction)) == before


def test_a_talk_goes_on_after_the_dashboard_was_started_again(visitor, peopled):
    path = begin_talk(visitor, "What is a galley?", system="Be short.")
    does(visitor, path, "judge", correction="A ship with oars.")
    visitor.sends(f"{path}/ask", question="And a slip?")
    answered(visitor, path)
    does(visitor, path, "anew")
    does(visitor, path, "judge", thumbs="-1")
    before = words_of(visitor, path)
    again = Visitor(peopled)
    assert f'href="{path}">What is a galley?' in page(again, "/chat")
    shown = words_of(again, path)
    for said in ("What is a galley?", "You wrote instead", "A ship with oars.", "And a slip?", "1 earlier answer",
                 "You did not like it", "v1.1 (generation 1)"):  # fmt: skip
        assert said in shown, said
        assert said in before, said
    assert "As the log has it" in shown
    assert "It showed no proof." not in shown
    kept = talks(peopled)[-1]
    assert does(again, path, "judge", thumbs="1").status_code == 303
    later = talks(peopled)[-1]
    assert later.supersedes == kept.id
    assert (later.messages, later.rejected) == (kept.messages, kept.rejected)
    assert again.sends(f"{path}/ask", question="And an oar?").status_code == 303
    assert "to And an oar?" in " ".join(Markup(answered(again, path)).words.split())
    assert [one.content for one in talks(peopled)[-1].messages][:3] == [
        "Be short.",
        "What is a galley?",
        "A ship with oars.",
    ]


def test_a_talk_that_went_with_the_dashboard_ends_its_stream_with_a_word(visitor, peopled):
    path = begin_talk(visitor, "A secret of mine", private="yes")
    told = Visitor(peopled).get(f"{path}/stream")
    assert told.status_code == 200
    assert "unknown conversation" in told.text
    assert told.text.rstrip().endswith("data: over")


def test_a_talk_that_nobody_began_is_not_there(visitor):
    answer = visitor.get("/chat/0123456789ab")
    assert answer.status_code == 404
    assert "unknown conversation" in answer.text


def test_the_model_answers_as_a_persona_of_the_codex_when_asked_to(visitor, peopled):
    path = begin_talk(visitor, "Who speaks?", persona="ROBIN", system="Be short.")
    assert "The model answers as ROBIN." in words_of(visitor, path)
    told = talks(peopled)[-1].messages[0].content
    assert told == f"{prompt_of(peopled, 'ROBIN')}\n\nBe short."
    assert visitor.sends("/chat/begin", question="And you?", persona="ARCHITECT").status_code == 400
    assert visitor.sends("/chat/begin", question="And you?", persona="<b>").status_code == 404


def test_what_was_said_to_hurt_a_page_is_shown_as_words(visitor, peopled):
    path = begin_talk(visitor, "<img src=x onerror=alert(1)>", system="</textarea><script>alert(1)</script>")
    assert Markup(page(visitor, path)).faults == []
    with open_project(peopled) as project:
        project.store.save([doubt_by("<b>eve</b>", "project", "'\"><svg onload=alert(1)>")], event="made by a test")
    assert "<svg onload=alert(1)>" in Markup(page(visitor, "/governance")).words


def test_streams_come_in_one_file_with_what_reads_them(visitor):
    """In a second file they could come after htmx had begun, and a page then never heard that its answer was there."""
    scripts = re.findall(r'<script src="([^"]+)"', page(visitor, "/chat"))
    assert scripts == ["/static/htmx.js"]
    text = visitor.get(scripts[0]).text
    assert text.index("registerExtension") < text.index("hx-sse:connect")
