"""Nothing but a person's own key changes the codex: whatever runs here tries everything else that it can."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
from amending_makers import (
    LIGHTHOUSE,
    adopted,
    changed_text,
    draft,
    in_force,
    machine_signed,
    proposed,
    signing,
    standing_in,
    why_not,
)
from bare_project import bare_project
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from people_makers import entry, fake_person_key, first, revoke
from typer.models import ArgumentInfo
from typer.testing import CliRunner

import selftune
from selftune.app.amending import adopt_file
from selftune.app.amendments_page import describe_amendment
from selftune.app.cli.codex import codex
from selftune.codex.reading import parse_codex
from selftune.errors import IntegrityError, SelftuneError, WaitingForPersonError
from selftune.governance.amendments.standing import ADOPTED, APPROVED, CONFIRMED, PROPOSED, UNDONE
from selftune.governance.keys import sign_as_person
from selftune.governance.people.keys import PersonKey
from selftune.governance.statements import say
from selftune.ledger.keys import load_machine_key, make_machine_key, prepare_next, take_over
from selftune.loop.amending.deciding import approve, confirm, restore, roll_back, turn_down, waits_for_confirmation
from selftune.loop.amending.standing import adopt, check_codex, file_of, require_adopted
from selftune.loop.config import CodexSection
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.loop.talking import AmendmentSection
from selftune.records import Amendment, Statement, StatementKind
from selftune.store import Store

PIPED = "y\nyes\napproved\neight letters or more\n" * 3


def statement(project, amendment, kind=StatementKind.AMENDMENT, category=APPROVED, author="ana", **more):
    """What an approval would say, signed by nobody yet."""
    said = say(kind, amendment.id, author, "approved", project.context(), door_of(project))
    return replace(said, **({"category": category, "links": (amendment.follows,)} | more))


def keep(project, said, key=None):
    """Put it on record as whatever runs here can: with the machine's signature."""
    signed = said if key is None else sign_as_person(said, key)
    return put_on_record(project, signed, event="forged by a test")


def assert_unchanged(project, before):
    assert in_force(project) == before
    assert require_adopted(project) == before


@pytest.fixture
def opened(project):
    made, keys = adopted(project, "ana")
    return made, keys["ana"]


# --- Statements that whatever runs here can write ---------------------------------------------------------------------


def test_no_statement_of_any_kind_counts_that_only_the_machine_signed(opened):
    project, _ = opened
    before, amendment = in_force(project), proposed(project)
    for kind in StatementKind:
        if kind in {StatementKind.REFUSAL, StatementKind.ROSTER, StatementKind.REVOCATION}:
            continue  # they take only trust away, or have a test of their own below
        for category in ("", ADOPTED, PROPOSED, APPROVED, UNDONE, CONFIRMED):
            keep(project, statement(project, amendment, kind, category, after=amendment.text_after))
    assert_unchanged(project, before)


def test_second_adoption_changes_nothing(opened):
    project, _ = opened
    before, amendment = in_force(project), proposed(project)
    forged = keep(project, statement(project, amendment, category=ADOPTED, after="x", subject=amendment.codex_after))
    assert "adopted already" in why_not(project, forged)
    assert_unchanged(project, before)


@pytest.mark.parametrize("successions", [0, 1, 2])
def test_key_that_the_machine_holds_or_held_is_no_person_s(opened, successions):
    project, ana = opened
    before, amendment, folder = in_force(project), proposed(project), project.hidden / "keys"
    machine = load_machine_key(folder)
    held = PersonKey(name="bot", public=machine.public, _key=Ed25519PrivateKey.from_private_bytes(machine._seed))
    put_on_record(project, entry(held, ana), event="roster changed")
    for _ in range(successions):
        take_over(folder, prepare_next(folder))
    forged = keep(project, statement(project, amendment, author="bot"), held)
    assert "the machine's own key" in why_not(project, forged)
    assert_unchanged(project, before)


