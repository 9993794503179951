"""`selftune trace`: what a person reads of a walk, and what is called by which name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.app.tracing_graph import lines_of_trace, trace_graph
from selftune.errors import UnknownNameError
from selftune.records import Interaction, Message, Model, Session, Statement, StatementKind, Trigger
from selftune.testing import fake_build


def said(name, **changes):
    messages = (Message(role="user", content="Who?"), Message(role="assistant", content=name))
    one = Interaction(
        salt=name, conversation="the talk", task_id=name, trigger=Trigger.USER, messages=messages, source="t",
        position=name,
    )  # fmt: skip
    return replace(one, **changes)


@pytest.fixture
def kept(released):
    """A project whose first release answered once, and whose base shows one lesson of a talk of two."""
    build = fake_build()
    talk = [said("a"), said("b")]
    answered = said("c", generated_by=build.digest, conversation="other")
    note = Statement(
        salt="s", author="ana", author_is_model=False, subject=build.id, kind=StatementKind.CONCERN, text="Hm.",
        said_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    released.store.save([*talk, answered, note], event="made by a test")
    return released


def test_a_release_is_traced_back_by_its_version_and_what_people_said_stands_beside_it(kept):
    traced = trace_graph(kept, "v1.0", forward=False)
    assert traced.forward is None
    assert [node.kind for node in traced.back or ()] == ["build", "sha256"]
    told = "\n".join(lines_of_trace(traced))
    assert "build: 1 (1 went into it)" in told
    assert "sha256: 1 (1 went into it, 1 that can't be read any more)" in told
    assert "said about these: statement:" in told


def test_a_conversation_is_traced_as_a_whole_by_its_name(kept):
    traced = trace_graph(kept, "the talk")
    assert len(traced.starts) == 2
    assert traced.back == ()
    assert traced.releases == ()
    assert list(lines_of_trace(traced))[1:] == [
        "rests on nothing that is on record", "nothing rests on it", "releases that learnt from it: none",
    ]  # fmt: skip


def test_models_and_sessions_are_found_by_what_they_are_called(kept):
    build = fake_build()
    model = Model(name="WILD-7", entered_at="t", parents=(build.id,))
    session = Session(salt="s", programme="wild-7", number=7, messages=(), source="a", position="line 1")
    kept.store.save([model, session], event="made by a test")
    traced = trace_graph(kept, "WILD-7")
    assert traced.starts == (model.id,)
    assert next(node.id for node in traced.back or () if node.learnt) == build.id
    assert trace_graph(kept, "wild-7:7").starts == (session.id,)
    with pytest.raises(UnknownNameError):
        trace_graph(kept, "WILD-8")
    assert model.id in {node.id for node in trace_graph(kept, build.id, back=False).forward or ()}


def test_of_many_the_first_are_printed_and_all_are_counted(kept):
    build = fake_build()
    answers = [said(f"a{n}", generated_by=build.digest) for n in range(20)]
    kept.store.save(answers, event="made by a test")
    told = list(lines_of_trace(trace_graph(kept, build.id, back=False), most=3))
    assert "  interaction: 21 (21 learnt from it)" in told
    assert "    and 18 more: selftune trace --json" in told


def test_why_points_from_a_session_and_a_model_to_where_they_are_shown(kept):
    from selftune.app.tracing import trace

    model = Model(name="WILD-7", entered_at="t")
    session = Session(salt="s", programme="wild-7\x1b[2J", number=7, messages=(), source="a", position="line 1")
    kept.store.save([model, session], event="made by a test")
    assert trace(kept, model.id).lines[-1] == f"entered as WILD-7: selftune registry show {model.id[:20]}"
    told = trace(kept, session.id).lines[-1]
    assert told.endswith(f"selftune archive show {session.id[:24]}")
    assert "\x1b" not in told


def test_one_that_was_erased_hides_none_of_those_beside_it(kept):
    from sqlalchemy import update

    from selftune.governance.tracing.walking import walk_back
    from selftune.store.dialect import writing
    from selftune.store.tables import RECORDS

    build = fake_build()
    sources = [said(f"s{n}", generated_by=build.digest) for n in range(3)]
    later = said("later", flags=(f"corrects:{sources[0].id}",), source="corrected")
    notes = Statement(
        salt="s", author="ana", author_is_model=False, subject=later.id, kind=StatementKind.REVIEW, text="Hm.",
        said_at="2026-01-01T00:00:00+00:00", evidence=(sources[1].id, sources[2].id),
    )  # fmt: skip
    store = kept.store
    store.save([*sources, later, notes], event="made by a test")
    alone, together = (walk_back(store, [notes.id], read_many=many) for many in (None, store.records))
    assert (set(alone.ids), set(alone.edges)) == (set(together.ids), set(together.edges))
    with writing(store._engine) as connection:
        connection.execute(update(RECORDS).where(RECORDS.c.id == sources[1].id).values(body=None))
    walk = walk_back(store, [notes.id], read_many=store.records)
    assert set(walk.ids) == set(alone.ids)
    assert "were erased" in dict(walk.unread)[sources[1].id]
    assert any(edge.of == sources[2].id and edge.on == build.id for edge in walk.edges)
