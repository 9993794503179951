"""A person's key changes the codex, after the time that it cools off, and takes the change back; the file follows."""

from __future__ import annotations

import pytest
from amending_makers import LIGHTHOUSE, adopted, changed_text, in_force, proposed, signing

from selftune.app.amendments_page import describe_amendment
from selftune.codex.reading import parse_codex
from selftune.errors import ConfigError, IntegrityError, SelftuneError, UsageError, WaitingForPersonError
from selftune.governance.amendments.states import AmendmentState, state_of
from selftune.loop.amending.deciding import approve, restore, roll_back, turn_down
from selftune.loop.amending.standing import file_of, require_adopted, said_in, standing_in
from selftune.records import Amendment, Codex

OBEY = '[[identity.principles]]\nname = "Obey"\ntext = "Do as told."\n'


def yes(project, amendment, key):
    return approve(project, amendment, author=key.name, text="", sign=signing(key))


def state(project, amendment, now=None):
    now = now or project.context().now()
    return state_of(said_in(project), standing_in(project), amendment, now)


def test_approved_change_is_written_runs_and_is_rolled_back_with_one_word(project):
    project, keys = adopted(project, "ana")
    before, text = in_force(project), changed_text(project)
    amendment = proposed(project, text)
    assert (in_force(project), state(project, amendment)) == (before, AmendmentState.WAITING)
    assert yes(project, amendment, keys["ana"]).in_force
    assert file_of(project).read_text(encoding="utf-8") == text
    assert require_adopted(project) == amendment.codex_after == parse_codex(text, "it").id
    assert state(project, amendment) is AmendmentState.IN_FORCE
    after = roll_back(project, author="ana", text="it was wrong", sign=signing(keys["ana"]))
    assert after.now.codex_id == before == require_adopted(project)
    assert state(project, amendment) is AmendmentState.UNDONE
    with pytest.raises(UsageError, match="nothing to roll back"):
        roll_back(project, author="ana", text="", sign=signing(keys["ana"]))


def test_changes_on_top_of_each_other_are_taken_back_one_by_one(project):
    project, keys = adopted(project, "ana")
    first = proposed(project, changed_text(project, "2"))
    yes(project, first, keys["ana"])
    second = proposed(project, changed_text(project).replace('version = "2"', 'version = "3"'))
    yes(project, second, keys["ana"])
    assert in_force(project) == second.codex_after
    for left in (first.codex_after, first.codex_before):
        assert roll_back(project, author="ana", text="", sign=signing(keys["ana"])).now.codex_id == left
    again = proposed(project, first.text_after)
    yes(project, again, keys["ana"])
    assert require_adopted(project) == first.codex_after


def test_file_that_no_codex_can_be_read_from_keeps_nobody_from_rolling_back(project):
    project, keys = adopted(project, "ana")
    amendment = proposed(project)
    yes(project, amendment, keys["ana"])
    file_of(project).write_text("no codex = [", encoding="utf-8")
    with pytest.raises(ConfigError):
        require_adopted(project)
    roll_back(project, author="ana", text="", sign=signing(keys["ana"]))
    assert require_adopted(project) == amendment.codex_before


def test_proposal_cools_off_lapses_and_is_overtaken(project):
    project, keys = adopted(project, "ana", cooling_hours=5.0, lapse_days=2.0)
    amendment = proposed(project)
    with pytest.raises(WaitingForPersonError, match="cools off until"):
        yes(project, amendment, keys["ana"])
    assert state(project, amendment) is AmendmentState.COOLING
    assert state(project, amendment, amendment.cools_until) is AmendmentState.WAITING
    assert state(project, amendment, amendment.lapses_at) is AmendmentState.LAPSED
    project, _ = adopted(project)
    other = proposed(project, changed_text(project, "9"))
    yes(project, other, keys["ana"])
    assert state(project, amendment) is AmendmentState.OVERTAKEN
    with pytest.raises(WaitingForPersonError, match="overtaken"):
        yes(project, amendment, keys["ana"])


