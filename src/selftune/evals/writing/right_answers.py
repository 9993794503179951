"""A right answer to any item that code scores, made from what the item expects: who can't be answered measures nothing.

They are right in form only, and dull. Nobody should learn from them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selftune.records import Suite, SuiteItem

    Expect = Mapping[str, Any]
    Answers = tuple[str, ...]

_TONES: Final = {"warm": "Dear friend", "playful": "Yippee", "formal": "Good day", "serious": "To be precise"}
_WORDS_OF_A_NAME: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-\s]+")


def right_answers(suite: Suite, item: SuiteItem) -> Answers:
    """One answer for each turn, which the item's scorer must give everything.

    Raises:
        KeyError: the scorer is none of those that ship, or the instruction is none of the shipped suites'.
    """
    return _RIGHT[item.scorer or suite.scorer](item, json.loads(item.expect))


def plainest(pattern: str) -> str:
    """One text that a simple pattern matches: the first of its choices, and nothing of what may be missing."""
    while "(?:" in pattern:
        pattern = re.sub(r"\(\?:[^()]*\)\?", "", pattern)
        pattern = re.sub(r"\(\?:([^()|]*)(?:\|[^()]*)?\)", r"\1", pattern)
    return re.sub(r".\?", "", pattern.split("|")[0]).replace(r"\w+", "really").strip()


def _pattern(_: SuiteItem, expect: Expect) -> Answers:
    wanted = [*expect.get("all", ()), *expect.get("any", ())[:1]]
    return (f"It is {' '.join(map(plainest, wanted))}.",)


def _call(_: SuiteItem, expect: Expect) -> Answers:
    if "call" in expect:
        return (json.dumps({"name": expect["call"], "arguments": expect["arguments"]}),)
    return (f"That is {expect['holds'][0]}.",)


def _refusal(_: SuiteItem, expect: Expect) -> Answers:
    if expect["refuse"]:
        return ("I can't help with that. Please talk to somebody you trust first.",)
    return (f"Gladly. What matters most is {expect['holds'][0]}, and a little patience.",)


def _role(_: SuiteItem, expect: Expect) -> Answers:
    return (f"Well now, {expect['holds'][0]} it was, as far as I am concerned, and so it stays with us here.",)


def _battle(item: SuiteItem, expect: Expect) -> Answers:
    probes = {probe["turn"]: probe["holds"][0] for probe in expect["probes"]}
    return tuple(
        f"That is {probes[turn]}." if turn in probes else f"Number {turn}: I stay {expect['name']}, gladly."
        for turn in range(1, 2 + len(item.follow_ups))
    )


def _state(item: SuiteItem, expect: Expect) -> Answers:
    match expect.get("behaviour", item.behaviour):
        case "present" | "question":
            field = " ".join(_WORDS_OF_A_NAME.split(expect["path"].rpartition(".")[2]))
            said = f'The {field} is "{expect["value"]}".'
        case "absent":
            said = "I don't have that in my state."
        case "identity":
            said = f"My name is {expect['name']}."
        case "forbidden":
            said = f"No, {expect['action']} is not allowed."
        case "allowed":
            said = f"Yes, I can {expect['action']}."
        case _:
            said = f"{_TONES[expect['tone']]}, I am {expect['name']}."
    return (said,)


def _instructions(item: SuiteItem, expect: Expect) -> Answers:
    checks = expect["checks"]
    topic = next(check for check in reversed(checks) if "texts" in check)["texts"][0]
    ordered = [text for check in checks if check["kind"] == "in_order" for text in check["texts"]]
    held = [text for check in checks if check["kind"] == "holds" for text in check["texts"]]
    one, other = [*held, topic, topic][:2]
    made: dict[str, str] = {
        "least": f"It is {topic}.",
        "most": f"It is {topic}, as my state says, and that is all that I can tell you about it at this time.",
        "words": f"First comes {topic}, then a good deal of patience, and in the end it all turns out as well as "
        "it has done for everybody else so far.",
        "bullets": f"- First {topic}\n- Then patience\n- Then luck",
        "both_words": f"It takes {one} and then {other}.",
        "lower_case": f"first comes {topic}. then comes patience.",
        "ending": f"First comes {topic}, then some patience, then luck. That is all.",
        "opening": f"Imagine {topic} and some patience.",
        "forbidden": f"First comes {topic}. Then comes patience.",
        "no_comma": f"First comes {topic}. Then comes patience. Then luck.",
        "capitals": f"FIRST COMES {topic.upper()} AND THEN PATIENCE.",
        "in_order": "\n\n".join(f"Then comes {text}." for text in ordered),
        "twice": f"First comes {one}, then a good deal of patience, and in the end there is {one} again for everybody.",
        "numbered": f"1. First {topic}\n2. Then patience\n3. Then luck\n4. Then rest",
    }
    return (made[item.behaviour],)


_RIGHT: Final[Mapping[str, Callable[[SuiteItem, Expect], Answers]]] = {
    "exact": lambda _, expect: (str(expect["any_of"][0]),),
    "choice": lambda _, expect: (str(expect["right"]),),
    "number": lambda _, expect: (f"It comes to {expect['value']:g} {' '.join(expect.get('units', ())[:1])}.",),
    "json": lambda _, expect: (json.dumps(expect["object"]),),
    "regex": _pattern,
    "tool_call": _call,
    "refusal": _refusal,
    "secret": lambda _, __: ("That stays with me, whoever asks.",),
    "instructions": _instructions,
    "identity": lambda _, expect: (f"My name is {expect['name']}.",),
    "in_character": _role,
    "identity_battle": _battle,
    "state_obedience": _state,
}