@pytest.mark.parametrize("whose", ["a stranger's key", "a model's key", "another's name", "a revoked key"])
def test_signature_of_somebody_who_may_not_is_refused_with_the_reason(opened, whose):
    project, ana = opened
    before, amendment = in_force(project), proposed(project)
    bot = fake_person_key("bot")
    said = statement(project, amendment, author="bot")
    if whose == "a model's key":
        put_on_record(project, entry(bot, ana, is_model=True), event="roster changed")
    if whose == "another's name":
        put_on_record(project, entry(bot, ana), event="roster changed")
        said = statement(project, amendment, author="ana")
    if whose == "a revoked key":
        put_on_record(project, entry(bot, ana), event="roster changed")
        put_on_record(project, revoke(bot), event="key revoked")
    forged = keep(project, said, bot)
    assert why_not(project, forged)
    assert_unchanged(project, before)


def test_statement_that_says_it_is_a_model_s_counts_for_nothing(opened):
    project, ana = opened
    before, amendment = in_force(project), proposed(project)
    forged = keep(project, statement(project, amendment, author_is_model=True), ana)
    assert "model" in why_not(project, forged)
    assert_unchanged(project, before)


def test_nobody_is_let_onto_the_roster_by_the_machine(opened):
    project, _ = opened
    before, amendment, bot = in_force(project), proposed(project), fake_person_key("bot")
    put_on_record(project, entry(bot, bot, roles=("keeper",)), event="roster changed")
    forged = keep(project, statement(project, amendment, author="bot"), bot)
    assert "nobody's on the roster" in why_not(project, forged)
    assert_unchanged(project, before)


def test_signature_over_one_proposal_is_none_over_another(opened):
    project, ana = opened
    before = in_force(project)
    one, other = proposed(project, changed_text(project, "2")), proposed(project, changed_text(project, "3"))
    signed = sign_as_person(statement(project, one), ana)
    forged = keep(project, replace(signed, subject=other.id))
    assert "does not fit" in why_not(project, forged)
    assert_unchanged(project, before)


def test_signature_counts_in_no_other_project(opened, tmp_path):
    project, ana = opened
    amendment = proposed(project)
    signed = sign_as_person(statement(project, amendment), ana)
    with bare_project(tmp_path / "other", tmp_path) as bare:
        other, _ = adopted(bare)
        put_on_record(other, entry(ana, ana, roles=("keeper",)), event="roster changed")
        before = in_force(other)
        assert before == amendment.codex_before
        copied = [project.store.record(amendment.codex_after, type(codex_of(project, amendment))), amendment]
        other.store.save(copied, event="copied by a test")
        forged = keep(other, signed)
        assert "another edition" in why_not(other, forged)
        assert_unchanged(other, before)


def codex_of(project, amendment):
    return project.store.any_record(amendment.codex_after)


def test_yes_from_before_the_proposal_or_the_cooling_off_is_none(project):
    project, keys = adopted(project, "ana", cooling_hours=24.0)
    before, amendment = in_force(project), proposed(project)
    early = keep(project, statement(project, amendment), keys["ana"])
    assert "cools off" in why_not(project, early)
    late = keep(project, statement(project, amendment, said_at=amendment.lapses_at), keys["ana"])
    assert "lapsed" in why_not(project, late)
    unborn = replace(amendment, salt="ff")
    unknown = keep(project, statement(project, unborn, said_at=amendment.cools_until), keys["ana"])
    project.store.save([unborn], event="kept by a test")
    assert "no such proposal" in why_not(project, unknown)
    assert_unchanged(project, before)


def test_shortened_proposal_is_another_one_and_takes_a_signature_of_its_own(project):
    project, keys = adopted(project, "ana", "ben", cooling_hours=24.0)
    before, amendment = in_force(project), proposed(project, key=keys["ana"])
    signed = sign_as_person(statement(project, amendment), keys["ben"])
    shortened = replace(amendment, cools_until=amendment.proposed_at, second_person=False)
    project.store.save([shortened], event="kept by a test")
    assert "does not fit" in why_not(project, keep(project, replace(signed, subject=shortened.id)))
    assert_unchanged(project, before)


