"""Every page in a real browser: opened, looked at, used by mouse and key; and nothing asked of any other machine.

The pictures of the docs are made here: `SELFTUNE_PICTURES=docs/pictures pytest tests/app/dashboard -k in_chromium`.
"""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import replace
from statistics import fmean

import pytest
from looking import (
    ALL_RULES,
    HEIGHTS,
    NARROW_AND_DARK,
    NOBODY_ELSE,
    Looking,
    begin_axe,
    boxes,
    heavy_faults,
    overlaps,
    picture,
)
from page_reading import PATIENCE
from peopled_project import a_trial

from selftune.app.dashboard.pages import PAGES
from selftune.app.dashboard.serve import listen
from selftune.app.dashboard.server import make_app
from selftune.loop.canary.note import note_path, write_canary
from selftune.loop.project import open_project
from selftune.records import Interaction, Statement, StatementKind

pytestmark = pytest.mark.needs("chromium")

AS_IN_DOCS = 0.25
"""So far may the docs' picture of a page and the page be apart; see `Looking.apart`."""
ALIKE = 0.005
"""The share of dots that may differ where a page is the same: a minute may go by between two pictures."""
FRAME = 56
"""The height of what stands above every page."""


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
def looking(server):
    """A browser that came in by the link."""
    from playwright.sync_api import sync_playwright

    app, here = server
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", NOBODY_ELSE]
        )
        context = running.new_context()
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(f"{here}/enter?link={app.state.sessions.new_link()}")
        page.wait_for_url(f"{here}/now")
        state = context.storage_state()
        context.close()
        yield Looking(running, here, state)
        running.close()


@pytest.fixture
def visit(looking):
    """Opens a page; whatever goes elsewhere, and whatever a page complains of, fails the test."""
    looking.faults.clear()
    yield looking.open
    looking.close_pages()
    assert looking.faults == []


@pytest.fixture(scope="module")
def pictures():
    """The first picture of each page by its path, wide and light."""
    return {}


@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.name)
def test_each_page_says_its_name_fits_its_window_and_can_be_used_by_everybody(entry, visit, looking, pictures):
    page = visit(entry.path)
    assert page.locator("main h1").first.inner_text().strip()
    assert page.title().endswith("selftune")
    light, lies, found = picture(page), boxes(page), {}
    pictures[entry.path] = light
    another = next(iter(pictures.values()))
    assert looking.differ(another, light, height=FRAME) == 0, "its head is not that of the other pages"
    assert overlaps(page) == []
    begin_axe(page)
    found["light"] = heavy_faults(page, ALL_RULES)
    page.emulate_media(color_scheme="dark")
    assert boxes(page) == lies, "its colours move what stands on it"
    page.set_viewport_size({"width": 390, "height": HEIGHTS[390]})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "it runs off the side"
    assert overlaps(page) == []
    dark = picture(page)
    found["dark"] = heavy_faults(page, NARROW_AND_DARK)
    assert found == {"light": {}, "dark": {}}
    assert fmean(looking.fields(light)) > 0.75, "it is not light"
    assert fmean(looking.fields(dark)) < 0.3, "it is not dark"


@pytest.mark.parametrize("path", ["/now", "/chat", "/pick", "/review"])
def test_a_page_looks_the_same_without_javascript(path, visit, looking, pictures):
    with_javascript = pictures.get(path) or picture(visit(path))
    assert looking.differ(with_javascript, picture(visit(path, javascript=False))) < ALIKE


def test_pictures_that_differ_are_told_apart(visit, looking, pictures):
    """What the comparisons of this file rest on."""
    chat, tonight = (pictures.get(path) or picture(visit(path)) for path in ("/chat", "/tonight"))
    assert looking.differ(chat, chat) == 0
    assert looking.differ(chat, tonight) > 4 * ALIKE
    assert looking.apart(chat, chat) == 0
    assert looking.apart(chat, tonight) > AS_IN_DOCS


def test_a_talk_by_mouse_with_a_thumb_a_correction_and_another_generation(visit, peopled, looking):
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
    page.evaluate("scrollTo(0, 0)")
    assert looking.stands_in_docs(page, "chat") < AS_IN_DOCS
    page.get_by_label("Your words").fill("No, that's wrong.")
    page.get_by_role("button", name="Send").click()
    page.get_by_text("Go on").wait_for()
    assert page.get_by_text("Was the last answer wrong?").count() == 0, "it was rated already"
    with open_project(peopled) as project:
        kept = [one for _, one in project.store.each(Interaction) if one.messages[0].content == "Who are you?"]
    assert any(one.feedback and one.feedback.correction == "I am whoever serves." for one in kept)


def test_a_lesson_is_taken_out_and_let_in_again_without_any_javascript(visit, looking):
    page = visit("/tonight", javascript=False)
    assert looking.stands_in_docs(page, "tonight") < AS_IN_DOCS
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
    until = time.monotonic() + PATIENCE
    while not page.get_by_role("button", name="Good answer").count():
        assert time.monotonic() < until
        page.get_by_role("link", name="Load this page again").click()
    assert page.get_by_text("to What is a rope?").count()


def test_pairs_are_picked_by_key(visit, peopled):
    page = visit("/pick")
    page.get_by_role("button", name="Have them answer").click()
    pair, further = (page.get_by_role("button", name="The left one"), page.get_by_role("link", name="The next pair"))
    pair.or_(further).first.wait_for()
    if further.count():
        further.click()
    pair.wait_for()
    assert picture(page)
    waiting = page.locator("main .hint").first.inner_text()
    with page.expect_navigation():
        page.keyboard.press("r")
    assert page.locator("main .hint").first.inner_text() != waiting
    with open_project(peopled) as project:
        said = [one.text for _, one in project.store.each(Statement) if one.kind is StatementKind.PICK]
    assert said == ["right"]


def test_an_answer_is_reviewed_by_two_keys(visit, looking):
    page = visit("/review")
    page.get_by_label("How many").fill("2")
    page.get_by_role("button", name="Begin").click()
    page.locator("form.keyed").wait_for()
    page.wait_for_load_state()
    assert looking.stands_in_docs(page, "review") < AS_IN_DOCS
    page.add_init_script("addEventListener('DOMContentLoaded', () => { window.ready = document.activeElement.name })")
    for mark in ("4", "2"):
        page.keyboard.press(mark)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert mark == "2" or page.evaluate("window.ready") == "mark", "the first key would be lost"
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


def test_what_changes_by_itself_takes_the_focus_from_nobody(visit, peopled):
    hidden, note = peopled / ".selftune", a_trial()
    try:
        write_canary(note, hidden)
        page = visit("/now")
        button = page.get_by_role("button", name="Back to the champion")
        button.focus()
        write_canary(replace(note, share=0.5), hidden)
        page.get_by_text("tried for 50% of users").wait_for()
        assert button.evaluate("button => button === document.activeElement")
    finally:
        note_path(hidden).unlink(missing_ok=True)


def test_a_dialogue_is_drawn_and_told(visit):
    page = visit("/personas")
    page.get_by_role("link", name="Is it worth it?").click()
    drawing = page.get_by_role("img", name="Dissonance by turn")
    assert drawing.evaluate("image => image.complete && image.naturalWidth > 0")
    assert picture(page)
