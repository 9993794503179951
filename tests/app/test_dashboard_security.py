"""Who may look, who may act, and what each answer brings along: the guard before every page."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil

import pytest
from dashboard_visitor import HERE, PORT, Markup, Visitor
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from selftune.app.dashboard.once import Once
from selftune.app.dashboard.pages import PAGES
from selftune.app.dashboard.security import HEADERS, MOST_BYTES
from selftune.app.dashboard.serve import _note_address, link_to_running, listen
from selftune.app.dashboard.server import make_app
from selftune.app.dashboard.sessions import LINK_HOURS, Sessions
from selftune.app.settings_table import settings_of
from selftune.errors import UsageError
from selftune.loop.project import create_project, open_project
from selftune.records import Decision, Interaction, Message, Outcome, Statement, Trigger

SAID = "the otter keeps a blue umbrella"
SECRET = "sk-7fe1c0ffee7fe1c0ffee"
GETS = [path for entry in PAGES for path in (entry.path, f"{entry.path}/nothing", f"{entry.path}?before=x&start=-9")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded") / "tidy"
    folder.mkdir()
    create_project(folder, name="tidy", base="reference", recipe="reference_sft", suite="state_obedience")
    with (folder / "selftune.toml").open("a") as config:
        config.write(
            '[judge]\nname = "oracle"\nendpoint = "http://ana:hunter2@127.0.0.1:9/v1"\napi_key_env = "JUDGE_KEY"\n'
        )
    said = Interaction(
        salt="0" * 32, conversation="c", task_id="t", trigger=Trigger.USER, source="log", position="1",
        messages=(Message(role="user", content=SAID), Message(role="assistant", content="Yes.")),
    )  # fmt: skip
    decided = Decision(
        outcome=Outcome.REJECT, reason="No better.", checks=(), arms=(), policy="small", policy_digest="sha256:p",
        build_id=None, run_id=None,
    )  # fmt: skip
    with open_project(folder) as project:
        project.store.save([said, decided], event="made by a test")
    return folder


@pytest.fixture(scope="module")
def visitor(folder):
    return Visitor(folder)


@pytest.fixture(scope="module")
def stranger(folder):
    return Visitor(folder, enters=False)


def state_of(folder):
    """Every byte of the project but the dashboard's own sessions, and how long its ledger is."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        place = path.relative_to(folder).as_posix()
        # Beside a database that is being read lie two files of SQLite's own.
        if not place.startswith(".selftune/dashboard/") and not place.endswith(("-wal", "-shm")):
            digest.update(place.encode() + hashlib.sha256(path.read_bytes()).digest())
    with open_project(folder) as project:
        return digest.hexdigest(), project.store.last_entry()


@pytest.mark.parametrize("path", ["/", *(entry.path for entry in PAGES), "/stop", "/nothing", "/now/stream"])
def test_nobody_without_a_session_learns_anything(stranger, path):
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert "tidy" not in answer.text
    assert SAID not in answer.text
    assert "selftune dashboard --link" in answer.text


def test_a_file_that_is_not_there_names_no_project_to_a_stranger(stranger):
    answer = stranger.get("/static/nothing")
    assert (answer.status_code, "tidy" in answer.text) == (404, False)


def test_every_answer_carries_the_policy(visitor, stranger):
    answers = [visitor.get(path) for path in ("/now", "/rules", "/nothing", "/static/style.css", "/static/nothing")]
    answers += [stranger.get("/now"), stranger.get("/healthz"), visitor.get("/now", headers={"Host": "evil.example"})]
    for answer in answers:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, answer.url
    assert "unsafe" not in HEADERS["content-security-policy"]


