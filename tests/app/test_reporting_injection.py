"""Hostile words on a page: as Markdown, as HTML and on a terminal they stay words, every letter of them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from selftune.app.reporting.pages.drawings import Span, draw_forest
from selftune.app.reporting.pages.html import as_html
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
)
from selftune.app.reporting.pages.plain import plain, quoted

HARMLESS = "plain words"
MARKDOWN = (
    "![x](http://e.example/p.png)",
    "![x][y]",
    "[![x](http://e.example/p.png)](http://e.example)",
    "[l](javascript:alert(1))",
    r"\[l](javascript:alert(1))",
    "[b]: http://e.example",
    "[a][b]",
    "<http://e.example>",
    "<me@e.example>",
    "http://e.example/_a_/*b*",
    "HTTPS://E.EXAMPLE",
    "www.e.example",
    "WWW.e.example",
    "mailto:me@e.example",
    "<b>bold</b>",
    "<!-- the rest is hidden",
    "<details><summary>",
    "&lt;script&gt;",
    "&#60;b&#62;",
    "_emphasis_",
    "__strong__",
    "*emphasis*",
    "**strong** text",
    "~~struck out~~",
    "~struck out~",
    "~~~",
    "~~~ text",
    "```",
    "`code",
    "# A heading",
    "A heading ##",
    "#",
    "- a point",
    "-",
    "+ a point",
    "* a point",
    "1. first",
    "1) first",
    "1.",
    "> said by nobody",
    "> [!WARNING]",
    "---",
    "- - -",
    "===",
    "= =",
    "***",
    "___",
    "| a | b |",
    "|---|",
    "[x] approved",
    "[ ] open",
    "[^1]: a note",
    "a[^1]",
    "    four spaces",
    "a backslash \\",
    "two \\\\",
    "a line\nand # another\n\n- with a point",
)
MARKUP = (
    "<script>alert(1)</script>",
    "<script src=//e.example/x.js>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    '"><img src=x>',
    "' onmouseover='alert(1)",
    "</blockquote></div><h1>Approved</h1>",
    "</title><script>alert(1)</script>",
    "]]><script>",
    "<style>*{display:none}</style>",
    "<!--",
    "<a href='javascript:alert(1)'>x</a>",
    "&lt;script&gt;",
    "{{ 7*7 }}",
    "<iframe src=//e.example>",
)
TERMINAL = (
    "\x1b[2J\x1b[1;1Hall green",
    "\x1b]0;title\x07",
    "\x1b]8;;http://e.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31mred",
    "passed\rFAILED",
    "delete\x08\x08\x08",
    "\u202eneve tlah ton",
    "\u2066hidden\u2069",
    "zero\u200bwidth",
    "\ufeffmark",
    "nul\x00",
    "\u2028# line",
    "\U000e0041tag",
)


def page_with(words):
    return Page(
        title=words,
        outcome=words,
        lead=(words, words),
        foot=words,
        sections=(
            Section(
                title=words,
                parts=(
                    Said(text=words),
                    Points(points=(words, words)),
                    Table(caption=words, head=("name", words), rows=((words, Cell(text=words)), (words, words))),
                    Drawing(svg=draw_forest(words, [Span(label=words, value=0.1, interval=None, n=1)]), alt=words),
                    Transcript(
                        name=words,
                        note=words,
                        asked=((words, words),),
                        answers=(Answer(name=words, note=words, text=words),),
                    ),
                ),
            ),
        ),
    )


# --- Markdown ---------------------------------------------------------------------------------------------------------

pytest.importorskip("linkify_it", reason="GitHub's Markdown makes links of bare addresses by linkify-it-py")
READER = MarkdownIt("gfm-like")
_WORDS = frozenset({"text", "text_special", "softbreak"})


def shape(text):
    """All that a reader of Markdown takes for more than words."""
    tokens = READER.parse(text)
    inner = [(one.type, one.tag) for token in tokens for one in token.children or () if one.type not in _WORDS]
    return [(token.type, token.tag) for token in tokens], inner


def words_in(text):
    """What a reader of Markdown shows, paragraph by paragraph, and what stands in fences."""
    for token in READER.parse(text):
        if token.type == "inline":
            yield "".join(one.content if one.type in _WORDS else "" for one in token.children)
        elif token.type == "fence":
            yield token.content.removesuffix("\n")


@pytest.mark.parametrize("words", [*MARKDOWN, *MARKUP, *TERMINAL])
def test_no_words_become_markup_and_none_are_lost(words):
    text = as_markdown(page_with(words))
    assert shape(text) == shape(as_markdown(page_with(HARMLESS)))
    told = list(words_in(text))
    assert plain(words) in told  # in a fence, line by line
    assert told.count(" ".join(plain(words).split())) >= 6  # title, lead, foot, headings, points, cells


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab1 \n\\`*_~<>[]()!#|&;:/.@-+=^wx'\"\t"), min_size=1, max_size=24))
def test_whatever_marks_are_put_together_a_page_keeps_its_shape(words):
    if not words.strip():
        return
    assert shape(as_markdown(page_with(words))) == shape(as_markdown(page_with(HARMLESS)))


def test_an_interval_and_a_name_are_printed_as_they_are():
    said = Said(text="-0.12 [-0.20, -0.04] on 36 items of gate_rule; 1.5 times as many")
    text = as_markdown(Page(title="t", lead=(), sections=(Section(title="s", parts=(said,)),)))
    assert said.text in text


# --- HTML -------------------------------------------------------------------------------------------------------------


class Skeleton(HTMLParser):
    """Tags with the names of their attributes, and all text; aside from what words may stand in."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(sorted(name for name, _ in attrs if name != "class"))))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        self.tags.append(("/", tag))

    def handle_comment(self, data):
        self.tags.append(("comment", ()))

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("words", [*MARKDOWN, *MARKUP, *TERMINAL])
def test_no_words_become_tags_and_none_are_lost(words):
    found = Skeleton(as_html(page_with(words)))
    assert found.tags == Skeleton(as_html(page_with(HARMLESS))).tags
    assert plain(words) in found.texts
    assert found.texts.count(" ".join(plain(words).split())) >= 6


def test_no_words_become_an_address_or_a_style():
    styles = as_html(page_with(HARMLESS)).count("<style")
    for words in (*MARKDOWN, *MARKUP):
        page = as_html(page_with(words))
        assert 'href="http' not in page
        assert page.count("<style") == styles


# --- On a terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", TERMINAL)
def test_nothing_steers_a_terminal_or_hides_from_it(words):
    for text in (as_markdown(page_with(words)), as_html(page_with(words)), "\n".join(quoted(words))):
        assert all(letter.isprintable() or letter in "\n\t" for letter in text)
    assert "\N{REPLACEMENT CHARACTER}" in plain(words)


def test_a_line_of_somebodys_can_not_pass_for_one_of_ours():
    lines = list(quoted("hm\nrests on decision:0000", indent=""))
    assert lines == ["| hm", "| rests on decision:0000"]
