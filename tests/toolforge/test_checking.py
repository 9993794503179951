"""The static check: ways out are named, and ordinary functions pass."""

from __future__ import annotations

import importlib
import types

import pytest
from forge_scripts import BUGGY, ESCAPES, GOOD, told_spec

from selftune.toolforge.allowed import BUILTINS, MODULES
from selftune.toolforge.checking import check_source
from selftune.toolforge.spec import read_spec

ORDINARY = {
    "a sum": "def f(text: str) -> int:\n    return sum(ord(letter) for letter in text)\n",
    "a helper and a constant": (
        "import re\nVOWELS = frozenset('aeiou')\nWORD = re.compile(r'\\w+')\n"
        "def _is(letter: str) -> bool:\n    return letter in VOWELS\n"
        "def f(text: str) -> int:\n    return sum(_is(letter) for word in WORD.findall(text) for letter in word)\n"
    ),
    "errors and loops": (
        '"""What it does."""\nfrom __future__ import annotations\nimport math\nfrom collections import Counter\n'
        "def f(text: str) -> int:\n    seen: dict[str, int] = {}\n    for place, letter in enumerate(text):\n"
        "        if letter in seen:\n            continue\n        seen[letter] = place\n    try:\n"
        "        best = max(seen.values())\n    except ValueError as error:\n"
        "        raise ValueError(f'nothing in {text!r}') from error\n    counted = Counter(text)\n"
        "    while best > 10 and counted:\n        best //= 2\n    del seen\n    return math.floor(best)\n"
    ),
    "patterns": (
        "def f(text: str) -> int:\n    match text.split():\n        case [one]:\n            return len(one)\n"
        "        case [one, *others]:\n            return len(others)\n        case _:\n            return 0\n"
    ),
    "more patterns": (
        "def f(text: str) -> int:\n    match {'a': text}:\n        case {'a': 'x', **others}:\n"
        "            return len(others)\n        case {'a': one} if one:\n            return 1\n    return 0\n"
    ),
    "a lambda": "def f(text: str) -> int:\n    return len(sorted(text, key=lambda letter: -ord(letter)))\n",
    "constants that stay as they are": (
        "import re\nfrom decimal import Decimal\nfrom datetime import date\n"
        "ROMAN = (('I', 1), ('V', -5))\nWORDS = tuple('a b c'.split())\nODD = frozenset({1, 3})\n"
        "WIDE = 2 * 3 + len('x')\n"
        "SQUARES = tuple(one * one for one in range(9))\nWORD = re.compile('[a-z]+')\nCENT = Decimal('0.01')\n"
        "FIRST = date(2024, 1, 1)\nNAMES: tuple[str, ...] = ('ä', 'µ')\nSAME = ODD\n"
        "def f(text: str) -> int:\n    return len(ROMAN) + len(WORDS) + WIDE\n"
    ),
    "an import within": "def f(text: str) -> int:\n    from statistics import fmean\n    return int(fmean([1, 2]))\n",
}


@pytest.fixture(scope="module")
def spec():
    return read_spec(told_spec(name="a_tool"))


def named(source: str) -> str:
    return source.replace("def f(", "def a_tool(").replace(" f.", " a_tool.")


@pytest.mark.parametrize("way", ESCAPES)
def test_each_way_out_is_refused_with_a_reason(way, spec):
    assert check_source(named(ESCAPES[way]), spec).problems


@pytest.mark.parametrize("way", ORDINARY)
def test_an_ordinary_function_passes(way, spec):
    checked = check_source(named(ORDINARY[way]), spec)
    assert checked.problems == ()
    assert checked.impure == ()


def test_chance_and_the_time_of_day_are_seen_and_refused_only_where_the_spec_says_pure(spec):
    source = named(
        "import random\nfrom datetime import date\n"
        "def f(text: str) -> int:\n    return random.randint(0, date.today().day)\n"
    )
    assert check_source(source, spec).impure == ("random", "today")
    assert any("pure" in problem for problem in check_source(source, spec).problems)
    impure = read_spec(told_spec(name="a_tool", pure=False))
    assert check_source(source, impure).problems == ()
    # What says that it is not pure and is would be held to no expected result.
    assert "is not pure, and nothing" in check_source(named(ORDINARY["a sum"]), impure).problems[0]
    by_name = named("from random import choice\ndef f(text: str) -> int:\n    return len(choice([text]))\n")
    assert check_source(by_name, spec).impure == ("random",)


def test_what_is_left_out_of_a_call_needs_a_default():
    parameters = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "of": {"type": "string"}},
        "required": ["text"],
    }
    spec = read_spec(told_spec(name="a_tool", parameters=parameters))
    without = "def a_tool(text: str, of: str) -> int:\n    return 0\n"
    assert "which need a default" in check_source(without, spec).problems[0]
    assert check_source(without.replace("of: str)", "of: str = 'aeiou')"), spec).problems == ()


@pytest.mark.parametrize("source", [GOOD, BUGGY])
def test_a_wrong_function_passes_where_nothing_in_it_is_forbidden(source):
    assert check_source(source, read_spec(told_spec())).problems == ()


def test_no_name_on_the_list_is_a_module_or_leads_to_code():
    for name, names in MODULES.items():
        held = importlib.import_module(name)
        for one in names:
            assert not one.startswith("_")
            assert not isinstance(getattr(held, one, None), types.ModuleType), f"{name}.{one}"
    assert not BUILTINS & {"eval", "exec", "open", "compile", "getattr", "type", "object", "globals", "input", "vars"}
