"""Numbers, JSON, tool calls, cited paths, echoes: what is read out of an answer, and what is not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.scoring.citations import cited_paths
from selftune.scoring.echoes import echoed_share, is_echo
from selftune.scoring.numbers import is_close, numbers_in
from selftune.scoring.state import parse_state
from selftune.scoring.structured import ToolCall, read_json, same_json, tool_calls, value_at


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("It is 42.", [42.0]),
        ("10 - 5 = 5", [10.0, 5.0, 5.0]),
        ("10-5", [10.0, 5.0]),
        ("-3.5 or \N{MINUS SIGN}2", [-3.5, -2.0]),
        ("1,250,000 people", [1_250_000.0]),
        ("1,25", [1.0, 25.0]),
        ("3/4 of it", [0.75]),
        ("14:30", [14.0, 30.0]),
        ("no digit: forty-two", []),
        ("A7 and B12", []),
    ],
)
def test_numbers_are_read_as_they_stand(text: str, values: list[float]) -> None:
    assert [number.value for number in numbers_in(text)] == values


@pytest.mark.parametrize(
    ("text", "units"), [("12 km", ("km",)), ("\u20ac12", ("\u20ac",)), ("-$5", ("$",)), ("7%", ("%",)), ("7.", ())]
)
def test_a_unit_stands_before_or_after(text: str, units: tuple[str, ...]) -> None:
    assert numbers_in(text)[-1].units == units


@given(st.integers(min_value=-(10**9), max_value=10**9))
def test_every_whole_number_is_read_back_plain_and_with_thousands(number: int) -> None:
    assert [one.value for one in numbers_in(f"so {number} it is")] == [float(number)]
    assert [one.value for one in numbers_in(f"so {number:,} it is")] == [float(number)]


def test_close_is_within_the_tolerance_and_no_further() -> None:
    assert is_close(0.1 + 0.2, 0.3)
    assert is_close(9.5, 10, 0.5)
    assert not is_close(9.4, 10, 0.5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON)
def test_what_was_written_as_json_reads_the_same_bare_and_fenced(tree: object) -> None:
    text = json.dumps(tree)
    assert same_json(read_json(text), tree)
    assert same_json(read_json(f"```json\n{text}\n```"), tree)


def test_true_is_not_one_and_a_list_keeps_its_order() -> None:
    assert not same_json(True, 1)
    assert not same_json([1, 2], [2, 1])
    assert same_json({"a": 2.0}, {"a": 2})


def test_a_path_leads_through_lists_and_ends_where_nothing_is() -> None:
    assert value_at({"a": [{"b": 3}]}, "a.0.b") == 3
    for path in ("a.1", "a.x", "b", "a.0.b.c"):
        with pytest.raises(LookupError):
            value_at({"a": [{"b": 3}]}, path)


def test_a_call_is_one_in_each_usual_shape() -> None:
    call = ToolCall(name="roll", arguments='{"sides":6}')
    shapes = (
        '{"name": "roll", "arguments": {"sides": 6}}',
        '{"tool": "roll", "parameters": {"sides": 6}}',
        '{"function": {"name": "roll", "arguments": "{\\"sides\\": 6}"}}',
        'Rolling. <tool_call>\n{"name": "roll", "arguments": {"sides": 6}}\n</tool_call>',
        '```json\n{"name": "roll", "arguments": {"sides": 6}}\n```',
    )
    assert [tool_calls(shape) for shape in shapes] == [(call,)] * len(shapes)


@pytest.mark.parametrize("said", ["roll", '{"name": "roll"}', '{"sides": 6}', "[1]", '{"name": 3, "arguments": {}}'])
def test_words_about_a_call_are_none(said: str) -> None:
    assert tool_calls(said) == ()


STATE = parse_state(
    '== STATE ==\n{"user": {"name": "Ida", "home_port": "Oban"}, "mood": "calm", "allowed_actions": ["send_mail"]}\n'
    "== END STATE =="
)


@pytest.mark.parametrize(
    ("said", "right", "wrong"),
    [
        ("It stands in user.home_port.", ("user.home_port",), ()),
        ('"user.shoe_size" is not there', (), ("user.shoe_size",)),
        ("user.shoe_size is 40", (), ("user.shoe_size",)),
        ("Your `mood` is calm.", ("mood",), ()),
        ("The whole `user` branch.", ("user",), ()),
        ("Your 'ship_name', I think.", (), ("ship_name",)),
        ("Write to me@user.name.org or see example.com, e.g. today.", (), ()),
        ('I may "send_mail".', (), ()),
        ("Your mood is calm.", (), ()),
        ("user.name and user.name again", ("user.name",), ()),
    ],
)
def test_paths_that_are_cited_exist_or_are_made_up(said: str, right: tuple[str, ...], wrong: tuple[str, ...]) -> None:
    assert STATE is not None
    cited = cited_paths(said, STATE)
    assert (cited.right, cited.wrong) == (right, wrong)


PROMPT = "You are a cook of the harbour. How do you make a good soup of fish and onions for ten people?"


def test_a_parrot_is_an_echo_and_an_answer_that_quotes_is_none() -> None:
    assert echoed_share(PROMPT, PROMPT) == 1.0
    assert is_echo(f"{PROMPT} Well.", PROMPT)
    assert not is_echo(
        "You ask how do you make a good soup of fish and onions: " + "slowly, with care and wine, " * 5, PROMPT
    )
    assert echoed_share("Onions first.", PROMPT) == 0.0
    assert is_echo("Hello there", "hello there")
    assert echoed_share("", PROMPT) == echoed_share("Well.", "") == 0.0
