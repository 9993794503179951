"""What has become of a tool: nothing is called that this machine did not sign and nobody allowed."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from forge_scripts import BUGGY
from forging_makers import (
    FRAGILE,
    called,
    impure,
    made,
    nobody,
    put,
    state,
    with_forge,
    yes,
)

from selftune.app.forging import (
    approve_tool,
    refuse_tool,
    resume_tool,
    suspend_tool,
)
from selftune.app.people import add_person
from selftune.app.signing import keys_folder
from selftune.app.waiting import Awaited, what_waits
from selftune.errors import (
    IntegrityError,
    UnknownNameError,
    UsageError,
)
from selftune.governance.people.keys import make_person_key
from selftune.governance.people.roster import Person
from selftune.governance.statements import approve, say, withdraw
from selftune.ledger.keys import load_machine_key
from selftune.loop.forging.standing import MACHINE, POLICY, ToolState, find_tool, seal_tool, tools_of
from selftune.loop.forging.toolbox import toolbox_of
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.personas.scripted import SCRIPTED
from selftune.records import (
    ForgingEnd,
    StatementKind,
)
from selftune.toolforge.config import ApprovedBy

pytestmark = pytest.mark.needs("bwrap")
PASSPHRASE = "eight letters or more"


def test_a_tool_is_proposed_and_called_by_nobody_until_a_person_says_yes(project):
    result = made(project)
    assert result.forging.ended_by is ForgingEnd.PROPOSED
    assert result.tool.written_by == SCRIPTED
    assert result.tool.forging_id == result.forging.id
    assert state(project) is ToolState.PROPOSED
    assert toolbox_of(project).schemas() == ()
    assert called(toolbox_of(project)).startswith("error: there is no tool")
    yes(project)
    assert state(project) is ToolState.APPROVED
    box = toolbox_of(project)
    assert [tool.name for tool in box.schemas()] == ["count_vowels"]
    assert called(box) == "2"


@pytest.mark.parametrize("how", ["body", "unsigned"])
def test_a_tool_that_was_altered_in_the_store_stops_everything_and_is_never_called(project, how):
    tool = put(project)
    yes(project)
    if how == "body":
        base = sqlite3.connect(project.hidden / "store.db")
        base.execute(
            "UPDATE records SET body = replace(body, 'aeiou', 'xyz') WHERE id = ?",
            (tool.id,),
        )
        base.commit()
        base.close()
    else:
        project.store.save([replace(tool, source=FRAGILE, version=2)], event="written by hand")
    with pytest.raises(IntegrityError):
        toolbox_of(project)
    with pytest.raises(IntegrityError):
        made(project, FRAGILE)


def test_a_later_version_takes_its_place_once_approved_and_none_comes_back_in_silence(project):
    put(project)
    yes(project)
    second = put(project, FRAGILE)
    assert (second.version, second.supersedes) == (2, tools_of(project)[0].tool.id)
    assert [state(project, 1), state(project, 2)] == [ToolState.APPROVED, ToolState.PROPOSED]
    assert toolbox_of(project).tools["count_vowels"].version == 1
    yes(project)
    assert [state(project, 1), state(project, 2)] == [ToolState.SUPERSEDED, ToolState.APPROVED]
    suspend_tool(project, "count_vowels", author="ann", because="it counts y")
    assert [state(project, 1), state(project, 2)] == [ToolState.SUPERSEDED, ToolState.SUSPENDED]
    assert toolbox_of(project).schemas() == ()
    resume_tool(project, "count_vowels", author="ann", because="it does not", ask=nobody)
    assert state(project, 2) is ToolState.APPROVED


def test_a_version_comes_back_by_a_person_s_yes_and_never_because_a_later_one_was_refused(project):
    first = put(project)
    yes(project)
    put(project, FRAGILE)
    refuse_tool(project, "count_vowels", author="bo", because="it breaks")
    # Nobody had allowed it: what was allowed before goes on.
    assert [state(project, 1), state(project, 2)] == [ToolState.APPROVED, ToolState.REFUSED]
    yes(project, author="bo")
    with pytest.raises(UsageError, match="took its place"):
        yes(project, first.id)
    refuse_tool(project, "count_vowels", author="bo", because="it does break")
    assert [state(project, 1), state(project, 2)] == [ToolState.SUPERSEDED, ToolState.REFUSED]
    assert toolbox_of(project).schemas() == ()
    yes(project, first.id)
    assert [state(project, 1), state(project, 2)] == [ToolState.APPROVED, ToolState.REFUSED]
    yes(project, author="bo")
    assert [state(project, 1), state(project, 2)] == [ToolState.SUPERSEDED, ToolState.APPROVED]


def test_the_yes_of_code_to_any_but_the_first_of_a_name_counts_for_nothing(project):
    by_code = with_forge(project, approve=ApprovedBy.PURE)
    first = put(project)
    # As two goes leave it that ended at once: neither had seen the other.
    other = seal_tool(
        replace(first, source=BUGGY, version=2, signature=None), load_machine_key(project.hidden / "keys")
    )
    project.store.save([other], event="tool proposed")
    context, door = project.context(), door_of(project)
    for tool in (first, other):
        given = say(StatementKind.APPROVAL, tool.id, MACHINE, "pure", context, door, author_is_model=True)
        put_on_record(project, replace(given, category=POLICY), event="tool approved by policy")
    assert [state(by_code, 1), state(by_code, 2)] == [ToolState.APPROVED, ToolState.PROPOSED]


def test_a_refusal_holds_until_who_said_it_takes_it_back(project):
    put(project)
    yes(project)
    refuse_tool(project, "count_vowels", author="bo", because="we count by hand")
    assert state(project) is ToolState.REFUSED
    with pytest.raises(UsageError, match="refused by bo"):
        yes(project)
    assert state(project) is ToolState.REFUSED
    yes(project, author="Bo ")
    assert state(project) is ToolState.APPROVED


def test_a_refusal_is_not_taken_back_by_what_this_machine_did_not_sign(project):
    put(project)
    yes(project)
    no = refuse_tool(project, "count_vowels", author="bo", because="we count by hand")
    back = withdraw(no, author="bo", text="fine", context=project.context(), door=door_of(project))
    project.store.save([back], event="written by hand")
    assert state(project) is ToolState.REFUSED
    put_on_record(project, replace(back, author_is_model=True, salt="1"), event="refusal withdrawn")
    assert state(project) is ToolState.REFUSED
    put_on_record(project, replace(back, salt="2"), event="refusal withdrawn")
    assert state(project) is ToolState.APPROVED


def test_the_yes_of_a_model_and_one_that_this_machine_did_not_sign_count_for_nothing(project):
    tool = put(project)
    context, door = project.context(), door_of(project)
    own = approve(tool.id, author="ann", text="yes", context=context, door=door)
    project.store.save([own], event="written by hand")
    put_on_record(project, replace(own, author_is_model=True, salt="1"), event="approved")
    assert state(project) is ToolState.PROPOSED


def test_code_approves_a_first_version_that_was_shown_to_be_pure_only_where_the_config_says_so(project):
    by_code = with_forge(project, approve=ApprovedBy.PURE)
    assert made(by_code).approved
    assert state(by_code) is ToolState.APPROVED
    assert called(toolbox_of(by_code)) == "2"
    # The config went back: what code allowed is allowed no more.
    assert state(project) is ToolState.PROPOSED
    assert not made(by_code, FRAGILE).approved
    spec, source = impure()
    assert not made(by_code, source.replace("count_vowels", "any_count"), **{**spec, "name": "any_count"}).approved


def test_in_a_team_a_person_of_the_roster_signs_and_code_approves_nothing(project, tmp_path, monkeypatch):
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    by_code = with_forge(project, approve=ApprovedBy.PURE)
    made(by_code)

    def ask(prompt):
        """A fake person at a terminal."""
        return PASSPHRASE

    for name in ("ann", "bo"):
        key = make_person_key(keys_folder(), name, ask)
        person = Person(name=name, key=key.public, roles=("keeper",))
        add_person(project, person, author="ann", because="she comes", ask=ask)
    assert state(by_code) is ToolState.PROPOSED
    context, door = project.context(), door_of(project)
    unsigned = approve(tools_of(project)[0].tool.id, author="ann", text="y", context=context, door=door)
    put_on_record(project, unsigned, event="tool approved")
    assert state(project) is ToolState.PROPOSED
    approve_tool(project, "count_vowels", author="bo", text="", ask=ask)
    assert state(project) is ToolState.APPROVED
    no = refuse_tool(project, "count_vowels", author="bo", because="we count by hand")
    back = withdraw(no, author="bo", text="fine", context=context, door=door)
    put_on_record(project, back, event="refusal withdrawn")
    assert state(project) is ToolState.REFUSED
    approve_tool(project, "count_vowels", author="bo", text="", ask=ask)
    assert state(project) is ToolState.APPROVED


def test_a_proposed_tool_stands_among_what_waits_for_a_person(project):
    put(project)
    (waits,) = what_waits(project)
    assert (waits.awaited, waits.blocks) == (Awaited.TOOL, False)
    yes(project)
    assert what_waits(project) == ()


def test_a_tool_is_found_by_name_and_id_and_a_slip_is_answered(project):
    tool = put(project)
    for name in ("count_vowels", tool.id, tool.id[:15]):
        assert find_tool(tools_of(project), name).tool.id == tool.id
    with pytest.raises(UnknownNameError, match="count_vowels"):
        find_tool(tools_of(project), "count_vowel")