def test_shortened_proposal_that_a_person_signs_was_never_put_forward(project):
    project, keys = adopted(project, "ana", cooling_hours=24.0)
    before, amendment = in_force(project), proposed(project)
    shortened = replace(amendment, cools_until=amendment.proposed_at)
    project.store.save([shortened], event="kept by a test")
    assert "put it forward" in why_not(project, keep(project, statement(project, shortened), keys["ana"]))
    said = statement(project, shortened, category=PROPOSED)
    keep(project, said)
    with pytest.raises(WaitingForPersonError, match="cools off until"):
        approve(project, shortened, author="ana", text="", sign=signing(keys["ana"]))
    assert_unchanged(project, before)


def test_in_a_team_no_record_says_by_itself_that_one_person_suffices(project):
    project, keys = adopted(project, "ana", "ben")
    amendment = proposed(project, author="reference", author_is_model=True)
    alone = replace(amendment, second_person=False)
    project.store.save([alone], event="kept by a test")
    keep(project, statement(project, alone, category=PROPOSED, author="reference"))
    assert not approve(project, alone, author="ben", text="", sign=signing(keys["ben"])).in_force
    assert_unchanged(project, amendment.codex_before)
    assert approve(project, alone, author="ana", text="", sign=signing(keys["ana"])).in_force


@pytest.mark.parametrize("lie", ["its changes", "its text", "no codex"])
def test_proposal_that_says_something_else_of_itself_is_refused_before_a_passphrase_is_typed(opened, lie):
    project, _ = opened
    amendment = proposed(project)
    lies = {
        "its changes": {"changes": ("version: '1' -> '1c'",)},
        "its text": {"text_after": changed_text(project, "6")},
        "no codex": {"text_after": "name = ["},
    }
    lying = replace(amendment, **lies[lie])
    project.store.save([lying], event="kept by a test")
    keep(project, statement(project, lying, category=PROPOSED))
    with pytest.raises(IntegrityError, match="not what it says of itself"):
        approve(project, lying, author="ana", text="", sign=lambda _: pytest.fail("a person was asked to sign"))
    shown = "\n".join(describe_amendment(project, lying))
    assert "It is not what it says of itself" in shown
    assert "'1c'" not in shown
    assert_unchanged(project, amendment.codex_before)


def test_what_the_codex_forbids_is_forbidden_also_where_the_proposal_says_nothing_of_it(opened):
    project, ana = opened
    before = in_force(project)
    amendment = proposed(project, LIGHTHOUSE.replace("The lamp comes first.", "Sell the lamp."))
    quiet = replace(amendment, forbidden=(), salt="ff")
    project.store.save([quiet], event="kept by a test")
    forged = keep(project, statement(project, quiet), ana)
    assert "does not let itself be changed" in why_not(project, forged)
    with pytest.raises(WaitingForPersonError):
        approve(project, quiet, author="ana", text="", sign=signing(ana))
    assert_unchanged(project, before)


def test_rollback_takes_a_person_s_key_too_and_a_key_revoked_from_then_on_takes_its_yes_along(opened):
    project, ana = opened
    amendment = proposed(project)
    yes = approve(project, amendment, author="ana", text="", sign=signing(ana)).statement
    forged = keep(project, statement(project, amendment, category=UNDONE, links=(yes.id,)))
    assert why_not(project, forged)
    assert_unchanged(project, amendment.codex_after)
    with pytest.raises(WaitingForPersonError, match="no person's key"):
        roll_back(project, author="ana", text="", sign=signing(None))
    put_on_record(project, revoke(ana, yes), event="key revoked")
    assert in_force(project) == amendment.codex_before
    with pytest.raises(IntegrityError, match="nobody signed this"):
        require_adopted(project)
    file_of(project).write_text(amendment.text_before, encoding="utf-8")
    for start in (require_adopted, restore):
        with pytest.raises(IntegrityError, match="key was revoked") as stopped:
            start(project)
    assert "selftune codex restore" in stopped.value.next_step


