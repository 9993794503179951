"""Releases against the real keeper, over a fake model server."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import urllib.error
import urllib.request
from dataclasses import replace

import psutil
import pytest

from selftune.errors import ConfigError, DamagedFileError, IntegrityError, ServingError, WaitingForPersonError
from selftune.records import Outcome, Statement, StatementKind
from selftune.release.live import LiveServer
from selftune.release.stage import put_into_service, take_back, undo_unrecorded


def serve(house, promotion, **options):
    return put_into_service(promotion, house.target, house.context(), live=house.live, **options)


def test_base_is_released_as_generation_nought_and_answers(house):
    release = serve(house, house.base())
    assert (release.version, release.generation) == ("v1.0", 0)
    assert release.model_file == "a4ps_base_model_v1.0.gguf"
    assert house.live.ask("Who are you?") == "I am base."
    assert house.live.status().build_digest == release.build_digest
    assert all(check.passed for check in release.health)


def test_promotion_replaces_what_served_and_edits_the_config(house):
    first = serve(house, house.base())
    second = serve(house, house.promotion("better", first))
    assert (second.version, second.generation, second.replaced) == ("v1.1", 1, first.id)
    assert house.live.ask("Who are you?") == "I am better."
    assert 'model = ".selftune/models/a4ps_base_model_v1.1.gguf"' in house.toml()
    assert "# a comment to keep" in house.toml()
    assert ("serving.release", "v1.0", "v1.1") in second.config_edit


def test_nobody_waits_while_models_change(house):
    first = serve(house, house.base())
    promotion, answers, done = house.promotion("better", first), [], threading.Event()

    def keep_asking():
        while not done.is_set():
            answers.append(house.live.ask("Who are you?"))

    asker = threading.Thread(target=keep_asking)
    asker.start()
    serve(house, promotion)
    answers_before_end = len(answers)
    done.set()
    asker.join()
    assert answers_before_end > 0
    assert set(answers) <= {"I am base.", "I am better."}
    assert house.live.ask("Who are you?") == "I am better."


def test_a_copy_of_the_folder_leaves_alone_what_the_original_serves_and_a_moved_folder_does_not(house, tmp_path):
    serve(house, house.base())
    place, address = tmp_path / "copy", house.live.address()
    shutil.copytree(house.folder, place, ignore=shutil.ignore_patterns("fakes"))
    copy = LiveServer(replace(house.target, folder=str(place)))
    assert copy.status() is None
    assert copy.original() == address
    assert not copy.stop()
    with pytest.raises(ServingError, match=f"{address} is the project that this folder was copied from"):
        copy.ask("Who are you?")
    moved = house.folder.with_name("moved")
    house.folder.rename(moved)
    assert LiveServer(replace(house.target, folder=str(moved))).ask("Who are you?") == "I am base."
    moved.rename(house.folder)
    assert house.live.original() is None


@pytest.mark.parametrize("words", ["refuses", "lies", "mute"])
def test_a_broken_candidate_leaves_the_old_model_in_service(house, words):
    first = serve(house, house.base())
    before = house.toml()
    with pytest.raises(ServingError):
        serve(house, house.promotion(words, first))
    assert house.live.ask("Who are you?") == "I am base."
    assert house.live.status().version == "v1.0"
    assert house.pointer() == "a4ps_base_model_v1.0"
    assert house.toml() == before


def test_damaged_blob_is_refused_before_anything_changes(house):
    first = serve(house, house.base())
    promotion = house.promotion("better", first)
    house.context().blobs.path(promotion.build.file("model.gguf").digest).write_bytes(b"worse!")
    with pytest.raises(DamagedFileError):
        serve(house, promotion)
    assert house.live.ask("Who are you?") == "I am base."


def test_file_tampered_with_after_release_is_refused_at_start_and_the_one_before_serves(house):
    second = serve(house, house.promotion("better", serve(house, house.base())))
    house.live.stop()
    house.model(second).write_bytes(b"bitter")
    status = house.live.start()
    assert status.version == "v1.0"
    assert "damaged" in status.problem
    assert house.live.ask("Who are you?") == "I am base."


def test_when_all_files_are_damaged_nothing_serves_and_the_reason_is_said(house):
    first = serve(house, house.base())
    house.live.stop()
    house.model(first).write_bytes(b"worse")
    with pytest.raises(DamagedFileError, match="damaged") as caught:
        house.live.start()
    assert "no earlier release" in caught.value.next_step
    assert house.live.status() is None


def test_another_release_is_the_way_out_when_all_that_served_is_damaged(house):
    first = serve(house, house.base())
    second = serve(house, house.promotion("better", first))
    third = take_back(first, second, house.target, house.context(), live=house.live, reason="I liked it more.")
    house.live.stop()
    house.model(third).write_bytes(b"worse")  # one file with the blob and with v1.0, so the fallback is damaged too
    with pytest.raises(DamagedFileError):
        house.live.start()
    back = take_back(second, third, house.target, house.context(), live=house.live, reason="What is left.")
    assert (back.version, house.live.ask("Who are you?")) == ("v1.3", "I am better.")


def test_release_that_fails_where_nothing_served_leaves_no_keeper(house):
    with pytest.raises(ServingError):
        serve(house, house.base("refuses"))
    assert house.live.status() is None


def test_killed_keeper_leaves_no_process_and_the_next_start_serves_again_at_the_same_address(house):
    serve(house, house.base())
    address, pid = house.live.address(), house.live.status().pid
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    assert len(family) == 2
    family[0].kill()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
    assert house.live.status() is None
    assert house.live.start().address == address
    assert house.live.ask("Who are you?") == "I am base."


def test_crashed_server_comes_back_by_itself(house):
    serve(house, house.base())
    (child,) = psutil.Process(house.live.status().pid).children()
    child.kill()
    assert house.live.ask("Who are you?") == "I am base."


def test_question_that_kills_the_server_gets_an_error_and_the_next_gets_an_answer(house):
    serve(house, house.base())
    with pytest.raises(ServingError):
        house.live.ask("die")
    assert house.live.ask("Who are you?") == "I am base."


def test_address_stays_over_stop_and_start(house):
    serve(house, house.base())
    address = house.live.address()
    house.live.stop()
    assert house.live.start().address == address
    house.live.stop()
    (house.folder / ".selftune" / "serving.port").write_text("nonsense")
    assert house.live.start().version == "v1.0"


def test_stop_leaves_nothing_behind(house):
    serve(house, house.base())
    pid = house.live.status().pid
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    assert house.live.stop()
    assert not any(process.is_running() for process in family)
    assert not (house.folder / ".selftune" / "serving.json").exists()
    assert not house.live.stop()


def test_rollback_is_a_new_version_of_the_earlier_build(house):
    first = serve(house, house.base())
    second = serve(house, house.promotion("better", first))
    back = take_back(first, second, house.target, house.context(), live=house.live, reason="I liked it more.")
    assert (back.version, back.generation, back.build_id) == ("v1.2", 0, first.build_id)
    assert back.replaced == second.id
    assert house.live.ask("Who are you?") == "I am base."
    assert 'release = "v1.2"' in house.toml()


@pytest.mark.parametrize("point", ["release-intent", "release-placed", "release-switched", "release-edited"])
def test_release_that_crashed_anywhere_is_finished_by_running_it_again(house, point):
    first = serve(house, house.base())
    promotion, work = house.promotion("better", first), house.work()

    class Crash(BaseException):
        pass

    def crash(name):
        if name == point:
            raise Crash

    with pytest.raises(Crash):
        put_into_service(promotion, house.target, house.context(work), live=house.live, reach=crash)
    assert house.live.ask("Who are you?") in {"I am base.", "I am better."}
    release = put_into_service(promotion, house.target, house.context(work), live=house.live)
    assert release.config_edit == (
        ("serving.model", ".selftune/models/a4ps_base_model_v1.0.gguf", ".selftune/models/a4ps_base_model_v1.1.gguf"),
        ("serving.release", "v1.0", "v1.1"),
    )
    assert house.live.ask("Who are you?") == "I am better."


@pytest.mark.parametrize("point", ["release-intent", "release-placed", "release-switched", "release-edited"])
def test_release_that_crashed_anywhere_can_be_undone(house, point):
    first = serve(house, house.base())
    before = house.toml()

    class Crash(BaseException):
        pass

    def crash(name):
        if name == point:
            raise Crash

    with pytest.raises(Crash):
        serve(house, house.promotion("better", first), reach=crash)
    done = undo_unrecorded(first, house.target, live=house.live)
    assert bool(done) == (point in {"release-switched", "release-edited"})
    assert house.live.ask("Who are you?") == "I am base."
    assert house.toml() == before
    assert undo_unrecorded(first, house.target, live=house.live) == ()


def test_config_that_is_nonsense_is_named_and_the_old_model_serves(house):
    first = serve(house, house.base())
    (house.folder / "selftune.toml").write_text("[serving\nmodel = ")
    with pytest.raises(ConfigError, match="line 1"):
        serve(house, house.promotion("better", first))
    assert house.live.ask("Who are you?") == "I am base."


def test_config_that_cannot_be_written_brings_the_old_model_back(house):
    first = serve(house, house.base())

    def spoil(name):
        if name == "release-switched":
            (house.folder / "selftune.toml").write_text("nonsense")

    with pytest.raises(ConfigError):
        serve(house, house.promotion("better", first), reach=spoil)
    assert house.live.ask("Who are you?") == "I am base."
    assert house.pointer() == "a4ps_base_model_v1.0"


@pytest.mark.parametrize("outcome", [Outcome.REJECT, Outcome.INCONCLUSIVE, Outcome.INVALID])
def test_only_what_the_gate_promotes_is_released(house, outcome):
    first = serve(house, house.base())
    with pytest.raises(IntegrityError, match=str(outcome.value)):
        serve(house, house.promotion("better", first, outcome=outcome))
    assert house.live.status().version == "v1.0"


def test_decision_about_another_build_lets_nothing_in(house):
    first = serve(house, house.base())
    other = house.promotion("other", first)
    mixed = type(other)(**{**other.__dict__, "build": house.build("better")})
    with pytest.raises(IntegrityError, match="another build"):
        serve(house, mixed)


def approval(subject, author="ana", *, kind=StatementKind.APPROVAL, model=False):
    return Statement(
        salt="00", author=author, author_is_model=model, subject=subject, kind=kind, text="Yes.", said_at="2026-01-01"
    )


def with_approvals(house, promotion, *statements):
    house.records += statements
    return type(promotion)(**{**promotion.__dict__, "approvals": tuple(one.id for one in statements)})


def test_missing_approvals_hold_a_release_back(house):
    first = serve(house, house.base())
    house.target = type(house.target)(**{**house.target.__dict__, "approvals_required": 2})
    promotion = house.promotion("better", first)
    yes, again = approval(promotion.decision.id), approval(promotion.decision.id, "ana")
    by_model = approval(promotion.decision.id, "gpt", model=True)
    concern = approval(promotion.decision.id, "ben", kind=StatementKind.CONCERN)
    with pytest.raises(WaitingForPersonError, match="1 of 2"):
        serve(house, with_approvals(house, promotion, yes, again, by_model, concern))
    both = with_approvals(house, promotion, yes, approval(promotion.decision.id, "ben"))
    assert serve(house, both).approvals == both.approvals


def test_approval_of_another_decision_is_refused(house):
    first = serve(house, house.base())
    promotion = with_approvals(house, house.promotion("better", first), approval("decision:other"))
    with pytest.raises(IntegrityError, match="not about this decision"):
        serve(house, promotion)


def test_taken_port_is_named(house):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        house.live._target = type(house.target)(**{**house.target.__dict__, "port": port})
        with pytest.raises(ServingError, match=f"port {port} is taken"):
            serve(house, house.base())


def test_note_of_a_dead_keeper_is_not_believed(house):
    serve(house, house.base())
    note = (house.folder / ".selftune" / "serving.json").read_text()
    house.live.stop()
    (house.folder / ".selftune" / "serving.json").write_text(note)
    assert house.live.status() is None
    reused = note.replace(f'"pid":{_pid(note)}', f'"pid":{os.getpid()}')
    (house.folder / ".selftune" / "serving.json").write_text(reused)
    assert house.live.status() is None
    assert not house.live.stop()


def _pid(note):
    return json.loads(note)["pid"]


def test_two_starts_make_one_keeper(house):
    serve(house, house.base())
    assert house.live.start().pid == house.live.start().pid


def test_keeper_ends_when_its_project_is_deleted(house):
    serve(house, house.base())
    process = psutil.Process(house.live.status().pid)
    shutil.rmtree(house.folder / ".selftune")
    _, alive = psutil.wait_procs([process], timeout=60)
    assert alive == []


def post(house, headers, path="/v1/chat/completions", body=b'{"messages": [{"role": "user", "content": "echo"}]}'):
    status = house.live.status()
    request = urllib.request.Request(f"http://127.0.0.1:{status.port}{path}", data=body, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_pages_from_elsewhere_are_refused(house):
    serve(house, house.base())
    assert post(house, {})[0] == 200
    assert post(house, {"Host": "evil.example"})[0] == 403
    assert post(house, {"Origin": "http://evil.example"})[0] == 403
    assert post(house, {"Origin": "null"})[0] == 403
    assert post(house, {"Origin": "http://localhost:5173"})[0] == 200


def test_switching_resting_and_waking_need_the_token(house):
    serve(house, house.base())
    for path in ("/keeper/switch", "/keeper/rest", "/keeper/wake"):
        assert post(house, {}, path, b'{"name": "x"}')[0] == 403
        assert post(house, {"Authorization": "Bearer x"}, path, b'{"name": "x"}')[0] == 403
    assert (house.folder / ".selftune" / "serving.json").stat().st_mode & 0o077 == 0


def test_client_cannot_pick_an_adapter_and_gets_the_builds_prompt_and_parameters(house):
    base = house.base()
    build = house.build("prompted", system_prompt="Be brief.")
    serve(house, type(base)(**{**base.__dict__, "build": build}))
    body = {"messages": [{"role": "user", "content": "echo"}], "lora": [{"id": 0}], "id_slot": 3, "temperature": 0.5}
    _, text = post(house, {}, body=json.dumps(body).encode())
    seen = json.loads(json.loads(text)["choices"][0]["message"]["content"])
    assert seen["messages"][0] == {"role": "system", "content": "Be brief."}
    assert seen["temperature"] == 0.5
    assert seen["max_tokens"] == build.generation.max_tokens
    assert not {"lora", "id_slot"} & set(seen)


def test_broken_requests_are_refused_in_words(house):
    serve(house, house.base())
    assert post(house, {}, body=b"{")[0] == 400
    assert post(house, {}, body=b"[]")[0] == 400
    assert post(house, {}, body=b"{}")[0] == 400
