"""Keys and the roster by command: a passphrase from a terminal only, and a team from the second person on."""

from __future__ import annotations

import getpass
import io
import stat

import pytest
from terminals import at_a_terminal

from selftune.app import people as commands
from selftune.app.approving import approve_next
from selftune.app.doubting import Wish, end, raise_on
from selftune.app.people import add_person, change_person, describe_people, revoke_key
from selftune.app.signing import keys_folder
from selftune.errors import DamagedFileError, MissingFileError, UsageError, WaitingForPersonError
from selftune.governance.people.keys import (
    ask_on_terminal,
    known_keys,
    load_person_key,
    make_person_key,
    read_public_key,
)
from selftune.governance.people.roster import KEEPER, Person
from selftune.loop.hearing import hear_project
from selftune.records import Gravity, Release, Statement

PASSPHRASE = "eight letters or more"


def told(_):
    """A person who types the passphrase: a fake one."""
    return PASSPHRASE


def asked_too_much(prompt):
    """Nobody may be asked."""
    raise AssertionError(prompt)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def key_for(name):
    return make_person_key(keys_folder(), name, told).public


def add(project, name, *, ask=told, author="ana", **more):
    return add_person(
        project, Person(name=name, key=key_for(name), **more), author=author, because="she joined", ask=ask
    )


@pytest.fixture
def team(released):
    """Ana, who keeps the roster, Ben and Cy."""
    add(released, "ana")
    add(released, "ben")
    add(released, "cy")
    return released


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_key_lies_behind_a_passphrase_where_only_its_owner_reads_it(own_home):
    made = make_person_key(keys_folder(), "ana", told)
    path = own_home / "keys" / "ana.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in path.read_bytes()
    assert list(known_keys(keys_folder())) == [("ana", made.public)]
    again = load_person_key(keys_folder(), "ana", told)
    assert (again.public, again.sign(b"x")) == (made.public, made.sign(b"x"))
    assert read_public_key(str(own_home / "keys" / "ana.pub")) == made.public == read_public_key(made.public)
    assert "_key" not in repr(made)


def test_wrong_passphrase_lost_open_and_damaged_keys_are_refused_with_a_next_step(own_home):
    key_for("ana")
    path = own_home / "keys" / "ana.pem"
    with pytest.raises(UsageError, match="was not unlocked"):
        load_person_key(keys_folder(), "ana", lambda _: "something else")
    with pytest.raises(MissingFileError, match="no key named"):
        load_person_key(keys_folder(), "ben", told)
    with pytest.raises(UsageError, match="there is a key named"):
        key_for("ana")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="other users"):
        load_person_key(keys_folder(), "ana", told)
    path.chmod(0o600)
    path.write_text("-----BEGIN PRIVATE KEY-----\n", encoding="ascii")
    with pytest.raises(DamagedFileError):
        load_person_key(keys_folder(), "ana", told)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 65])
def test_name_that_is_no_file_s_is_refused(name):
    with pytest.raises(UsageError, match="can't be a key's name"):
        make_person_key(keys_folder(), name, told)


def test_short_passphrases_and_slips_are_refused():
    with pytest.raises(UsageError, match="fewer than"):
        make_person_key(keys_folder(), "ana", lambda _: "short")
    twice = iter(["eight letters", "eight lettres"])
    with pytest.raises(UsageError, match="differ"):
        make_person_key(keys_folder(), "ana", lambda _: next(twice))
    assert not keys_folder().exists()


def test_no_pipe_gives_a_passphrase(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSPHRASE}\n"))
    with pytest.raises(UsageError, match="from a terminal only"):
        ask_on_terminal("Passphrase: ")


def test_a_person_makes_a_key_at_a_terminal_and_it_is_not_shown(own_home):
    with at_a_terminal("key", "new", "ana", SELFTUNE_HOME=str(own_home)) as typing:
        typing.wait_for("New passphrase for ana")
        typing.type(f"{PASSPHRASE}\n")
        typing.wait_for("once more")
        typing.type(f"{PASSPHRASE}\n")
        assert typing.end() == 0
        assert PASSPHRASE not in typing.seen
    assert load_person_key(keys_folder(), "ana", told).public in typing.seen
    assert str(keys_folder() / "ana.pub") in typing.seen


# --- The roster -------------------------------------------------------------------------------------------------------