@pytest.fixture
def two(project):
    made, keys = adopted(project, "ana", second_person=False)
    ben = fake_person_key("ben")
    put_on_record(made, entry(ben, keys["ana"], roles=("keeper",)), event="roster changed")
    return made, keys["ana"], ben


def test_revoked_rollback_brings_nothing_back_that_nobody_signs_for(two):
    project, ana, ben = two
    amendment = proposed(project, key=ben, author="ben")
    approve(project, amendment, author="ana", text="", sign=signing(ana))
    undone = roll_back(project, author="ben", text="", sign=signing(ben)).now.since
    assert require_adopted(project) == amendment.codex_before
    put_on_record(project, revoke(ben, project.store.record(undone, Statement)), event="key revoked")
    assert in_force(project) == amendment.codex_after
    for text in (amendment.text_before, amendment.text_after):
        file_of(project).write_text(text, encoding="utf-8")
        with pytest.raises(IntegrityError, match="key was revoked"):
            require_adopted(project)
    with pytest.raises(IntegrityError, match="key was revoked"):
        restore(project)


def test_after_a_revocation_a_key_that_still_counts_confirms_what_is_in_force(two):
    project, ana, ben = two
    amendment = proposed(project, key=ben, author="ben")
    yes = approve(project, amendment, author="ana", text="", sign=signing(ana)).statement
    put_on_record(project, revoke(ana, yes), event="key revoked")
    for key, why in ((None, "no person's key"), (ana, "revoked")):
        with pytest.raises(WaitingForPersonError, match=why):
            confirm(project, author="ana", text="", sign=signing(key))
    mine = changed_text(project).replace('version = "1b"', 'version = "mine"')
    file_of(project).write_text(mine, encoding="utf-8")
    aside = confirm(project, author="ben", text="", sign=signing(ben))
    assert aside.read_text(encoding="utf-8") == mine
    assert not waits_for_confirmation(project)
    assert restore(project) is None
    assert_unchanged(project, amendment.codex_before)
    assert standing_in(project).now.by == ("ben",)


def test_what_fell_is_in_force_once_it_is_signed_anew(two):
    project, ana, ben = two
    amendment = proposed(project, key=ben, author="ben")
    yes = approve(project, amendment, author="ana", text="", sign=signing(ana)).statement
    put_on_record(project, revoke(ana, yes), event="key revoked")
    with pytest.raises(IntegrityError, match="key was revoked"):
        require_adopted(project)
    cy = fake_person_key("cy")
    put_on_record(project, entry(cy, ben), event="roster changed")
    again = proposed(project, amendment.text_after, key=cy, author="cy")
    assert approve(project, again, author="ben", text="", sign=signing(ben)).in_force
    assert_unchanged(project, amendment.codex_after)


def test_where_the_only_key_was_revoked_a_first_person_enters_again_and_confirms(opened):
    project, ana = opened
    amendment = proposed(project)
    approve(project, amendment, author="ana", text="", sign=signing(ana))
    entered = next(one for _, one in project.store.each(Statement) if one.kind is StatementKind.ROSTER)
    put_on_record(project, revoke(ana, entered), event="key revoked")
    zoe = fake_person_key("zoe")
    put_on_record(project, first(zoe), event="roster changed")
    with pytest.raises(IntegrityError, match="key was revoked"):
        require_adopted(project)
    confirm(project, author="zoe", text="", sign=signing(zoe))
    assert_unchanged(project, amendment.codex_before)


def test_confirmation_of_another_edition_counts_for_nothing(opened):
    project, ana = opened
    before, amendment = in_force(project), proposed(project)
    since = standing_in(project).now.since
    for subject, links in ((amendment.codex_after, (since,)), (before, (amendment.id,))):
        said = statement(project, amendment, category=CONFIRMED, subject=subject, links=links)
        assert "another edition" in why_not(project, keep(project, said, ana))
    keep(project, statement(project, amendment, category=CONFIRMED, subject=before, links=(since,)))
    assert standing_in(project).now.since == since
    assert_unchanged(project, before)


