"""A lesson is taken out by a statement, and let in again only by whoever took it out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bare_project import bare_project

from selftune.errors import UnknownNameError, UsageError
from selftune.governance.statements import withdraw
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.loop.lessons.taking_out import left_out, let_lesson_in, standing_exclusions, take_lesson_out
from selftune.records import Feedback, Interaction, Message, StatementKind, Thread, Trigger


def talk(*turns: str, name: str = "talk") -> Interaction:
    roles = ("user", "assistant") * len(turns)
    return Interaction(
        salt="s", conversation=name, task_id="t", trigger=Trigger.USER, source="test", position=f"{turns}",
        messages=tuple(Message(role=role, content=text) for role, text in zip(roles, turns, strict=False)),
        thread=Thread.WHOLE,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path):
    with bare_project(tmp_path / "p", tmp_path) as opened:
        yield opened


def test_a_lesson_goes_out_with_its_reason_and_comes_in_again_and_all_of_it_stays_on_record(project):
    (name,) = project.store.save([talk("Hello?", "Hm.")], event="captured")
    said = take_lesson_out(project, name, author="ana", because="That was a joke.")
    assert (said.kind, said.subject, said.text) == (StatementKind.EXCLUSION, name, "That was a joke.")
    assert left_out(project) == {name}
    assert take_lesson_out(project, name, author="ana", because="I said so.").id == said.id
    back = let_lesson_in(project, said.id, author="ana", because="It was not.")
    assert left_out(project) == frozenset()
    assert left_out(project, until=project.store.sequence_of(said.id)) == {name}
    assert {said.id, back.id} <= {one.id for _, one in project.store.each(type(said))}
    again = take_lesson_out(project, name, author="bo", because="It was.")
    assert [one.id for one in standing_exclusions(project)] == [again.id]
    with pytest.raises(UsageError, match="takes no lesson out now"):
        let_lesson_in(project, said.id, author="ana", because="Once more.")


def test_nobody_lets_in_what_somebody_else_took_out(project):
    (name,) = project.store.save([talk("Hello?", "Hm.")], event="captured")
    said = take_lesson_out(project, name, author="ana", because="Private.")
    with pytest.raises(UsageError, match="only its author"):
        let_lesson_in(project, said.id, author="eve", because="I want it.")
    context, door = project.context(), door_of(project)
    unsigned = withdraw(said, author="ana", text="Forged.", context=context, door=door)
    by_another = replace(unsigned, author="eve")
    project.store.save([unsigned], event="written by hand")
    put_on_record(project, by_another, event="written by hand")
    assert left_out(project) == {name}


def test_what_two_took_out_is_out_until_both_have_let_it_in(project):
    (name,) = project.store.save([talk("Hello?", "Hm.")], event="captured")
    hers = take_lesson_out(project, name, author="ana", because="Private.")
    his = take_lesson_out(project, name, author="bo", because="Wrong, and about me.")
    assert (his.author, his.text) == ("bo", "Wrong, and about me.")
    assert standing_exclusions(project) == (hers, his)
    let_lesson_in(project, hers.id, author="ana", because="Fine.")
    assert left_out(project) == {name}
    let_lesson_in(project, his.id, author="bo", because="Fine by me.")
    assert left_out(project) == frozenset()


def test_the_same_words_kept_apart_go_out_with_the_conversation_they_are_of(project):
    """An exchange that is kept by itself is no later version of the chat, and would be learnt in its place."""
    (name,) = project.store.save([talk("Hello?", "Hm.")], event="captured")
    take_lesson_out(project, name, author="ana", because="Private.")
    apart, begun = (
        replace(talk(*turns), thread=Thread.EXCHANGE) for turns in (("Hello?", "Hm."), ("Hello?", "Hm.", "And?", "So."))
    )
    apart = replace(apart, position="apart", feedback=Feedback(thumbs=1))
    others = (
        replace(talk("Hello?", "Yes."), thread=Thread.EXCHANGE),
        replace(talk("Hello?", "Hm.", name="another talk"), position="elsewhere"),
    )
    kept = project.store.save([apart, begun, *others], event="captured")
    assert len({name, *kept}) == 5
    assert left_out(project) == {name, *kept[:2]}


def test_a_conversation_that_went_on_stays_out(project):
    (name,) = project.store.save([talk("Hello?", "Hm.")], event="captured")
    take_lesson_out(project, name, author="ana", because="Private.")
    (later,) = project.store.save([talk("Hello?", "Hm.", "And?", "So.")], event="captured")
    assert later != name
    assert left_out(project) == {name, later}


def test_only_what_was_said_is_taken_out_and_never_without_a_reason(project):
    with pytest.raises(UnknownNameError):
        take_lesson_out(project, "interaction:none", author="ana", because="No.")
    (name,) = project.store.save([talk("Hello?", "Hm.")], event="captured")
    with pytest.raises(UsageError, match="text of a exclusion is empty"):
        take_lesson_out(project, name, author="ana", because=" ")
