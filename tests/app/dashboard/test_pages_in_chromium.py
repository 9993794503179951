"""Every page in a real browser: opened, looked at, used by mouse and key; and nothing asked of any other machine.

Pictures lie in the test's own folder. `SELFTUNE_PICTURES=docs/pictures` writes those of the docs there instead.
"""

from __future__ import annotations

import os
import shutil
import struct
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from selftune.app.dashboard.pages import PAGES
from selftune.app.dashboard.serve import listen
from selftune.app.dashboard.server import make_app
from selftune.loop.project import open_project
from selftune.records import Interaction, Statement, StatementKind

pytestmark = pytest.mark.needs("chromium")

HEIGHTS = {1200: 900, 390: 844}
LEAST_BYTES = 6_000
"""A picture of nothing but a background is smaller."""
HEAVY = {"serious", "critical"}
ONLY_FAULTS = {"resultTypes": ["violations"]}
ALL_RULES = {
    **ONLY_FAULTS,
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
}
COLOURS = {**ONLY_FAULTS, "runOnly": {"type": "rule", "values": ["color-contrast"]}}
"""What may differ between light and dark."""
LOOKED_AT = {"exclude": [["tbody tr:nth-child(n+12)"], ["article:nth-of-type(n+4)"]]}
"""Further rows and articles are made like the first ones; to look at hundreds takes half a minute."""
OF_DOCS = {"tonight", "chat"}


@pytest.fixture(scope="module")
def server(peopled):
    """The dashboard of the project, in a thread of this process; a link to come in by."""
    import uvicorn

    listening = listen(0)
    port = listening.getsockname()[1]
    app = make_app(peopled, port=port, hours=1)
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, ws="none"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield app, f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def session(browser, server):
    """The cookie of a browser that came in by the link."""
    app, here = server
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{here}/enter?link={app.state.sessions.new_link()}")
    page.wait_for_url(f"{here}/now")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visit(browser, server, session):
    """Opens a page; whatever goes elsewhere, and whatever a page complains of, fails the test."""
    _, here = server
    faults, contexts = [], []

    def only_here(route):
        if urlsplit(route.request.url).netloc != urlsplit(here).netloc:
            faults.append(f"asked for {route.request.url}")
            return route.abort()
        return route.continue_()

    def opened(path, *, javascript=True):
        context = browser.new_context(
            viewport={"width": 1200, "height": HEIGHTS[1200]},
            storage_state=session,
            java_script_enabled=javascript,
            base_url=here,
        )
        contexts.append(context)
        context.route("**/*", only_here)
        page = context.new_page()
        page.set_default_timeout(60_000)  # a machine may be busy
        page.on("console", lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(f"page: {error}"))
        answer = page.goto(path, wait_until="load")
        assert answer is not None
        assert answer.status == 200, path
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def picture(page, name, folder):
    """A picture of what is seen; of the right size, and not of nothing."""
    wanted = os.environ.get("SELFTUNE_PICTURES")
    if wanted and name.partition("_")[2] == "1200" and name.partition("_")[0] in OF_DOCS:
        folder = Path(wanted)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"dashboard_{name.partition('_')[0]}"
    place = folder / f"{name}.png"
    page.screenshot(path=place)
    data = place.read_bytes()
    assert len(data) > LEAST_BYTES, name
    assert len(data) < 150_000, name
    return struct.unpack(">II", data[16:24])


@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.name)
def test_each_page_says_its_name_fits_its_window_and_can_be_used_by_everybody(entry, visit, tmp_path):
    from axe_playwright_python.sync_playwright import Axe

    page, found = visit(entry.path), {}
    assert page.locator("main h1").first.inner_text().strip()
    assert page.title().endswith("selftune")
    for width, scheme, asked in ((1200, "light", ALL_RULES), (390, "dark", COLOURS)):
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "it runs off the side"
        assert picture(page, f"{entry.name}_{width}", tmp_path) == (width, HEIGHTS[width])
        for fault in Axe().run(page, LOOKED_AT, asked).response["violations"]:
            if fault["impact"] in HEAVY:
                found[f"{scheme} {fault['id']}"] = [node["html"][:160] for node in fault["nodes"][:3]]
    assert found == {}