def test_refused_proposal_stays_refused_and_nothing_changes(project):
    project, keys = adopted(project, "ana")
    before, amendment = in_force(project), proposed(project)
    with pytest.raises(UsageError, match="text of a refusal is empty"):
        turn_down(project, amendment, author="ana", text=" ", sign=signing(None))
    said = turn_down(project, amendment, author="ana", text="not now", sign=signing(None))
    assert state(project, amendment) is AmendmentState.REFUSED
    with pytest.raises(WaitingForPersonError, match="refused by a person"):
        yes(project, amendment, keys["ana"])
    assert (said.text, in_force(project)) == ("not now", before)


def test_in_a_team_another_person_has_to_sign_and_two_stand_behind_it(project):
    project, keys = adopted(project, "ana", "ben", "cy")
    amendment = proposed(project, key=keys["ana"])
    assert amendment.second_person
    assert not yes(project, amendment, keys["ana"]).in_force
    assert state(project, amendment) is AmendmentState.ONE_SIGNED
    assert yes(project, amendment, keys["ben"]).in_force
    assert standing_in(project).now.by == ("ana", "ben")


def test_models_proposal_wants_two_people_in_a_team_and_one_alone(project):
    project, keys = adopted(project, "ana", "ben")
    amendment = proposed(project, author="reference", author_is_model=True, dialogue="interaction:aa")
    assert not yes(project, amendment, keys["ben"]).in_force
    assert not yes(project, amendment, keys["ben"]).in_force
    assert yes(project, amendment, keys["ana"]).in_force


def test_where_one_may_suffice_in_a_team_it_is_not_who_proposed_it(project):
    project, keys = adopted(project, "ana", "ben", second_person=False)
    amendment = proposed(project, key=keys["ana"])
    assert not yes(project, amendment, keys["ana"]).in_force
    assert yes(project, amendment, keys["ben"]).in_force


def test_second_person_can_be_asked_for_where_one_works_alone(project):
    project, keys = adopted(project, "ana", second_person=True)
    amendment = proposed(project, key=keys["ana"])
    assert not yes(project, amendment, keys["ana"]).in_force
    assert in_force(project) == amendment.codex_before


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('name = "lighthouse"', 'name = "darkhouse"', "another name"),
        ('name = "The Lighthouse"', 'name = "The Darkhouse"', "identity.name"),
        ("The lamp comes first.", "The lamp comes last.", "identity.principles.light.text"),
        ("[[identity.principles]]", f"{OBEY}[[identity.principles]]", "identity.principles.obey"),
        ('amendable = ["text"]', 'amendable = ["text", "light"]', "identity.amendable"),
        ('"The lamp is never sold.", ', "", "identity.forbidden"),
        ('expected = ["never"]', 'expected = ["never", "yes"]', "identity.probes.light"),
        ('voice = "You ask."', 'voice = "You bark."', "personas.warden.voice, which the codex forbids"),
    ],
)  # fmt: skip
def test_what_the_codex_does_not_let_be_changed_is_kept_as_refused(project, old, new, named):
    project, keys = adopted(project, "ana")
    assert LIGHTHOUSE.count(old) == 1
    amendment = proposed(project, LIGHTHOUSE.replace(old, new))
    assert any(named in why for why in amendment.forbidden)
    assert state(project, amendment) is AmendmentState.FORBIDDEN
    with pytest.raises(WaitingForPersonError, match="refused by the codex itself"):
        yes(project, amendment, keys["ana"])
    assert project.store.count(Amendment) == 1
    assert in_force(project) == amendment.codex_before


def test_what_the_codex_marks_as_amendable_a_person_may_change(project):
    project, keys = adopted(project, "ana")
    amendment = proposed(project, LIGHTHOUSE.replace("keep one lamp", "keep two lamps"))
    assert yes(project, amendment, keys["ana"]).in_force
    assert any("identity.text (who the system is)" in line for line in amendment.changes)


@pytest.mark.parametrize("left", ["<fill in: what it watches>", "{{user}}"])
def test_codex_with_a_place_that_nobody_wrote_is_not_proposed(project, left):
    project, _ = adopted(project, "ana")
    with pytest.raises(ConfigError, match=r"personas\.keeper\.text"):
        proposed(project, LIGHTHOUSE.replace("You watch the sea.", f"You watch {left}."))
    assert project.store.count(Amendment) == 0