def test_a_fault_carries_the_policy_too_and_says_nothing_to_a_stranger(folder, capsys):
    visitor, stranger = Visitor(folder), Visitor(folder, enters=False)

    def fail():
        raise RuntimeError("made up")

    def fail_amid():
        yield "half"
        fail()

    visitor.made.get("/broken")(fail)
    answer = visitor.get("/broken")
    assert (answer.status_code, "made up" in answer.text, "tidy" in answer.text) == (500, False, True)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "RuntimeError: made up" in capsys.readouterr().err
    visitor.made.get("/amid", response_class=StreamingResponse)(lambda: StreamingResponse(fail_amid()))
    assert visitor.get("/amid").status_code == 200
    stranger.made.state.sessions.knows = lambda _: fail()
    stranger.cookies.set(f"selftune_session_{PORT}", "x")
    answer = stranger.get("/now")
    assert (answer.status_code, "tidy" in answer.text) == (500, False)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("place", ["9" * 30, "-1", str(2**63)])
@pytest.mark.parametrize("path", ["/data/interactions?before=", "/data/interactions?after=", "/personas?before="])
def test_a_place_that_no_store_can_hold_is_no_address(visitor, path, place):
    assert visitor.get(path + place).status_code == 400


@pytest.mark.parametrize("count", ["\u00b2", "9" * 5000, "0", "-1"])
def test_a_number_that_is_none_draws_nothing_to_review(visitor, count):
    answer = visitor.sends("/review/begin", count=count)
    assert answer.status_code == 400
    assert "not a number from 1 to 100" in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1.evil.example:{PORT}", ""]
)
def test_another_name_is_not_answered(visitor, host):
    answer = visitor.get("/data/interactions", headers={"Host": host})
    assert answer.status_code == 421
    assert SAID not in answer.text


@pytest.mark.parametrize("path", ["//evil.example/now", "/\\evil.example/now", "/%2F/evil.example"])
def test_a_page_that_is_not_there_leads_to_no_other_host(visitor, path):
    answer = visitor.get(HERE + path)
    assert answer.status_code == 404
    assert Markup(answer.text).faults == []


def test_an_error_leads_back_to_a_page_that_is_there(visitor):
    for path, back in (
        ("/governance/raise", "/governance"),
        ("/review/begin", "/review"),
        ("/review", "/review"),
        ("/pick", "/pick"),
        ("/chat/begin", "/chat"),
        ("/chat/0123456789ab/ask", "/chat/0123456789ab"),
        ("/models/trial/stop", "/models"),
        ("/models/rollback", "/models"),
    ):
        answer = visitor.sends(path, count="x", to="v9")
        assert answer.status_code >= 400, path
        assert f'href="{back}">Load the page again' in answer.text, path
        assert visitor.get(back).status_code != 405, path
    asked = visitor.get("/experiments/try?name=a%26b")
    assert 'href="/experiments/try?name=a%26b">Load the page again' in asked.text


def test_a_name_that_nothing_has_is_no_damage(visitor, folder):
    with open_project(folder) as project:
        said = project.store.last(Interaction).id
    for path, status in (
        (f"/data/interactions/interaction:{'0' * 64}", 404),
        (f"/data/interactions/interaction:{'0' * 64}/way", 404),
        (f"/decisions/decision:{'0' * 64}", 404),
        (f"/personas/dialogue/interaction:{'0' * 64}", 404),
        (f"/decisions/{said}", 400),
    ):
        answer = visitor.get(path)
        assert answer.status_code == status, path
        assert "backup" not in answer.text


def test_a_rubric_is_one_that_the_page_offers_and_no_file_of_this_machine(visitor, tmp_path):
    (tmp_path / "mine.toml").write_text('hunter2 = "hunter2"\n')
    answer = visitor.sends("/review/begin", count="3", rubric=str(tmp_path / "mine.toml"))
    assert answer.status_code == 404
    assert "hunter2" not in answer.text


def token_on(visitor, path):
    return re.search(r'name="form_token" value="([^"]+)"', visitor.get(path).text)[1]


