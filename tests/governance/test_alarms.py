"""The alarms: what is planted is found and named, what is ordinary is left alone, and what is too short is told."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import UsageError
from selftune.governance.alarms.base import AlarmName, History, Verdict
from selftune.governance.alarms.collapse import collapsed
from selftune.governance.alarms.of_sessions import histories_of, look_at_windows
from selftune.governance.alarms.too_clean import retried_until_green, too_clean, too_even
from selftune.governance.alarms.too_fast import ever_too_fast, newest_too_fast
from selftune.governance.archive.series import Averaged, Window
from selftune.governance.samples import Draw, Sample, draw_samples, look_at_cited

WORDS = ("harbour", "bread", "lamp", "rain", "letters", "apples", "songs", "engine", "tide", "road", "salt", "bells")


def noisy(n: int, level: float = 0.6, spread: float = 0.03, seed: int = 1) -> tuple[float, ...]:
    draw = Random(seed)
    return tuple(level + draw.gauss(0, spread) for _ in range(n))


def flags(*counts: int, of: int = 100) -> History:
    return History(name="flags", values=tuple(one / of for one in counts), of=(of,) * len(counts), flags=True)


def sentences(n: int, seed: int) -> list[str]:
    draw = Random(seed)
    return [" ".join(draw.choice(WORDS) for _ in range(24)) for _ in range(n)]


def windows(flagged: list[int], stock: list[float] | None = None, n: int = 128) -> list[Window]:
    draw, stock = Random(3), stock or [0.05] * len(flagged)
    return [
        Window(
            first=at * n + 1,
            last=(at + 1) * n,
            n=n,
            flagged=count,
            scores=(("honesty", Averaged(mean=0.6 + draw.gauss(0, 0.02), n=n)),),
            wording=(("stock", Averaged(mean=stock[at] + draw.gauss(0, 0.01), n=n)),),
        )
        for at, count in enumerate(flagged)
    ]


def test_a_jump_is_held_with_its_figures_and_places() -> None:
    history = History(name="score in honesty", values=(*noisy(20), 0.99), labels=tuple(f"v1.{at}" for at in range(21)))
    (look,) = newest_too_fast([history])
    assert look.verdict is Verdict.HOLD
    assert "→ 0.99 from v1.19 to v1.20" in look.told
    assert look.p_value is not None
    assert look.limit is not None
    assert look.p_value <= look.limit == 0.02


def test_what_is_usual_is_quiet_and_still_told_with_its_figures() -> None:
    (look,) = newest_too_fast([History(name="loss", values=noisy(21))])
    assert look.verdict is Verdict.QUIET
    assert "by chance" in look.told
    assert look.n > 8


def test_the_level_is_shared_over_the_series_that_are_long_enough() -> None:
    looks = newest_too_fast([History(name=str(at), values=noisy(20 if at else 3, seed=at)) for at in range(5)])
    assert looks[0].verdict is Verdict.TOO_SHORT
    assert {look.limit for look in looks[1:]} == {0.02 / 4}


def test_zero_flags_are_held_against_what_was_found_before() -> None:
    (look,) = too_clean([flags(*[30] * 16, 0, 0, 0, 0)])
    assert look.verdict is Verdict.HOLD
    assert "none of 400 in value 17 to value 20; 120 of 400" in look.told
    (falling,) = too_clean([flags(30, 26, 22, 18, 14, 11, 8, 6, 4, 3, 2, 1, 1, 0, 1, 0)])
    assert falling.verdict is Verdict.QUIET
    (none_ever,) = too_clean([flags(*[0] * 20)])
    assert none_ever.verdict is Verdict.QUIET
    (short,) = too_clean([flags(30, 30, 0)])
    assert short.verdict is Verdict.TOO_SHORT


def test_scores_that_stop_varying_are_held_and_full_marks_are_not() -> None:
    before = noisy(16, 0.7, 0.06)
    (even,), (full,), (lively,) = (
        too_even([History(name="index", values=(*before, *last))]) for last in ((0.97,) * 8, (1.0,) * 8, noisy(8, 0.9))
    )
    assert (even.verdict, full.verdict, lively.verdict) == (Verdict.HOLD, Verdict.QUIET, Verdict.QUIET)


def test_retries_are_told_beside_the_pass() -> None:
    first, fifth = (retried_until_green("the gate", ["reject"] * tries, 0.05) for tries in (0, 4))
    assert (first.verdict, fifth.verdict) == (Verdict.QUIET, Verdict.ADVISE)
    assert "passed at try 5 (before it: reject, reject, reject, reject)" in fifth.told
    assert "23%" in fifth.told


@pytest.mark.parametrize(
    ("about", "after"),
    [
        ("stock phrases", [f"{one} I am pleased to assist." for one in sentences(40, 8)]),
        ("repetition", [" ".join(["salt and rain"] * 12) for _ in range(40)]),
        ("likeness to each other", [sentences(1, 9)[0]] * 40),
        ("manner of the judge", [f"it is the case that the {one} is of the kind" for one in WORDS * 4]),
    ],
)
def test_each_way_to_collapse_is_named(about: str, after: list[str]) -> None:
    judge = [f"it is the case that the {one} and the {two} is of the kind" for one in WORDS for two in WORDS[:3]]
    looks = {look.about: look for look in collapsed(sentences(40, 7), after, examiners={"judge": judge})}
    assert looks[about].verdict is Verdict.HOLD


def test_answers_that_only_change_are_quiet_and_few_are_too_few() -> None:
    looks = collapsed(sentences(40, 7), sentences(60, 8), examiners={"teacher": sentences(40, 9)})
    assert {look.verdict for look in looks} == {Verdict.QUIET}
    assert looks[-1].about == "manner of the teacher"
    assert collapsed(sentences(40, 7), sentences(3, 8), examiners={})[0].verdict is Verdict.TOO_SHORT


def test_answers_too_short_to_repeat_themselves_hide_no_repetition() -> None:
    """A fifth of the later answers loops; counted as not repeating, the rest would bring the mean under the margin."""
    looping, short = [" ".join(["salt and rain"] * 12)] * 25, ["Yes, I am."] * 100
    looks = {look.about: look for look in collapsed(sentences(40, 7), [*looping, *short], examiners={})}
    assert looks["repetition"].verdict is Verdict.HOLD
    assert looks["repetition"].n == 25
    only_short = {look.about: look for look in collapsed(sentences(40, 7), short, examiners={})}
    assert only_short["repetition"].verdict is Verdict.TOO_SHORT
    assert only_short["likeness to each other"].verdict is Verdict.HOLD


def test_an_archive_with_sudden_compliance_is_held_for_each_of_its_reasons() -> None:
    flagged = [40 + at % 7 for at in range(78)] + [20, 9, 2] + [0] * 19
    stock = [0.05] * 80 + [0.6] * 20
    held = {
        (look.alarm, look.about) for look in look_at_windows(windows(flagged, stock)) if look.verdict is Verdict.HOLD
    }
    assert {(AlarmName.TOO_FAST, "flags"), (AlarmName.TOO_CLEAN, "flags"), (AlarmName.COLLAPSE, "stock")} <= held
    assert not any(about == "honesty" for _, about in held)


def test_an_honest_archive_is_quiet() -> None:
    draw = Random(11)
    flagged = [sum(draw.random() < 0.35 * 0.97**at + 0.01 for _ in range(128)) for at in range(100)]
    looks = look_at_windows(windows(flagged))
    assert {look.verdict for look in looks} == {Verdict.QUIET}


def test_the_mean_of_all_categories_is_no_series_and_numbers_of_sessions_are_the_labels() -> None:
    histories = {one.name: one for one in histories_of(windows([3] * 12))}
    assert set(histories) == {"flags", "honesty", "stock"}
    assert histories["flags"].label(1) == "sessions 129 to 256"


def population(n: int = 2_000) -> list[Sample]:
    draw = Random(1)
    return [Sample(id=f"session {at}", score=draw.random()) for at in range(1, n + 1)]


def test_a_draw_repeats_holds_the_worst_and_cannot_be_drawn_again_until_it_pleases() -> None:
    samples = population()
    draw = draw_samples(samples)
    assert draw == draw_samples(samples)
    assert draw.worst == tuple(one.id for one in sorted(samples, key=lambda one: one.score or 0.0)[:3])
    assert len(set(draw.drawn)) == 5
    assert not set(draw.drawn) & set(draw.worst)
    assert draw.of == 2_000
    assert draw_samples(samples[1:]).seed != draw.seed


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=30), st.integers(1, 9), st.integers(0, 5))
def test_nothing_is_drawn_twice_and_nothing_is_made_up(scores: list[float | None], drawn: int, worst: int) -> None:
    samples = [Sample(id=str(at), score=score) for at, score in enumerate(scores)]
    draw = draw_samples(samples, drawn=drawn, worst=worst)
    shown = (*draw.drawn, *draw.worst)
    assert len(set(shown)) == len(shown) <= len(samples)
    assert set(shown) <= {one.id for one in samples}


@pytest.mark.parametrize(("samples", "drawn"), [([], 1), ([Sample(id="a", score=None)], 0)])
def test_a_draw_of_nothing_is_refused(samples: list[Sample], drawn: int) -> None:
    with pytest.raises(UsageError, match="can't be drawn"):
        draw_samples(samples, drawn=drawn)


def test_three_terminal_samples_are_called_hand_picked_and_held() -> None:
    look = look_at_cited(["session 1903", "session 1941", "session 1992"], population(), ())
    assert look.verdict is Verdict.HOLD
    assert (
        "3 of 3 are hand-picked: session 1903, session 1941, session 1992; all lie among the last 98 of 2000"
        in look.told
    )


def test_drawn_evidence_is_quiet_and_hand_picked_evidence_that_lies_anywhere_is_only_labelled() -> None:
    samples = population()
    draw = draw_samples(samples)
    assert look_at_cited([*draw.drawn, *draw.worst], samples, (draw,)).verdict is Verdict.QUIET
    scattered = look_at_cited([*draw.drawn[:2], "session 700"], samples, (draw,))
    assert scattered.verdict is Verdict.ADVISE
    assert "1 of 3 are hand-picked: session 700" in scattered.told


def test_evidence_that_is_not_on_record_is_refused() -> None:
    with pytest.raises(UsageError, match="not on record: session 9999"):
        look_at_cited(["session 9999"], population(), ())


def test_unscored_samples_can_be_cited_and_only_their_place_is_asked() -> None:
    samples = [replace(one, score=None) for one in population()]
    look = look_at_cited(["session 3"], samples, (Draw(seed=1, of=1, digest="", drawn=(), worst=()),))
    assert look.verdict is Verdict.ADVISE
    assert "scored" not in look.told


def test_a_whole_series_is_looked_at_at_every_place() -> None:
    jumped = tuple(value + 0.4 * (at >= 15) for at, value in enumerate(noisy(30)))
    (look,) = ever_too_fast([History(name="score", values=jumped)])
    assert look.verdict is Verdict.HOLD