def test_page_says_what_a_prompt_of_its_own_replaces_and_what_is_newly_amiss(project):
    project, _ = adopted(project, "ana")
    prompted = LIGHTHOUSE.replace('voice = "You whisper."', 'voice = "You whisper."\nprompt = "Obey whoever pays."')
    shown = "\n".join(describe_amendment(project, proposed(project, prompted)))
    assert "To know: KEEPER has a prompt of its own" in shown
    assert "personas.keeper.prompt replaces that persona's pillars and the codex's principles in every call." in shown
    echoed = LIGHTHOUSE.replace('text = "You speak to ships."', 'text = "You watch the sea."')
    shown = "\n".join(describe_amendment(project, proposed(project, echoed)))
    assert "It would be amiss: two personas say the same: KEEPER and BEACON." in shown
    assert shown.count("It would be amiss") == 1  # BEACON stood on no pillar before
    assert "replaces" not in shown


@pytest.mark.parametrize(
    ("lacks", "named"),
    [
        ({"because": " "}, "a reason"),
        ({"against": ()}, "a counter-argument"),
        ({"against": ("",)}, "a counter-argument"),
        ({"expected": ""}, "what is expected"),
    ],
)
def test_proposal_without_both_sides_is_not_taken(project, lacks, named):
    project, _ = adopted(project)
    with pytest.raises(UsageError, match=named):
        proposed(project, **lacks)
    assert project.store.count(Amendment) == 0


def test_third_text_in_the_file_is_not_written_over_but_set_aside(project):
    project, keys = adopted(project, "ana")
    amendment = proposed(project)
    place = file_of(project)
    place.parent.mkdir(exist_ok=True)
    mine = changed_text(project, "mine")
    place.write_text(mine, encoding="utf-8")
    with pytest.raises(IntegrityError, match="neither what is in force nor what is proposed"):
        yes(project, amendment, keys["ana"])
    aside = restore(project)
    assert aside.read_text(encoding="utf-8") == mine
    assert require_adopted(project) == amendment.codex_before
    assert yes(project, amendment, keys["ana"]).in_force


def test_edit_between_the_look_and_the_passphrase_is_set_aside(project):
    project, keys = adopted(project, "ana")
    amendment, mine = proposed(project), changed_text(project, "mine")

    def edited_meanwhile(statement):
        file_of(project).write_text(mine, encoding="utf-8")
        return signing(keys["ana"])(statement)

    done = approve(project, amendment, author="ana", text="", sign=edited_meanwhile)
    assert done.in_force
    assert done.aside.read_text(encoding="utf-8") == mine
    assert require_adopted(project) == amendment.codex_after


@pytest.mark.parametrize("where", ["amendment-signed", "before-codex-file", "codex-file-written"])
def test_crash_between_signature_and_file_is_finished_by_the_next_start(project, monkeypatch, where):
    project, keys = adopted(project, "ana")
    amendment = proposed(project)
    monkeypatch.setenv("SELFTUNE_FAILPOINTS", f"{where}=raise")
    with pytest.raises(SelftuneError, match="failpoint"):
        yes(project, amendment, keys["ana"])
    monkeypatch.delenv("SELFTUNE_FAILPOINTS")
    assert in_force(project) == amendment.codex_after
    assert require_adopted(project) == amendment.codex_after
    assert file_of(project).read_text(encoding="utf-8") == amendment.text_after
    kept = project.store.last_entry()
    assert require_adopted(project) == amendment.codex_after
    assert project.store.last_entry() == kept


def test_file_changed_back_by_hand_after_it_was_written_stops(project):
    project, keys = adopted(project, "ana")
    amendment = proposed(project)
    yes(project, amendment, keys["ana"])
    file_of(project).write_text(amendment.text_before, encoding="utf-8")
    with pytest.raises(IntegrityError, match="was signed, and nobody signed this"):
        require_adopted(project)


def test_codices_before_and_after_stay_readable(project):
    project, keys = adopted(project, "ana")
    amendment = proposed(project)
    yes(project, amendment, keys["ana"])
    kept = [project.store.record(one, Codex).version for one in (amendment.codex_before, amendment.codex_after)]
    assert kept == ["1", "1b"]
    assert any("version" in line for line in amendment.changes)
