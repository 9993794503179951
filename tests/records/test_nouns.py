"""The few things that records work out from what they hold."""

from __future__ import annotations

from dataclasses import replace

from samples import FILES, SAMPLES

from selftune.records import BaseModel, Build, FileDigest, Interaction, Message, Parity


def sample(kind):
    return next(record for record in SAMPLES if isinstance(record, kind))


def test_a_base_is_pinned_by_its_files_alone():
    base = sample(BaseModel)
    assert replace(base, name="another", source="hub").digest == base.digest
    assert replace(base, files=()).digest != base.digest


def test_a_build_s_digest_is_of_what_answers_not_of_how_it_was_made():
    build = sample(Build)
    assert replace(build, tools=(), run_id=None, parity=(), manifest_signature=None).digest == build.digest
    for change in (
        {"files": ()},
        {"template_digest": "sha256:00"},
        {"tokenizer_digest": "sha256:00"},
        {"system_prompt": None},
        {"generation": replace(build.generation, temperature=0.0)},
    ):
        assert replace(build, **change).digest != build.digest


def test_a_build_finds_its_files_by_name():
    build = replace(sample(Build), files=(*FILES, FileDigest(name="adapter.gguf", digest="sha256:00", size_bytes=1)))
    assert build.file("model.gguf") == FILES[0]
    assert build.file("nothing.gguf") is None


def test_parity_is_reached_at_its_threshold():
    at = Parity(name="greedy", measured=0.9, threshold=0.9, n=50)
    assert at.passed
    assert not replace(at, measured=0.89).passed


def test_a_prompt_is_all_before_the_last_answer():
    user, answer = Message(role="user", content="hello"), Message(role="assistant", content="good day")
    talk = replace(sample(Interaction), messages=(user, answer, user, replace(answer, content="again")))
    assert talk.prompt == (user, answer, user)
    assert talk.answer == "again"
    unanswered = replace(talk, messages=(user,))
    assert unanswered.prompt == (user,)
    assert unanswered.answer is None