def test_a_form_that_was_sent_twice_is_done_once(visitor, folder):
    doubt = {"subject": "project", "text": "Twice?", "form_token": token_on(visitor, "/governance")}
    sent = [visitor.post("/governance/raise", data=doubt, headers={"Origin": HERE}) for _ in range(2)]
    assert [answer.headers["location"] for answer in sent] == ["/governance", "/governance"]
    assert "The form was sent twice, and was done once." in visitor.get("/governance").text
    other = doubt | {"text": "Or so?"}, doubt | {"form_token": token_on(visitor, "/governance")}
    assert [visitor.post("/governance/raise", data=one, headers={"Origin": HERE}).status_code for one in other] == [
        303,
        303,
    ]
    with open_project(folder) as project:
        assert sorted(one.text for _, one in project.store.each(Statement)) == ["Or so?", "Twice?", "Twice?"]
    wrong = doubt | {"text": ""}
    assert [visitor.post("/governance/raise", data=wrong, headers={"Origin": HERE}).status_code for _ in "ab"] == [
        400,
        400,
    ]


def test_of_two_forms_at_once_the_second_waits_for_the_first():
    once, done = Once(), []

    async def send(message):
        done.append(message["status"])

    async def come():
        async with once.turn("session", "/there", b"text=words") as form:
            if not form.led_to:
                await asyncio.sleep(0)
                start = {"type": "http.response.start", "status": 303, "headers": [(b"location", b"/here")]}
                await form.noting(send)(start)
            return form.led_to

    async def both():
        return await asyncio.gather(come(), come())

    assert asyncio.run(both()) == ["/here", "/here"]
    assert done == [303]


def test_a_proxy_that_is_named_is_answered(folder):
    visitor = Visitor(folder, behind=("tune.example",))
    assert visitor.get("/rules", headers={"Host": "tune.example"}).status_code == 200
    told = {"Host": "tune.example", "Origin": "https://tune.example"}
    assert visitor.sends("/leave", headers=told).status_code == 200


def test_sixty_looks_change_nothing(folder, visitor):
    before = state_of(folder)
    asked = [visitor.get(path).status_code for path in (GETS * 2)[:60]]
    assert len(asked) == 60
    assert 500 not in asked
    assert state_of(folder) == before


def posts(application):
    return sorted({route.path for route in _routes(application) if "POST" in (getattr(route, "methods", None) or ())})


def _routes(application):
    """FastAPI keeps the routes of a router behind one of its own."""
    for route in application.routes:
        inner = getattr(route, "original_router", None)
        yield from (inner.routes if inner is not None else [route])


def test_each_action_refuses_a_form_that_is_not_ours(folder, visitor):
    paths = posts(visitor.made)
    assert {"/stop", "/leave", "/models/rollback", "/data/search/catch-up"} <= set(paths)
    before = state_of(folder)
    token = visitor.token
    for path in paths:
        target = path.replace("{", "").replace("}", "")
        for headers, fields in (
            ({"Origin": HERE}, {"to": "v1.0"}),
            ({"Origin": HERE}, {"form_token": "0" * 64}),
            ({"Origin": "http://evil.example"}, {"form_token": token}),
            ({"Origin": "null"}, {"form_token": token}),
            ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, {"form_token": token}),
            ({}, {"form_token": token}),
            ({"Origin": HERE, "Sec-Fetch-Site": "same-site"}, {"form_token": token}),
            ({"Origin": f"http://127.0.0.1:{PORT + 1}"}, {"form_token": token}),
        ):
            assert visitor.post(target, data=fields, headers=headers).status_code == 403, (path, headers, fields)
        for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
            answer = visitor.post(target, content=b"{}", headers={"Origin": HERE, "Content-Type": kind})
            assert answer.status_code == 415, (path, kind)
        for method in ("put", "delete", "patch", "options"):
            assert getattr(visitor, method)(target, headers={"Origin": HERE}).status_code == 405
    assert state_of(folder) == before


def test_a_form_of_another_session_is_not_ours(folder):
    one, other = Visitor(folder), Visitor(folder)
    answer = one.post("/leave", data={"form_token": other.token}, headers={"Origin": HERE})
    assert answer.status_code == 403
    assert one.get("/rules").status_code == 200