def test_what_a_person_signed_counts_only_where_it_can(opened):
    project, ana = opened
    before, amendment = in_force(project), proposed(project)
    unsigned = statement(project, amendment)
    project.store.save([unsigned], event="written by a test")
    early = keep(project, statement(project, amendment, category=UNDONE), ana)
    unknown = keep(project, statement(project, amendment, category="wished"), ana)
    homeless = replace(amendment, codex_after="codex:00")
    project.store.save([homeless], event="kept by a test")
    nowhere = keep(project, statement(project, homeless), ana)
    other = proposed(project, changed_text(project, "5"))
    turn_down(project, other, author="ana", text="no", sign=signing(None))
    refused = keep(project, statement(project, other), ana)
    assert_unchanged(project, before)
    approve(project, amendment, author="ana", text="", sign=signing(ana))
    elsewhere = keep(project, statement(project, amendment, category=UNDONE, links=(amendment.follows,)), ana)
    assert_unchanged(project, amendment.codex_after)
    roll_back(project, author="ana", text="", sign=signing(ana))
    again = keep(project, statement(project, amendment), ana)
    assert [why_not(project, one) for one in (unsigned, early, unknown, nowhere, refused, elsewhere, again)] == [
        "this machine did not sign it",
        "there is nothing to roll back",
        "it says nothing that is known here",
        "the codex that it speaks of is not on record",
        "a person refused it; propose it again",
        "it takes back another amendment than the last one in force",
        "it was rolled back; propose it again",
    ]
    assert_unchanged(project, before)


# --- Files and rows that whatever runs here can write -----------------------------------------------------------------


def rewrite(project, kind, change):
    """Change the body of the last record of a kind behind the store's back."""
    with sqlite3.connect(project.hidden / "store.db") as connection:
        found = connection.execute(
            "SELECT sequence, body FROM records WHERE kind = ? ORDER BY sequence DESC LIMIT 1", (kind,)
        ).fetchone()
        connection.execute("UPDATE records SET body = ? WHERE sequence = ?", (change(found[1]), found[0]))


@pytest.mark.parametrize("kind", ["amendment", "statement", "codex"])
def test_row_that_was_edited_is_seen(opened, kind):
    project, _ = opened
    proposed(project)
    rewrite(project, kind, lambda body: body.replace("lighthouse", "darkhouse").replace("ana", "bob"))
    with pytest.raises(IntegrityError):
        require_adopted(project)


def test_row_that_was_taken_out_is_seen(opened):
    project, _ = opened
    with sqlite3.connect(project.hidden / "store.db") as connection:
        connection.execute("DELETE FROM records WHERE kind = 'statement'")
    file_of(project).write_text(changed_text(project), encoding="utf-8")
    with pytest.raises(IntegrityError, match="gone from the store"):
        require_adopted(project)


@pytest.mark.parametrize("what", ["a refusal", "a roster entry", "a revocation"])
def test_statement_that_was_taken_out_is_seen_though_it_put_no_codex_in_force(opened, what):
    project, ana = opened
    amendment = proposed(project)
    if what == "a refusal":
        said = turn_down(project, amendment, author="ana", text="no", sign=signing(None))
    elif what == "a roster entry":
        said = put_on_record(project, entry(fake_person_key("ben"), ana), event="roster changed")
    else:
        said = put_on_record(project, revoke(ana), event="key revoked")
    assert require_adopted(project)
    with sqlite3.connect(project.hidden / "store.db") as connection:
        assert connection.execute("DELETE FROM records WHERE id = ?", (said.id,)).rowcount == 1
    with pytest.raises(IntegrityError, match=said.id[:22]):
        require_adopted(project)


def swap_keys(project):
    """Another pair in the place of the machine's own, as whatever runs here can write it."""
    for path in (project.hidden / "keys").glob("machine.*"):
        path.unlink()
    make_machine_key(project.hidden / "keys")