def test_one_person_alone_is_asked_for_no_key_by_any_command(released):
    wish = Wish(subject="project", text="Too fast.", author="somebody")
    concern = raise_on(released, wish, gravity=Gravity.NOTED, topic="", evidence=(), write=asked_too_much)
    cited = released.store.last(Release).id
    end(released, concern.id, "Looked.", author="another", evidence=(cited,), ask=asked_too_much)
    approve_next(released, author="", text="", ask=asked_too_much)
    assert list(describe_people(hear_project(released))) == [
        "Nobody is on the roster: one person works here, without a key."
    ]
    assert not keys_folder().exists()


def test_first_person_is_a_keeper_and_the_second_makes_a_team(released):
    add(released, "ana")
    hearing = hear_project(released)
    assert (hearing.alone, hearing.roster.members[0].now.roles) == (True, (KEEPER,))
    add(released, "ben", roles=("evaluator",), reports_to="ana")
    hearing = hear_project(released)
    assert not hearing.alone
    lines = list(describe_people(hearing))
    assert lines[1].startswith("ben: evaluator; key ")
    assert "reports to ana" in lines[1]
    assert lines[-1].startswith("A team: ")


def test_nobody_but_a_keeper_changes_the_roster_and_what_would_not_count_is_not_kept(team):
    before = team.store.count(Statement)
    with pytest.raises(WaitingForPersonError, match="only a keeper"):
        add(team, "dee", author="ben")
    with pytest.raises(WaitingForPersonError, match="another person's already"):
        add_person(
            team, Person(name="eve", key=dict(known_keys(keys_folder()))["ben"]), author="ana", because="", ask=told
        )
    with pytest.raises(MissingFileError, match="not on the roster"):
        add(team, "fay", author="eve")
    assert team.store.count(Statement) == before


@pytest.mark.parametrize("name", ["fake", "Selftune", "v1.0", " CHAMPION"])
def test_no_model_gets_a_role_under_a_name_by_which_it_is_known(team, name):
    with pytest.raises(UsageError, match="a model holds no role"):
        add_person(team, Person(name=name, key="0" * 64, roles=("evaluator",)), author="ana", because="", ask=told)
    with pytest.raises(WaitingForPersonError, match="a model holds no role"):
        add_person(
            team,
            Person(name="m", key="0" * 64, roles=("evaluator",), is_model=True),
            author="ana",
            because="",
            ask=told,
        )


def test_in_a_team_an_approval_and_a_closing_bear_their_author_s_key(team):
    said = approve_next(team, author="ben", text="Looked.", ask=told)
    assert said.key == dict(known_keys(keys_folder()))["ben"]
    with pytest.raises(MissingFileError, match="not on the roster"):
        approve_next(team, author="zoe", text="", ask=told)
    concern = raise_on(
        team, Wish(subject="project", text="x", author="ana"), gravity=Gravity.NOTED, topic="", evidence=(), write=told
    )
    assert concern.key is None
    cited = team.store.last(Release).id
    closing = end(team, concern.id, "Looked.", author="cy", evidence=(cited,), ask=told)
    assert closing.key_signature is not None


def test_renamed_person_with_a_new_key_stays_who_they_were(team):
    fresh = key_for("benjamin")
    change_person(team, "ben", {"name": "benjamin", "key": fresh}, author="ana", because="he married", ask=told)
    hearing = hear_project(team)
    assert hearing.roster.named("ben") == hearing.roster.named("benjamin")
    assert any("once ben" in line for line in describe_people(hearing))
    with pytest.raises(UsageError, match="nobody on the roster"):
        change_person(team, "ben", {"gone": True}, author="ana", because="", ask=told)


def test_revoked_key_ends_nothing_more_and_a_statement_may_say_since_when(team):
    said = approve_next(team, author="ben", text="Looked.", ask=told)
    with pytest.raises(UsageError, match="empty"):
        revoke_key(team, "ben", "", since="", author="ana")
    revoke_key(team, "ben", "lost", since=said.id[:18], author="ana")
    public = dict(known_keys(keys_folder()))["ben"]
    assert hear_project(team).roster.revoked == {public: team.store.sequence_of(said.id)}
    concern = raise_on(
        team, Wish(subject="project", text="x", author="ana"), gravity=Gravity.NOTED, topic="", evidence=(), write=told
    )
    with pytest.raises(WaitingForPersonError, match="its key was revoked"):
        end(team, concern.id, "Looked.", author="ben", evidence=(team.store.last(Release).id,), ask=told)
    assert any("key revoked" in line for line in describe_people(hear_project(team)))
    with pytest.raises(UsageError, match="names no key"):
        revoke_key(team, "nobody", "x", since="", author="")


def test_person_is_found_by_the_name_of_their_account(team):
    change_person(team, "ben", {"account": getpass.getuser()}, author="ana", because="", ask=told)
    assert commands.speaker(team, "") == "ben"
