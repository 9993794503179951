"""The pages of reports: what is said stays words, nothing is fetched, and everybody can read them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import Slope, Span, draw_distribution, draw_forest, draw_slopes
from selftune.app.reporting.pages.html import as_html, with_code
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.reporting.pages.parts import (
    Answer,
    Cell,
    Drawing,
    Page,
    Points,
    Said,
    Section,
    Table,
    Transcript,
    drift,
    heat,
)
from selftune.app.reporting.pages.writing import write_page
from selftune.errors import MissingFileError

EVIL = '<script src="https://elsewhere.example/x.js">alert(1)</script> & "quoted" | ```fence``` \x1b[31m \u202e'
UNIT = (0.0, 1.0)


def page_of(*parts, **changes):
    return Page(title="A page", lead=(), sections=(Section(title="One", parts=parts),), **changes)


def everything_with(words):
    return Page(
        title=words,
        outcome=words or "better",
        lead=(words,),
        foot=words,
        sections=(
            Section(
                title=words,
                folded=True,
                parts=(
                    Said(text=words),
                    Points(points=(words,)),
                    Table(caption=words, head=("name", words), rows=((words, Cell(text=words, tint=words)),)),
                    Drawing(svg=draw_forest(words, [Span(label=words, value=0.1, interval=None, n=1)]), alt=words),
                    Transcript(
                        name=words, note=words, asked=((words, words),), answers=(Answer(name="a", text=words),)
                    ),
                ),
            ),
        ),
    )


class Tags(HTMLParser):
    """Every tag with its attributes; and whether what is opened is closed."""

    void = frozenset({"meta", "link", "img", "br", "hr", "input", "circle", "rect", "line", "path"})

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_what_a_model_says_becomes_no_part_of_the_page():
    tags = Tags(as_html(everything_with(EVIL)))
    assert tags.open == []
    assert "script" not in {tag for tag, _ in tags.found}


@given(st.text(max_size=40))
def test_a_page_is_whole_whatever_is_said_on_it(words):
    html, markdown = as_html(everything_with(words)), as_markdown(everything_with(words))
    assert Tags(html).open == []
    for text in (html, markdown):
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)


def test_a_page_asks_nothing_of_anybody():
    html = as_html(everything_with("plain"))
    tags = Tags(html).found
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object", "embed", "form"}
    assert all(attrs["href"].startswith("#") for tag, attrs in tags if tag == "a")
    assert "url(" not in html
    assert "@import" not in html
    assert not any(name.startswith("on") or name == "src" for _, attrs in tags for name in attrs)
    assert "default-src 'none'" in html


def test_a_fence_in_an_answer_closes_no_fence_of_ours():
    answer = Answer(name="candidate", text="```\n# not a heading\n````")
    text = as_markdown(page_of(Transcript(name="gt-01", note="", asked=(), answers=(answer,))))
    opened = re.search(r"^(`+)text$", text, re.MULTILINE)
    assert opened
    assert text.count(f"\n{opened[1]}\n") == 1


def test_a_bar_in_a_cell_makes_no_second_cell():
    row = as_markdown(page_of(Table(caption="Figures", head=("item", "n"), rows=(("a|b", "1"),)))).splitlines()[-1]
    assert row == r"| a\|b | 1 |"


def test_a_table_can_be_reached_by_keyboard_and_heard():
    table = Table(caption="Means", head=("category", "n"), rows=(("identity", "12"), ("tone", "-")))
    tags = Tags(as_html(page_of(table))).found
    region = next(attrs for _, attrs in tags if attrs.get("role") == "region")
    assert region["tabindex"] == "0"
    assert region["aria-label"] == "Means"
    scopes = [(tag, attrs.get("scope"), attrs.get("class")) for tag, attrs in tags if tag in {"th", "td"}]
    assert scopes[:3] == [("th", "col", "name"), ("th", "col", "figure"), ("th", "row", "name")]


def test_a_drawing_is_told_in_words_to_whoever_does_not_see_it():
    drawing = Drawing(svg=draw_slopes("Items", [], UNIT), alt="No item moved.")
    images = [attrs for _, attrs in Tags(as_html(page_of(drawing))).found if attrs.get("role") == "img"]
    assert [attrs["aria-label"] for attrs in images] == ["No item moved."]
    assert "*No item moved.*" in as_markdown(page_of(drawing))


def test_headings_go_down_one_step_at_a_time_and_every_table_and_picture_has_a_name():
    transcript = Transcript(name="q-1", note="", asked=(("user", "Why?"),), answers=(Answer(name="new", text="So."),))
    tags = Tags(as_html(everything_with("plain"))).found + Tags(as_html(page_of(transcript))).found
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
    assert levels == [1, 2, 3, 1, 2, 3]
    assert next(attrs for tag, attrs in tags if tag == "html")["lang"] == "en"
    assert all(attrs.get("scope") in {"col", "row"} for tag, attrs in tags if tag == "th")
    assert sum(tag == "caption" for tag, _ in tags) == sum(tag == "table" for tag, _ in tags) == 1
    assert all(attrs.get("aria-label") for tag, attrs in tags if tag == "svg")


def test_items_that_moved_alike_are_drawn_as_one_line_the_thicker_the_more_they_are():
    slopes = [Slope(label=f"q-{at}", champion=0.0, candidate=float(at < 30)) for at in range(40)]
    svg = draw_slopes("Items", slopes, UNIT)
    assert "30 items +1.00" in svg
    widths = dict(re.findall(r'<line class="(up|same|down)"[^>]*stroke-width:([\d.]+)', svg))
    assert float(widths["up"]) > float(widths["same"]) > 2


def test_a_tint_that_is_none_of_ours_is_dropped():
    assert 'class="figure"' in as_html(
        page_of(Table(caption="c", head=("a", "b"), rows=(("x", Cell(text="1", tint='"><b>')),)))
    )


# --- Colours ----------------------------------------------------------------------------------------------------------


def colours(scheme):
    css = files("selftune.app.reporting.pages").joinpath("page.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+):(#[0-9a-f]+)", block)) for block in re.findall(r":root\{(.*?)\}", css, re.DOTALL)
    )
    return {"light": light, "dark": dark}[scheme]


def luminance(colour):
    """Relative luminance, WCAG 2.2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_reckoned_as_the_guideline_does():
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_what_is_behind_it(scheme):
    named = colours(scheme)
    behind = [named[name] for name in named if name.startswith(("heat", "shift"))] + [named["page"], named["field"]]
    assert len(behind) >= 14
    assert min(contrast(named["ink"], colour) for colour in behind) >= 4.5
    for name in ("soft", "link", "good", "bad", "unsure"):
        assert min(contrast(named[name], named[ground]) for ground in ("page", "field")) >= 4.5