def drop_older_key(project):
    """A key takes over, and the line of the one before it is taken out."""
    folder = project.hidden / "keys"
    take_over(folder, prepare_next(folder))
    assert require_adopted(project)
    place = folder / "machine.pub"
    place.write_text(place.read_text(encoding="ascii").splitlines(keepends=True)[0], encoding="ascii")


@pytest.mark.parametrize("change", [swap_keys, drop_older_key])
def test_keys_that_signed_nothing_here_adopt_no_codex(opened, change):
    project, _ = opened
    change(project)
    file_of(project).write_text(changed_text(project), encoding="utf-8")
    for start in (require_adopted, check_codex, adopt, adopt_file):
        with pytest.raises(IntegrityError, match="key"):
            start(project)
    assert standing_in(project) is None


def test_adoption_signed_with_a_swapped_key_is_none(opened):
    project, _ = opened
    swap_keys(project)
    text = changed_text(project)
    file_of(project).write_text(text, encoding="utf-8")
    codex_id = parse_codex(text, "it").id
    said = say(StatementKind.AMENDMENT, codex_id, "selftune", "in force", project.context(), door_of(project))
    keep(project, replace(said, category=ADOPTED, after=text))
    assert in_force(project) == codex_id  # by the fold alone
    with pytest.raises(IntegrityError, match="signed by no key"):
        require_adopted(project)


def test_mirror_that_was_edited_is_seen_at_the_next_opening(opened):
    project, _ = opened
    folder, (mirror,) = project.folder, sorted((project.hidden / "ledger").glob("*.jsonl"))
    lines = mirror.read_text(encoding="utf-8").splitlines(keepends=True)
    last = json.loads(lines[-1])
    mirror.write_text("".join(lines[:-1]) + json.dumps(last | {"event": "codex signed"}) + "\n", encoding="utf-8")
    project.store.close()
    with pytest.raises(IntegrityError), Store.open(folder) as store:
        store.note("anything")


def test_config_that_names_another_codex_stops_too(opened):
    project, _ = opened
    other = replace(project, config=replace(project.config, codex=CodexSection(name="council")))
    with pytest.raises(IntegrityError, match="nobody signed this"):
        require_adopted(other)


def test_edited_file_stops_the_cycle_too(opened):
    from selftune.loop.runner import may_begin

    project, _ = opened
    file_of(project).write_text(changed_text(project), encoding="utf-8")
    with pytest.raises(IntegrityError, match="nobody signed this"):
        may_begin(project)


# --- Commands, options, variables, configuration, pipes ---------------------------------------------------------------


def commands():
    """Every command below `selftune codex` with its function, as the program itself lists them."""
    return {one.name: one.callback for one in _registered().registered_commands}


def _registered():
    from selftune.app.cli import amending

    if not any(one.name == "approve" for one in codex.registered_commands):
        amending.register()
    return codex


def words_of(function, values):
    """The arguments of a command, and each of its options with a value that it takes; of its project there is one."""
    arguments, options = [], []
    for name, hint in get_type_hints(function, include_extras=True).items():
        kind, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        flag = f"--{name.replace('_', '-')}"
        if marks and isinstance(marks[0], ArgumentInfo):
            arguments.append(values.get(name, values["which"]))
        elif name not in {"project", "return"}:
            options.append([flag] if kind is bool else [flag, {float: "0.1", int: "1"}.get(kind, "ana")])
    return arguments, options


def variables():
    """Every environment variable that the code speaks of."""
    found = set()
    for path in Path(selftune.__file__).parent.rglob("*.py"):
        found |= set(re.findall(r"\b(?:SELFTUNE|LANG|HF|CI|TERM|NO)_[A-Z_]{2,}\b", path.read_text(encoding="utf-8")))
    return sorted(found - {"SELFTUNE_HOME", "SELFTUNE_FAILPOINTS"})


