"""A gateway that tries a candidate: who is answered by whom, and how everybody comes back to the champion."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from canary_house import CANDIDATE_DIGEST, NOTE, died, exchange, start, users

from selftune.app.gateway.exchange import CANDIDATE, CHAMPION, SHADOW, Ended
from selftune.errors import ServingError, UnknownNameError
from selftune.governance.brake.file import new_stop, put_on
from selftune.loop.canary.guards import Guard, Outcome
from selftune.loop.canary.journal import Journal, read_journal, replay
from selftune.loop.canary.note import TrialEnd, end_canary, journal_path, note_path, read_canary, write_canary
from selftune.loop.canary.settling import trial_of

FULL = Path("/dev/full")
USERS = [f"user {n}" for n in range(400)]
REFUSAL = "I'm sorry, but I can't help with that."


def broke_off(user):
    return exchange(CANDIDATE, user=user, ended=Ended.UPSTREAM_DIED, status=502)


def sides(routing, users=USERS):
    return {user: routing.pick(CHAMPION, user).upstream for user in users}


def test_each_user_stays_on_one_side_and_the_share_is_kept(tmp_path):
    routing, _, _ = start(tmp_path, share=0.25)
    first = sides(routing)
    assert sides(routing) == first
    # 400 users at a quarter: 100, within the 99 % limits of chance.
    assert 78 <= sum(side == CANDIDATE for side in first.values()) <= 123


def test_another_trial_deals_the_users_anew(tmp_path):
    routing, _, _ = start(tmp_path)
    before = sides(routing)
    write_canary(replace(NOTE, trial="ff" * 8, salt="cd" * 16), tmp_path)
    assert sides(routing) != before


def test_the_champion_stands_behind_the_candidate(tmp_path):
    routing, _, _ = start(tmp_path, share=0.999999)
    route = routing.pick(CHAMPION, "ada")
    assert (route.upstream, route.build_digest, route.address) == (CANDIDATE, CANDIDATE_DIGEST, NOTE.address)
    assert route.fallback.upstream == CHAMPION
    assert route.shadow is None


def test_other_models_are_left_alone_and_unknown_ones_unknown(tmp_path):
    routing, _, _ = start(tmp_path, share=0.999999)
    assert routing.pick("other", "ada").upstream == "other"
    with pytest.raises(UnknownNameError):
        routing.pick("nobody", "ada")


def test_the_candidate_is_named_only_while_it_is_shown(tmp_path):
    routing, _, _ = start(tmp_path)
    assert CANDIDATE in routing.aliases()
    assert routing.pick(CANDIDATE, "ada").fallback is None
    end_canary(tmp_path, TrialEnd.STOPPED, "a person ended it")
    assert CANDIDATE not in routing.aliases()
    with pytest.raises(ServingError, match="no candidate"):
        routing.pick(CANDIDATE, "ada")


def test_in_the_shadow_nobody_is_answered_by_the_candidate_and_its_answer_is_compared(tmp_path):
    routing, _, _ = start(tmp_path, shadow=True, share=0.0)
    assert set(sides(routing).values()) == {CHAMPION}
    assert routing.pick(CHAMPION, "ada").shadow.upstream == CANDIDATE
    for alias in (CANDIDATE, SHADOW):
        with pytest.raises(ServingError):
            routing.pick(alias, "ada")
    routing.observe(exchange(CHAMPION, "It is four."))
    routing.observe(exchange(CANDIDATE, "It is five.", shadow=True))
    guards, compared = replay(read_canary(tmp_path), tmp_path)
    assert guards.answers == {False: 1, True: 1}
    assert [guards.seen(guard).n for guard in Guard] == [1, 0, 1, 0]
    assert [(one.identical, one.overlap) for one in compared] == [(False, 0.5)]
    assert "five" not in journal_path(tmp_path, NOTE.trial).read_text()


TEXT_REFUSAL = {"choices": [{"index": 0, "text": REFUSAL}]}


@pytest.mark.parametrize(
    ("route", "request_body", "given", "beside"),
    [
        ("/v1/responses", {"input": "2 + 2?"}, {"output": [{"role": "assistant", "content": "Four."}]}, None),
        ("/api/generate", {"prompt": "2 + 2?"}, {"response": "Four."}, None),
        ("/api/generate", {"prompt": "2 + 2", "raw": True}, {"response": "Four."}, TEXT_REFUSAL),
        ("/v1/completions", {"prompt": "2 + 2"}, {"choices": [{"index": 0, "text": "Four."}]}, TEXT_REFUSAL),
    ],
)
def test_a_shadow_s_words_are_read_whatever_way_the_client_speaks(tmp_path, route, request_body, given, beside):
    routing, _, _ = start(tmp_path, shadow=True, share=0.0)
    asked = {"route": route, "request": json.dumps(request_body).encode()}
    routing.observe(exchange(CHAMPION, **asked, response=json.dumps(given).encode()))
    changes = {} if beside is None else {"response": json.dumps(beside).encode()}
    routing.observe(exchange(CANDIDATE, REFUSAL, shadow=True, **asked, **changes))
    guards, compared = replay(read_canary(tmp_path), tmp_path)
    assert (guards.seen(Guard.REFUSALS).n, guards.seen(Guard.REFUSALS).mean, len(compared)) == (1, 1.0, 1)


def test_a_shadow_that_finds_no_request_in_what_the_champion_answered_failed(tmp_path):
    routing, _, _ = start(tmp_path, shadow=True, share=0.0)
    routing.observe(exchange(CHAMPION))
    routing.observe(exchange(CANDIDATE, shadow=True, status=400, ended=Ended.REFUSED))
    guards, _ = replay(read_canary(tmp_path), tmp_path)
    assert (guards.seen(Guard.ERRORS).n, guards.seen(Guard.ERRORS).mean) == (1, 1.0)


def test_a_candidate_that_fails_is_sent_back_within_one_request_of_the_proof(tmp_path):
    routing, _, settled = start(tmp_path, share=0.1)
    failed = 0
    for user, side in users(0.1):
        assert routing.pick(CHAMPION, user).upstream == side
        routing.observe(broke_off(user) if side == CANDIDATE else exchange(CHAMPION, user=user))
        failed += side == CANDIDATE
        if not read_canary(tmp_path).runs:
            break
    assert failed == 3
    assert set(sides(routing).values()) == {CHAMPION}
    note = read_canary(tmp_path)
    assert (note.end, settled) == (TrialEnd.RETURNED, ["settle"])
    assert "harm is shown in errors" in note.why
    kept = trial_of(note, tmp_path)
    assert kept.returned
    assert kept.guards[0].shows_harm


def test_a_server_that_is_dead_is_left_after_three_requests(tmp_path):
    routing, _, settled = start(tmp_path)
    for _ in range(3):
        routing.observe(died(CANDIDATE))
    assert set(sides(routing).values()) == {CHAMPION}
    assert settled == ["settle"]
    assert "no answer at all 3 times" in read_canary(tmp_path).why


def failed_at(upstream, user):
    """It says that it failed, as llama.cpp does where the template has no words for a request."""
    if upstream == CANDIDATE:
        return replace(died(CANDIDATE, user=user), status=500)
    return exchange(CHAMPION, user=user, status=500, ended=Ended.REFUSED)


def test_a_request_at_which_the_champion_fails_as_well_is_no_silence(tmp_path):
    routing, _, _ = start(tmp_path)
    ada = next(user for user, side in users() if side == CANDIDATE)
    for _ in range(4):  # as the official clients ask again
        routing.observe(failed_at(CANDIDATE, ada))
        routing.observe(failed_at(CHAMPION, ada))
    assert read_canary(tmp_path).runs
    for _ in range(3):
        assert read_canary(tmp_path).runs
        routing.observe(failed_at(CANDIDATE, ada))
        routing.observe(exchange(CHAMPION, user=ada))
    assert "no answer at all 3 times" in read_canary(tmp_path).why


def test_two_silences_with_an_answer_between_them_end_nothing(tmp_path):
    routing, _, _ = start(tmp_path)
    for one in (died(CANDIDATE), died(CANDIDATE), exchange(CANDIDATE), died(CANDIDATE), died(CANDIDATE)):
        routing.observe(one)
    assert read_canary(tmp_path).runs


@pytest.mark.parametrize(
    ("guard", "bad"),
    [("refusals", {"text": REFUSAL}), ("latency", {"seconds": 3.0})],
)
def test_refusals_and_slowness_send_it_back_too(tmp_path, guard, bad):
    routing, _, _ = start(tmp_path)
    for user, side in islice(users(), 60):
        routing.observe(exchange(side, user=user, **(bad if side == CANDIDATE else {})))
    assert f"harm is shown in {guard}" in read_canary(tmp_path).why


def test_thumbs_count_once_for_each_answer_and_send_it_back(tmp_path):
    routing, _, _ = start(tmp_path)
    for user, side in islice(users(), 60):
        routing.observe(exchange(side, user=user, completion_id=f"answer to {user}"))
        for _ in range(3):
            routing.thumb(f"answer to {user}", up=side == CHAMPION)
    note = read_canary(tmp_path)
    assert "harm is shown in thumbs" in note.why
    assert len(thumbs_in(tmp_path)) == len({one.answer for one in thumbs_in(tmp_path)}) < 30
    assert trial_of(note, tmp_path).guards[3].shows_harm
    routing.thumb("nobody's", up=False)


def thumbs_in(hidden):
    return [one for one in read_journal(hidden, NOTE.trial) if getattr(one, "thumb_down", None) is not None]


def test_a_thumb_that_is_changed_takes_the_place_of_the_one_before(tmp_path):
    routing, _, _ = start(tmp_path)
    for user, side in islice(users(), 8):
        routing.observe(exchange(side, user=user, completion_id=f"answer to {user}"))
        routing.thumb(f"answer to {user}", up=False)
        for n in range(3):
            routing.observe(exchange(side, user=user, completion_id=f"{user} {n}"))
            if n == 2:
                routing.thumb(f"answer to {user}", up=True)
            routing.thumb(f"{user} {n}", up=True)
    guards = replay(NOTE, tmp_path)[0]
    thumbs = next(found for found in trial_of(NOTE, tmp_path).guards if found.name == "thumbs")
    sides = [side for _, side in islice(users(), 8)]
    assert thumbs.n == 4 * sides.count(CANDIDATE)
    # At its fourth answer each user has four thumbs that point up.
    assert [guards.thumb(one.answer) for one in thumbs_in(tmp_path)].count(True) == 0
    assert guards._users[Guard.THUMBS].levels[4].sums == (0.0, 0.0)
    assert guards._users[Guard.THUMBS].levels[1].sums == (sides.count(CHAMPION), sides.count(CANDIDATE))


def test_a_thumb_counts_for_an_answer_from_before_the_gateway_was_started_anew(tmp_path):
    routing, _, _ = start(tmp_path)
    routing.observe(exchange(CANDIDATE, completion_id="before"))
    routing.thumb("before", up=False)
    routing.close()
    again, _, _ = start(tmp_path)
    again.thumb("before", up=False)
    again.thumb("before", up=True)
    assert [(one.candidate, one.thumb_down) for one in thumbs_in(tmp_path)] == [(True, True), (True, False)]


def test_a_thumb_for_an_answer_that_its_reader_broke_off_counts_and_the_answer_does_not(tmp_path):
    routing, _, _ = start(tmp_path)
    routing.observe(exchange(CANDIDATE, ended=Ended.CLIENT_GONE))
    routing.thumb("c-1", up=False)
    assert [one.candidate for one in thumbs_in(tmp_path)] == [True]
    assert replay(NOTE, tmp_path)[0].answers == {False: 0, True: 0}


def test_the_champion_that_steps_in_for_the_candidate_is_no_answer_of_its_own_side(tmp_path):
    routing, _, _ = start(tmp_path)
    ada = next(user for user, side in users() if side == CANDIDATE)
    routing.observe(died(CANDIDATE, user=ada))
    routing.observe(exchange(CHAMPION, user=ada))
    assert replay(NOTE, tmp_path)[0].answers == {False: 0, True: 1}


@given(st.lists(st.text(min_size=1), min_size=2, unique=True), st.randoms(use_true_random=False))
def test_a_user_s_side_does_not_hang_on_who_came_before_nor_on_when(names, chance):
    shuffled = chance.sample(names, len(names))
    before, after = ({name: NOTE.is_on_candidate(name) for name in some} for some in (names, shuffled))
    assert before == after


def test_thumbs_for_the_champion_say_nothing_of_the_one_in_its_shadow(tmp_path):
    routing, _, _ = start(tmp_path, shadow=True, share=0.0)
    for n in range(40):
        routing.observe(exchange(CHAMPION, completion_id=f"c{n}"))
        # Every other one is asked beside it, and just those answers people do not like.
        if n % 2:
            routing.observe(exchange(CANDIDATE, completion_id=f"c{n}", shadow=True))
        routing.thumb(f"c{n}", up=not n % 2)
    assert read_canary(tmp_path).runs
    thumbs = thumbs_in(tmp_path)
    assert len(thumbs) == 40
    assert not any(one.candidate for one in thumbs)


def test_a_trial_whose_journal_can_t_be_opened_is_over_and_no_client_notices(tmp_path):
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "canary").write_text("in the way")
    routing, _, settled = start(tmp_path, share=0.999999)
    assert [routing.pick(CHAMPION, "ada").upstream for _ in range(2)] == [CHAMPION, CHAMPION]
    note = read_canary(tmp_path)
    assert (note.end, settled) == (TrialEnd.STOPPED, ["settle"])
    assert "its journal can't be used" in note.why
    assert routing.state() is None


def test_a_trial_that_starts_while_its_journal_can_t_be_opened_is_over_too(tmp_path):
    routing, _, _ = start(tmp_path, share=0.999999)
    blocked = replace(NOTE, trial="ff" * 8, share=0.999999)
    journal_path(tmp_path, blocked.trial).mkdir()
    write_canary(blocked, tmp_path)
    assert routing.pick(CHAMPION, "ada").upstream == CHAMPION
    assert read_canary(tmp_path).end is TrialEnd.STOPPED


@pytest.mark.parametrize(
    "line", ['{"candidate":true,"person":"a","seconds":"x"}', '{"candidate":"yes","person":"a"}', "[]", "7", "[" * 9999]
)
def test_lines_that_nobody_of_ours_wrote_are_not_counted(tmp_path, line):
    journal = journal_path(tmp_path, NOTE.trial)
    journal.parent.mkdir(parents=True)
    journal.write_text(line + "\n")
    routing, _, _ = start(tmp_path, share=0.999999)
    assert routing.pick(CHAMPION, "ada").upstream == CANDIDATE
    assert trial_of(NOTE, tmp_path).candidate_answers == 0


def test_users_whom_a_client_makes_up_are_counted_on_record_and_not_remembered(tmp_path):
    routing, _, _ = start(tmp_path)
    for n in range(20):
        routing.observe(exchange(CANDIDATE, user=f"made up {n}"))
    assert replay(NOTE, tmp_path)[0].people == {False: set(), True: set()}
    assert trial_of(NOTE, tmp_path).candidate_people == 20


def test_what_says_nothing_of_the_model_is_not_counted(tmp_path):
    routing, inner, _ = start(tmp_path)
    nothing = [
        exchange(CANDIDATE, status=400, ended=Ended.REFUSED),
        exchange(CANDIDATE, route="/v1/embeddings"),
        exchange(CANDIDATE, alias=CANDIDATE),
        exchange("other"),
    ]
    for one in nothing:
        routing.observe(one)
    assert list(read_journal(tmp_path, NOTE.trial)) == []
    assert inner.seen == nothing


def test_a_person_s_name_and_words_are_in_no_file(tmp_path):
    routing, _, _ = start(tmp_path)
    routing.observe(exchange(CANDIDATE, "Ada lives in Turin.", user="ada@example.org"))
    text = journal_path(tmp_path, NOTE.trial).read_text() + note_path(tmp_path).read_text()
    assert "example.org" not in text
    assert "Turin" not in text
    assert "c-1" not in text
    assert note_path(tmp_path).stat().st_mode & 0o077 == 0


def test_another_champion_ends_the_trial_before_anything_is_compared(tmp_path):
    routing, inner, _ = start(tmp_path, share=0.999999)
    inner.digest = "sha256:the next champion"
    assert routing.pick(CHAMPION, "ada").upstream == CHAMPION
    assert read_canary(tmp_path).end is TrialEnd.CHANGED


def test_the_brake_sends_everybody_back_at_once(tmp_path):
    routing, _, _ = start(tmp_path, share=0.999999)
    put_on(tmp_path, new_stop("ada", "stop", "2026-11-22T17:00:00+00:00"))
    assert routing.pick(CHAMPION, "ada").upstream == CHAMPION


def test_a_gateway_that_was_killed_goes_on_from_the_journal_and_a_torn_line(tmp_path):
    routing, _, _ = start(tmp_path, share=0.1)
    everybody = users(0.1)

    def until(fails, routing):
        while fails and read_canary(tmp_path).runs:
            user, side = next(everybody)
            routing.observe(broke_off(user) if side == CANDIDATE else exchange(CHAMPION, user=user))
            fails -= side == CANDIDATE
        return fails

    assert until(2, routing) == 0
    with journal_path(tmp_path, NOTE.trial).open("a") as journal:
        journal.write('{"candidate": true, "pers')
    next_one, _, _ = start(tmp_path, share=0.1)
    assert until(9, next_one) == 8


def test_a_full_disk_keeps_no_harmful_candidate_going(tmp_path, monkeypatch):
    routing, _, settled = start(tmp_path, share=0.999999)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("selftune.app.gateway.canary.routing.write_canary", full)
    for _ in range(3):
        routing.observe(died(CANDIDATE))
    assert routing.pick(CHAMPION, "ada").upstream == CHAMPION
    assert settled == []


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here, which says that the disk is full")
def test_a_journal_on_a_full_disk_keeps_no_harmful_candidate_going(tmp_path):
    journal = journal_path(tmp_path, NOTE.trial)
    journal.parent.mkdir(parents=True)
    journal.symlink_to(FULL)
    routing, _, settled = start(tmp_path, share=0.999999)
    for _ in range(3):
        routing.observe(died(CANDIDATE))
    assert routing.pick(CHAMPION, "ada").upstream == CHAMPION
    assert (read_canary(tmp_path).end, settled) == (TrialEnd.RETURNED, ["settle"])
    routing.observe(exchange(CHAMPION))


def test_a_line_for_which_there_was_no_room_costs_no_other_line(tmp_path):
    journal = Journal(tmp_path, NOTE.trial)
    whole, journal._stream = journal._stream, FakeFullDisk(journal._stream)
    with pytest.raises(OSError, match="No space left"):
        journal.write(Outcome(candidate=True, person="a", failed=True))
    journal._stream = whole
    journal.write(Outcome(candidate=True, person="b", failed=False))
    journal.close()
    assert [one.person for one in read_journal(tmp_path, NOTE.trial)] == ["b"]


class FakeFullDisk:
    """A fake of a file on a disk that has room for five bytes."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, data):
        return self._stream.write(data[:5])


def test_a_note_that_can_t_be_read_leaves_the_champion_alone(tmp_path):
    routing, _, _ = start(tmp_path, share=0.999999)
    note_path(tmp_path).write_text("{")
    assert routing.pick(CHAMPION, "ada").upstream == CHAMPION
    assert routing.state() is None
    assert end_canary(tmp_path, TrialEnd.STOPPED, "a person ended it") is None
    assert not note_path(tmp_path).exists()


def test_a_user_whose_name_can_t_be_written_stands_on_a_side_too(tmp_path):
    routing, _, _ = start(tmp_path, share=0.5)
    assert sides(routing, ["\udcff"])["\udcff"] in {CHAMPION, CANDIDATE}
    assert NOTE.person("\udcff") != NOTE.person("\udcfe")