# --- Drawings ---------------------------------------------------------------------------------------------------------


def texts_of(svg):
    """Place and words of each line of text."""
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    return [
        (float(one.get("x")), float(one.get("y")), one.get("text-anchor", "start"), one.text or "")
        for one in root.iter("{http://www.w3.org/2000/svg}text")
    ]


SCORES = st.floats(0, 1)
LABELS = st.text(max_size=60)


@given(st.lists(st.builds(Slope, label=LABELS, champion=SCORES, candidate=SCORES), max_size=30))
def test_the_names_of_items_never_stand_on_each_other_nor_outside(slopes):
    svg = draw_slopes("Items", slopes, UNIT)
    height = float(ET.fromstring(svg).get("viewBox").split()[3])  # noqa: S314 - our own text
    names = sorted(y for x, y, _, _ in texts_of(svg) if x > 190 and y > 50)
    assert all(below - above >= 12.9 for above, below in pairwise(names))
    assert all(y <= height - 4 for y in names)


@given(
    st.lists(
        st.tuples(LABELS, st.floats(-1, 1), st.floats(0, 0.5)).map(
            lambda drawn: Span(label=drawn[0], value=drawn[1], interval=(drawn[1] - drawn[2], drawn[1] + drawn[2]), n=9)
        ),
        max_size=12,
    )
)
def test_no_word_of_a_forest_plot_is_outside_or_on_another(spans):
    """At 5.6 units a letter, which is more than the mean width of a sans-serif at 11 units."""
    svg = draw_forest("Differences of a candidate with a very long name from its champion", spans, aim=0.02, places=3)
    for y in {y for _, y, _, _ in texts_of(svg)}:
        ends = []
        for x, _, anchor, words in (text for text in texts_of(svg) if text[1] == y):
            wide = (7.6 if y == 20 else 5.6) * len(words)  # the title is larger
            start = x - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
            ends.append((start, start + wide))
        ends.sort()
        assert all(start >= -1 and end <= 361 for start, end in ends)
        assert all(left[1] <= right[0] + 1 for left, right in pairwise(ends))