def test_a_page_that_sends_no_referrer_may_still_send_its_form(folder):
    visitor = Visitor(folder)
    assert visitor.sends("/leave", headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert visitor.get("/rules").status_code == 401


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000, "-1"])
def test_a_length_that_is_no_number_is_not_reckoned_with(visitor, length):
    kind = {"Origin": HERE, "Content-Type": "application/x-www-form-urlencoded"}
    told = kind | {"Content-Length": length.encode("latin-1")}
    answer = visitor.post("/stop", content=b"a=b", headers=told)
    assert answer.status_code == 413


def test_a_form_that_is_too_long_is_not_read(visitor):
    kind = {"Origin": HERE, "Content-Type": "application/x-www-form-urlencoded"}
    assert visitor.post("/stop", content=b"a" * (MOST_BYTES + 1), headers=kind).status_code == 413
    chunks = (b"a" * 65536 for _ in range(MOST_BYTES // 65536 + 1))
    assert visitor.post("/stop", content=chunks, headers=kind).status_code == 413


def test_a_link_works_once_and_for_a_day(tmp_path):
    now = [1000.0]
    sessions = Sessions(tmp_path, hours=2, clock=lambda: now[0])
    link = sessions.new_link()
    session = sessions.enter(link)
    assert session is not None
    assert sessions.enter(link) is None
    assert sessions.knows(session)
    assert not sessions.knows(link)
    late = sessions.new_link()
    now[0] += LINK_HOURS * 3600 + 1
    assert sessions.enter(late) is None
    assert not sessions.knows(session)


def test_a_session_outlives_a_restart_and_no_secret_lies_in_the_folder(tmp_path):
    session = Sessions(tmp_path, hours=1).enter(Sessions(tmp_path, hours=1).new_link())
    assert Sessions(tmp_path, hours=1).knows(session)
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(found) == 1
    assert all(session not in path.name and session not in path.read_text() for path in found)
    assert not Sessions(tmp_path, hours=1).knows(found[0].name)


def test_a_copy_of_a_folder_has_no_link_to_the_dashboard_of_the_other(folder, tmp_path):
    shutil.copyfile(folder / "selftune.toml", tmp_path / "selftune.toml")
    with listen(0) as listening:
        _note_address(folder, listening.getsockname()[1])
        shutil.copytree(folder / ".selftune" / "dashboard", tmp_path / ".selftune" / "dashboard")
        assert f":{listening.getsockname()[1]}/enter?link=" in link_to_running(folder)
        with pytest.raises(UsageError, match="no dashboard runs"):
            link_to_running(tmp_path)


@pytest.mark.parametrize("link", ["", "x", "../sessions", "a" * 5000, "\x00"])
def test_a_made_up_link_opens_nothing(stranger, link):
    answer = stranger.get("/enter", params={"link": link})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_the_session_is_kept_from_scripts_and_other_sites(folder):
    visitor = Visitor(folder, enters=False)
    answer = visitor.get("/enter", params={"link": visitor.made.state.sessions.new_link()})
    told = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in told.split(";")}
    assert Markup(answer.text).faults == []


def test_a_dashboard_on_another_port_leaves_the_session_alone(folder):
    one = Visitor(folder)
    other = make_app(folder, port=PORT + 1, hours=1)
    there = TestClient(other, base_url=f"http://127.0.0.1:{PORT + 1}", cookies=one.cookies)
    told = there.get("/enter", params={"link": other.state.sessions.new_link()}).headers["set-cookie"]
    name, _, session = told.partition(";")[0].partition("=")
    # A browser has one jar for all ports of a host.
    one.cookies.set(name, session)
    assert one.get("/rules").status_code == 200
    assert one.session != session


def test_cookies_of_other_programs_hide_no_session(folder):
    session, stranger = Visitor(folder).session, Visitor(folder, enters=False)
    for odd in ('theme={"dark": true}', "a@b=1", "loose", "list[0]=x", 'name="open', "words=of two"):
        told = {"Cookie": f"{odd}; selftune_session_{PORT}={session}"}
        assert stranger.get("/rules", headers=told).status_code == 200, odd
        assert stranger.get("/rules", headers={"Cookie": odd}).status_code == 401, odd


def test_a_session_through_a_proxy_goes_over_tls_alone_whatever_its_port(folder):
    visitor = Visitor(folder, enters=False, behind=("Tune.example:8443",))
    for host, secure in (("tune.example:8443", True), ("TUNE.example:8443", True), (f"localhost:{PORT}", False)):
        link = visitor.made.state.sessions.new_link()
        told = visitor.get("/enter", params={"link": link}, headers={"Host": host}).headers["set-cookie"]
        assert ("; Secure" in told) is secure, host


def test_no_secret_stands_on_any_page(folder, visitor, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", SECRET)
    keys = [path.read_text(errors="replace") for path in (folder / ".selftune" / "keys").rglob("*") if path.is_file()]
    secret = [SECRET, "hunter2", visitor.session]
    secret += [line for key in keys for line in key.split() if len(line) > 20]
    for entry in PAGES:
        text = visitor.get(entry.path).text
        assert [one for one in secret if one in text] == [], entry.path
    assert "JUDGE_KEY (set where the dashboard runs)" in visitor.get("/settings").text


@pytest.mark.parametrize(
    ("endpoint", "shown"),
    [
        ("http://ana:hun@ter2@127.0.0.1:9/v1", "http://…@127.0.0.1:9/v1"),
        ("http://127.0.0.1:9/v1?api_key=hunter2&version=1", "http://127.0.0.1:9/v1?api_key=…&version=1"),
        ("http://127.0.0.1:9/v1?at=a@b", "http://127.0.0.1:9/v1?at=a@b"),
    ],
)
def test_what_an_address_holds_of_a_secret_is_left_out(tmp_path, endpoint, shown):
    (tmp_path / "selftune.toml").write_text(f'[judge]\nendpoint = "{endpoint}"\n')
    told = {
        one.key: one.value for section in settings_of(tmp_path) if section.name == "judge" for one in section.settings
    }
    assert told["endpoint"] == shown


def test_what_a_person_can_put_right_is_said_with_the_next_step(folder, tmp_path):
    (tmp_path / "selftune.toml").write_text("[judge]\nnmae = 1\n")
    answer = Visitor(tmp_path).get("/now")
    assert answer.status_code == 400
    assert "unknown key &#39;nmae&#39;" in answer.text
    assert "Did you mean" in answer.text


def test_a_config_that_was_mended_is_read_again(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    visitor, config = Visitor(folder), folder / "selftune.toml"
    assert "0.9" in visitor.get("/settings").text
    whole = config.read_text()
    config.write_text(whole + "[capture]\ntemperature = nine\n")
    assert visitor.get("/now").status_code == 400
    config.write_text(whole + "[capture]\ntemperature = 0.7125\n")
    assert visitor.get("/now").status_code == 200
    assert "0.7125" in visitor.get("/settings").text


def test_records_that_were_moved_are_read_where_they_lie_now(folder):
    visitor, config = Visitor(folder), folder / "selftune.toml"
    whole = config.read_text()
    assert SAID in visitor.get("/data/interactions").text
    assert visitor.get("/data").status_code == 200
    config.write_text(whole + '\n[store]\nurl = "postgresql://ana@127.0.0.1:1/moved"\n')
    try:
        for path in ("/data/interactions", "/data", "/rules"):
            answer = visitor.get(path)
            # Nobody answers there, and that is said: what lies in the old place is not what there is.
            assert answer.status_code >= 400, path
            assert SAID not in answer.text
    finally:
        config.write_text(whole)
    for path in ("/data/interactions", "/data", "/rules"):
        assert visitor.get(path).status_code == 200, path
    assert SAID in visitor.get("/data/interactions").text