def test_a_talk_by_mouse_with_a_thumb_a_correction_and_another_generation(visit, peopled, tmp_path):
    page = visit("/chat")
    page.get_by_label("Your words").fill("Who are you?")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="Good answer").click()
    page.get_by_text("You liked it").wait_for()
    page.get_by_text("Write the answer better").click()
    page.get_by_label("What it should have said").fill("I am whoever serves.")
    page.get_by_role("button", name="Keep it so").click()
    page.get_by_text("You wrote instead").wait_for()
    page.get_by_role("button", name="Ask it too").click()
    page.get_by_text("Beside it").wait_for()
    assert picture(page, "chat_1200", tmp_path) == (1200, 900)
    page.get_by_label("Your words").fill("No, that's wrong.")
    page.get_by_role("button", name="Send").click()
    page.get_by_text("Go on").wait_for()
    assert page.get_by_text("Was the last answer wrong?").count() == 0, "it was rated already"
    with open_project(peopled) as project:
        kept = [one for _, one in project.store.each(Interaction) if one.messages[0].content == "Who are you?"]
    assert any(one.feedback and one.feedback.correction == "I am whoever serves." for one in kept)


def test_a_lesson_is_taken_out_and_let_in_again_without_any_javascript(visit):
    page = visit("/tonight", javascript=False)
    before = page.locator("article.lesson").count()
    page.get_by_label("Why? optional").first.fill("Not this one.")
    page.get_by_role("button", name="Take out").first.click()
    page.get_by_text("Taken out, and on record: Not this one.").wait_for()
    assert page.locator("article.lesson").count() == before - 1
    page.get_by_role("link", name="Taken out (1)").click()
    page.get_by_role("button", name="Let in again").click()
    page.get_by_text("It may be learnt again.").wait_for()


def test_a_talk_goes_without_any_javascript(visit):
    page = visit("/chat", javascript=False)
    page.get_by_label("Your words").fill("What is a rope?")
    page.get_by_role("button", name="Send").click()
    for _ in range(50):
        if page.get_by_role("button", name="Good answer").count():
            break
        page.get_by_role("link", name="Load this page again").click()
    assert page.get_by_text("to What is a rope?").count()


def test_pairs_are_picked_by_key(visit, peopled, tmp_path):
    page = visit("/pick")
    page.get_by_role("button", name="Have them answer").click()
    pair, further = (page.get_by_role("button", name="The left one"), page.get_by_role("link", name="The next pair"))
    pair.or_(further).first.wait_for()
    if further.count():
        further.click()
    pair.wait_for()
    assert picture(page, "pick_pair_1200", tmp_path) == (1200, 900)
    waiting = page.locator("main .hint").first.inner_text()
    with page.expect_navigation():
        page.keyboard.press("r")
    assert page.locator("main .hint").first.inner_text() != waiting
    with open_project(peopled) as project:
        said = [one.text for _, one in project.store.each(Statement) if one.kind is StatementKind.PICK]
    assert said == ["right"]


def test_an_answer_is_reviewed_by_two_keys(visit, tmp_path):
    page = visit("/review")
    page.get_by_label("How many").fill("2")
    page.get_by_role("button", name="Begin").click()
    page.locator("form.keyed").wait_for()
    assert picture(page, "review_sheet_1200", tmp_path) == (1200, 900)
    for mark in ("4", "2"):
        page.keyboard.press(mark)
        with page.expect_navigation():
            page.keyboard.press("Enter")
    page.get_by_text("All 2 are done: 2 judged").wait_for()


def test_an_answer_is_reviewed_without_any_javascript(visit):
    page = visit("/review", javascript=False)
    page.get_by_label("How many").fill("1")
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("criteria by themselves").click()
    page.get_by_role("group", name="Tone").get_by_label("does not apply").check()
    page.get_by_role("group", name="The answer as a whole").get_by_label("3").check()
    page.get_by_role("button", name="Keep it").click()
    page.get_by_text("All 1 are done: 1 judged").wait_for()


def test_a_key_does_nothing_to_whoever_types_elsewhere(visit):
    page = visit("/pick")
    page.locator("a.skip").focus()
    page.keyboard.press("l")
    assert page.url.endswith("/pick")


def test_a_concern_is_raised_and_answered(visit):
    page = visit("/governance")
    page.get_by_text("Raise a concern").click()
    page.get_by_label("What you doubt").fill("Is that enough?")
    page.get_by_role("button", name="Put it on record").click()
    page.get_by_role("heading", name="Is that enough?").or_(page.get_by_text("Is that enough?")).first.wait_for()
    page.get_by_text("Reply", exact=True).first.click()
    page.get_by_label("Your reply").first.fill("It is.")
    page.get_by_role("button", name="Reply").first.click()
    page.get_by_text("The concern is as open as before.").wait_for()


def test_a_dialogue_is_drawn_and_told(visit, tmp_path):
    page = visit("/personas")
    page.get_by_role("link", name="Is it worth it?").click()
    drawing = page.get_by_role("img", name="Dissonance by turn")
    assert drawing.evaluate("image => image.complete && image.naturalWidth > 0")
    assert picture(page, "personas_1200", tmp_path) == (1200, 900)