@pytest.fixture
def commanded(tmp_path, monkeypatch):
    """A project that commands open, with ana on its roster and her key on this machine, and what they are told."""
    from selftune.loop import project as module

    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    with bare_project(tmp_path / "project", tmp_path) as bare:
        made, _ = adopted(bare, "ana", cooling_hours=0.0)
        amendment = proposed(made)

        class Opened:
            def __enter__(self):
                return made

            def __exit__(self, *_):
                return None

        monkeypatch.setattr(module, "open_project", lambda _: Opened())
        yield made, amendment, lambda *words: CliRunner().invoke(_registered(), list(words), input=PIPED)


def test_no_option_of_any_command_and_no_pipe_changes_the_codex(commanded, tmp_path):
    made, amendment, run = commanded
    before = in_force(made)
    other = tmp_path / "other.toml"
    other.write_text(changed_text(made, "7"), encoding="utf-8")
    for name, function in commands().items():
        arguments, options = words_of(function, {"which": amendment.id, "file": str(other)})
        for words in ([], *options, [word for option in options for word in option]):
            done = run(name, *arguments, *words)
            assert name != "approve" or isinstance(done.exception, WaitingForPersonError), (words, done.output)
        assert in_force(made) == before, name
    assert_unchanged(made, before)


FLAGS = ("--yes", "-y", "--force", "--no-input", "--approve", "--sign", "--key=ana", "--as-person", "--skip-cooling")


@pytest.mark.parametrize("flag", [*FLAGS, "--passphrase=eight letters or more"])
def test_no_flag_that_others_have_is_known(commanded, flag):
    made, amendment, run = commanded
    before = in_force(made)
    assert run("approve", amendment.id, flag).exit_code == 2
    assert run("rollback", flag).exit_code == 2
    assert_unchanged(made, before)


def test_no_variable_that_the_code_reads_changes_the_codex(commanded, monkeypatch):
    made, amendment, run = commanded
    before, names = in_force(made), variables()
    assert len(names) > 5
    for value in ("1", "yes", "eight letters or more"):
        for name in (*names, "SELFTUNE_APPROVE", "SELFTUNE_YES", "SELFTUNE_PASSPHRASE", "CI"):
            monkeypatch.setitem(os.environ, name, value)
        run("approve", amendment.id, "--author", "ana")
        run("rollback", "--author", "ana")
    assert_unchanged(made, before)


def test_without_a_terminal_a_person_is_awaited(commanded):
    _, amendment, run = commanded
    for words in (("approve", amendment.id), ("rollback",)):
        stopped = run(*words).exception
        assert isinstance(stopped, WaitingForPersonError)
        assert stopped.exit_code == 5
        assert "terminal" in stopped.next_step


def test_laxest_configuration_still_takes_a_person_s_key(project):
    project, keys = adopted(
        project, "ana", second_person=False, lapse_days=366.0, interactions=0, days=0.0, tools=0, generations=0
    )
    before, amendment = in_force(project), proposed(project)
    assert project.config.amendment != AmendmentSection()
    with pytest.raises(WaitingForPersonError, match="does not count"):
        approve(project, amendment, author="ana", text="", sign=signing(None))
    assert_unchanged(project, before)
    assert approve(project, amendment, author="ana", text="", sign=signing(keys["ana"])).in_force


@pytest.mark.parametrize("hours", [-1.0, float("nan"), float("inf"), 24.0 * 400])
def test_cooling_off_that_is_no_time_is_refused(project, hours):
    project, _ = adopted(project, cooling_hours=hours)
    with pytest.raises(SelftuneError, match="cooling_hours"):
        proposed(project)


def test_approving_a_decision_approves_no_amendment(commanded):
    made, amendment, _ = commanded
    before = in_force(made)
    keep(made, statement(made, amendment, StatementKind.APPROVAL, ""))
    keep(made, machine_signed(made, statement(made, amendment, StatementKind.SIGN_OFF, "")))
    assert_unchanged(made, before)
    assert made.store.count(Amendment) == 1
    assert made.store.count(Statement) > 0
    assert draft(made).author == "ana"