def test_a_difference_is_told_by_shape_as_well_as_by_colour():
    def marks(interval):
        svg = draw_forest("d", [Span(label="all", value=sum(interval) / 2, interval=interval, n=3)])
        return {kind for kind in ("path", "rect", "circle") if f"<{kind} " in svg}

    assert marks((0.1, 0.2)) == {"path"}
    assert marks((-0.2, -0.1)) == {"rect"}
    assert marks((-0.1, 0.1)) == {"circle"}


def test_two_heaps_are_seen_as_two():
    svg = draw_distribution("Scores", [("champion", [0.0] * 5 + [1.0] * 7)], UNIT)
    counts = [words for _, y, _, words in texts_of(svg) if words.isdigit() and words not in {"0", "1"}]
    assert counts == ["5", "7"]
    assert svg.count("<rect") == 2


def test_drawings_of_nothing_are_drawings():
    for svg in (draw_forest("none", []), draw_slopes("none", [], UNIT), draw_distribution("none", [("a", [])], UNIT)):
        assert texts_of(svg)


def test_equal_figures_are_drawn_equally_byte_for_byte():
    spans = [Span(label="all", value=0.1, interval=(0.0, 0.2), n=3)]
    assert draw_forest("d", spans) == draw_forest("d", list(spans))


# --- Figures ----------------------------------------------------------------------------------------------------------


def test_nothing_is_never_written_as_zero():
    for write in (figures.number, figures.signed, figures.share, figures.chance, figures.dollars):
        assert write(None) == figures.NOTHING
    assert figures.mean(None, None) == figures.NOTHING


def test_figures_are_written_one_way():
    assert figures.mean(0.5, (0.25, 0.75), 3) == "0.500 [0.250, 0.750]"
    assert figures.shift(-0.0001, (-0.1, 0.1), 3) == "+0.000 [-0.100, +0.100]"
    assert figures.chance(0.0004) == "< 0.001"
    assert [figures.seconds(value) for value in (2.04, 90, 5400)] == ["2.0 s", "1.5 min", "1.5 h"]
    assert [figures.size(value) for value in (12, 2_500_000)] == ["12 B", "2.5 MB"]
    assert [figures.counted(count, "pair") for count in (1, 2_000)] == ["1 pair", "2,000 pairs"]
    assert figures.places_of(UNIT) == 3
    assert figures.places_of((0, 10)) == 2


def test_tints_follow_scores_and_their_sign():
    assert [heat(value, UNIT) for value in (None, 0.0, 0.5, 1.0, 2.0)] == ["", "heat-0", "heat-3", "heat-6", "heat-6"]
    assert [drift(value, 0.5) for value in (None, -1.0, 0.0, 0.5)] == ["", "shift-0", "shift-3", "shift-6"]


def test_a_page_for_a_folder_that_is_not_there_is_refused_by_the_folder(tmp_path):
    with pytest.raises(MissingFileError, match=r"there is no folder .*nosuch") as refused:
        write_page(page_of(), tmp_path / "nosuch" / "page.html")
    assert refused.value.exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Run `selftune cycle`; or `a <b>`.", "Run <code>selftune cycle</code>; or <code>a &lt;b&gt;</code>."),
        ("`<i>`", "<code>&lt;i&gt;</code>"),
        ("one ` alone, and ```fence```", "one ` alone, and ```fence```"),
        ("", ""),
    ],
)
def test_what_is_to_be_typed_is_set_apart_and_stays_words(said, written):
    assert with_code(said) == written
    shown = as_html(page_of(Said(text=said), Points(points=(said,))))
    assert f"<p>{written}</p>" in shown
    assert f"<li>{written}</li>" in shown


def test_every_page_of_the_dashboard_that_shows_a_next_step_sets_apart_what_is_to_be_typed():
    told = re.compile(r"{{[^}]*(?:next_step|problem\[1\]|\.mend)[^}]*}}")
    folder = files("selftune.app.dashboard") / "templates"
    found = [words for page in folder.iterdir() for words in told.findall(page.read_text(encoding="utf-8"))]
    assert len(found) > 8
    assert [words for words in found if "| with_code" not in words] == []
