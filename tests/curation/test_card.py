"""What a dataset says about itself, and the drawings beside it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

from curation_pairs import judged, pair

from selftune.curation.card.plots import count_in_bins, draw_bars, draw_before_and_after
from selftune.curation.config import Curation
from selftune.curation.noise import estimate_noise
from selftune.curation.render import publish_card
from selftune.curation.stage import curate
from selftune.curation.style import measure_style
from selftune.records import JudgeIdentity
from selftune.testing import fake_context

SET = Curation(trigger=1, holdout_share=0.0)


def mixed_log():
    told = [pair(f"t{n}", answer=f"Well, number {n} it isn't.", criterion="tone") for n in range(30)]
    knew = [pair(f"f{n}", answer=f"It is {n}.\n- one\n- two", criterion="field") for n in range(10)]
    return [*told, *knew, pair("low", overall=2.0), pair("zoe", "Ask Zoë Quillfeather?", "Zoë Quillfeather says no.")]


def test_the_card_tells_counts_kinds_authors_voice_style_and_what_was_left_out(tmp_path):
    pairs = mixed_log()
    learnt = frozenset(item.interaction.id for item in pairs[:20])
    log = replace(judged(*pairs, learnt_before=learnt), calibration="judge not calibrated: 12 of 200 labels")
    card = curate(log, SET, fake_context(tmp_path)).card
    assert (
        "41 lessons on 41 prompts, out of 42 judged interactions; 0 are held out, 0 more lie in the clean room" in card
    )
    assert "New since the last run: 21 of 41." in card
    assert "| tone | 30 | 30 |" in card
    assert "Judge not calibrated: 12 of 200 labels. Label noise: not measured" in card
    assert "Voice: 73% of the lessons (30 of 41)" in card
    assert "Style of 41 answers: 5 words in the middle" in card
    assert "24% hold a list" in card
    assert "- below the threshold: 1" in card


def test_an_unmeasured_judge_is_called_one(tmp_path):
    card = curate(judged(pair("a")), SET, fake_context(tmp_path)).card
    assert "Nobody has measured how far the judge agrees with people." in card
    assert "Voice: no kind of lesson is told apart" in card


def test_the_card_and_its_drawings_quote_nobody(tmp_path):
    dataset = curate(judged(*mixed_log()), SET, fake_context(tmp_path))
    for text in (dataset.card, *(plot.svg for plot in dataset.plots)):
        assert "Zoë" not in text
        assert "Quillfeather" not in text
        assert "Well" not in text


def test_the_card_lies_in_a_folder_of_its_own_beside_its_drawings_and_is_written_once(tmp_path):
    dataset = curate(judged(*mixed_log()), SET, fake_context(tmp_path))
    card = publish_card(dataset, tmp_path / "datasets")
    text = card.read_text("utf-8")
    named = [f"{plot.name}.svg" for plot in dataset.plots]
    assert sorted(path.name for path in card.parent.iterdir()) == sorted(["card.md", *named])
    assert all(f"]({name})" in text for name in named)
    card.write_text("a person's notes", "utf-8")
    assert publish_card(dataset, tmp_path / "datasets").read_text("utf-8") == "a person's notes"


def test_drawings_are_well_formed_and_equal_for_equal_input():
    bars = [("identity & <name>", 380, 120), ("tone", 20, 20), ("a very long name of a kind of behaviour", 0, 0)]
    svg = draw_before_and_after("Kinds", bars)
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    assert svg == draw_before_and_after("Kinds", bars)
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[1:5] == ["identity & <name>", "120 of 380", "tone", "20"]
    widths = [int(node.get("width")) for node in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths[0] == 310
    assert widths[1] == round(310 * 120 / 380)


def test_a_drawing_of_nothing_is_a_drawing():
    ET.fromstring(draw_bars("Nothing", []))  # noqa: S314 - our own text
    ET.fromstring(draw_bars("Zero", [("none", 0)]))  # noqa: S314 - our own text


def test_bins_count_each_value_once():
    assert count_in_bins([1, 5, 7, 10, 99], (5, 10)) == [("below 5", 1), ("5 to 10", 2), ("10 and more", 2)]


def test_style_is_measured_as_a_reader_would_count():
    style = measure_style(["It isn't so.", "It is so, and that's all there is.", "Yes:\n- one\n- two"])
    assert (style.n, style.openings) == (3, 3)
    assert style.words == (5, 8)
    assert round(style.lists, 2) == 0.33
    assert round(style.contractions, 1) == round(100 * 2 / 16, 1)


def test_label_noise_is_what_a_second_verdict_on_the_same_answer_overturns():
    first = pair("a", "Same?", "Yes.", 5.0)
    again = [pair(f"b{n}", "Same?", " Yes. ", 5.0) for n in range(3)]
    overturned = pair("c", "Same?", "Yes.", 3.0)
    noise = estimate_noise([first, *again, overturned, pair("d", "Other?", "Yes.", 1.0)], 4.5)
    assert (noise.share, noise.n) == (0.25, 4)
    assert noise.interval is not None
    assert noise.interval[0] < 0.25 < noise.interval[1]
    second = replace(overturned.judgement, judge=JudgeIdentity(name="second", version="1"))
    by_others = estimate_noise([replace(first, opinions=(second,))], 4.5)
    assert (by_others.share, by_others.n) == (1.0, 1)


def test_without_a_second_verdict_label_noise_is_not_measured():
    assert estimate_noise([pair("a"), pair("b", overall=None)], 4.5).share is None
