"""What a scripted writer answers: a sound spec, functions good and bad, and ways out that must not be. No model."""

from __future__ import annotations

import json
from typing import Any

from selftune.errors import ServingError

SPEC: dict[str, Any] = {
    "name": "count_vowels",
    "description": "Counts the vowels of a text.",
    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "returns": {"type": "integer", "minimum": 0},
    "pure": True,
    "examples": [
        {"arguments": {"text": "tree"}, "result": 2},
        {"arguments": {"text": ""}, "result": 0},
        {"arguments": {"text": "AEIOU"}, "result": 5},
        {"arguments": {"text": "sky"}, "result": 0},
    ],
}
GOOD = '''def count_vowels(text: str) -> int:
    """Count a, e, i, o and u, in any case of letters."""
    return sum(1 for letter in text.lower() if letter in "aeiou")
'''
BUGGY = GOOD.replace("text.lower()", "text")


def told_spec(**changes: Any) -> str:
    """A spec as a writer tells it."""
    return f"Here is the spec.\n```json\n{json.dumps({**SPEC, **changes})}\n```"


def told_function(source: str, *tests: tuple[Any, Any]) -> str:
    """A function as a writer tells it, with its own tests."""
    told = [{"arguments": arguments, "result": result} for arguments, result in tests]
    beside = f"\n```json\n{json.dumps(told)}\n```" if tests else ""
    return f"```python\n{source}```{beside}"


class FakeWriter:
    """A fake writer: it answers with a script, one answer after the other, and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    def __call__(self, asked_for, messages) -> str:
        self.asked.append((asked_for, messages[-1].content))
        if not self.answers:
            raise ServingError("the fake writer has no further answer.", next_step="Write one.")
        return self.answers.pop(0)


ESCAPES = {
    "import os": "import os\ndef f(text: str) -> int:\n    return os.getpid()\n",
    "import of a part": "import os.path\ndef f(text: str) -> int:\n    return 0\n",
    "import by from": "from os import system\ndef f(text: str) -> int:\n    return system(text)\n",
    "import under another name": "import subprocess as math\ndef f(text: str) -> int:\n    return math.call(text)\n",
    "relative import": "from . import forge\ndef f(text: str) -> int:\n    return 0\n",
    "import of all": "from math import *\ndef f(text: str) -> int:\n    return 0\n",
    "import within": "def f(text: str) -> int:\n    import socket\n    return 0\n",
    "__import__": "def f(text: str) -> int:\n    return __import__('os').getpid()\n",
    "module behind a module": "import calendar\ndef f(text: str) -> int:\n    return calendar.sys.maxsize\n",
    "module behind json": "import json\ndef f(text: str) -> int:\n    return len(json.codecs.open(text).read())\n",
    "module as a value": "import re\ndef f(text: str) -> int:\n    m = re\n    return m.enum.sys.maxsize\n",
    "module in a list": "import re\ndef f(text: str) -> int:\n    return len([re])\n",
    "open": "def f(text: str) -> int:\n    return len(open('/etc/passwd').read())\n",
    "open by StringIO's module": "import io\ndef f(text: str) -> int:\n    return len(io.open('/etc/passwd').read())\n",
    "eval": "def f(text: str) -> int:\n    return eval(text)\n",
    "exec": "def f(text: str) -> int:\n    exec(text)\n    return 0\n",
    "compile": "def f(text: str) -> int:\n    compile(text, '', 'exec')\n    return 0\n",
    "eval bound elsewhere": (
        "def _a() -> int:\n    eval = 1\n    return eval\ndef f(text: str) -> int:\n    return eval(text)\n"
    ),
    "eval in wide letters": "def f(text: str) -> int:\n    return \uff45val(text)\n",
    "eval under another name": "def f(text: str) -> int:\n    g = eval\n    return g(text)\n",
    "getattr": "def f(text: str) -> int:\n    return getattr(text, '__class__')\n",
    "setattr": "def f(text: str) -> int:\n    setattr(f, 'x', 1)\n    return 0\n",
    "globals": "def f(text: str) -> int:\n    return len(globals())\n",
    "vars": "def f(text: str) -> int:\n    return len(vars())\n",
    "type": "def f(text: str) -> int:\n    return len(type('X', (), {})())\n",
    "object": "def f(text: str) -> int:\n    return len(object.__subclasses__())\n",
    "dunder": "def f(text: str) -> int:\n    return len(text.__class__.__mro__[1].__subclasses__())\n",
    "mro": "def f(text: str) -> int:\n    return len(int.mro())\n",
    "builtins by name": "def f(text: str) -> int:\n    return len(__builtins__)\n",
    "globals of a function": "def f(text: str) -> int:\n    return len(f.__globals__)\n",
    "frame of a generator": "def f(text: str) -> int:\n    return len((x for x in text).gi_frame.f_back.f_globals)\n",
    "frame of an error": (
        "def f(text: str) -> int:\n    try:\n        return 1 // 0\n    except ZeroDivisionError as e:\n"
        "        return len(e.with_traceback(None).tb_frame.f_globals)\n"
    ),
    "attribute in a format": "def f(text: str) -> int:\n    return len('{0.__class__}'.format(text))\n",
    "attribute in a map": "def f(text: str) -> int:\n    return len('{a.__class__}'.format_map({'a': text}))\n",
    "attrgetter": "import operator\ndef f(text: str) -> int:\n    return operator.attrgetter('__class__')(text)\n",
    "methodcaller": "from operator import methodcaller\ndef f(text: str) -> int:\n    return methodcaller('x')(text)\n",
    "class pattern": (
        "def f(text: str) -> int:\n    match text:\n        case str(__class__=k):\n            return len(k)\n"
    ),
    "class": "class A:\n    pass\ndef f(text: str) -> int:\n    return 0\n",
    "decorator": "def _d(g: str) -> str:\n    return g\n@_d\ndef f(text: str) -> int:\n    return 0\n",
    "global": "X = 0\ndef f(text: str) -> int:\n    global X\n    X = 1\n    return X\n",
    "nonlocal": (
        "def f(text: str) -> int:\n    a = 0\n    def _g() -> None:\n        nonlocal a\n        a = 1\n    return a\n"
    ),
    "default that is kept": "def f(text: str, seen: list = []) -> int:\n    seen.append(text)\n    return len(seen)\n",
    "attribute set": "def f(text: str) -> int:\n    f.count = 1\n    return 0\n",
    "code outside a function": "while True:\n    pass\ndef f(text: str) -> int:\n    return 0\n",
    "call outside a function": "len('x')\ndef f(text: str) -> int:\n    return 0\n",
    "lambda outside a function": "F = lambda x: x\ndef f(text: str) -> int:\n    return 0\n",
    "with": "def f(text: str) -> int:\n    with text:\n        return 0\n",
    "async": "async def g(text: str) -> int:\n    return 0\ndef f(text: str) -> int:\n    return 0\n",
    "yield": "def f(text: str) -> int:\n    yield 0\n",
    "print": "def f(text: str) -> int:\n    print(text)\n    return 0\n",
    "input": "def f(text: str) -> int:\n    return len(input())\n",
    "breakpoint": "def f(text: str) -> int:\n    breakpoint()\n    return 0\n",
    "hash of a text": "def f(text: str) -> int:\n    return hash(text)\n",
    "decimal's context": "import decimal\ndef f(text: str) -> int:\n    return decimal.getcontext().prec\n",
    "unseen letter": "def f(text: str) -> int:\n    return len('\u202e')\n",
    "no hints": "def f(text):\n    return 0\n",
    "two public functions": "def f(text: str) -> int:\n    return 0\ndef g(text: str) -> int:\n    return 0\n",
    "other arguments": "def f(text: str, more: str) -> int:\n    return 0\n",
    "stars": "def f(*text: str) -> int:\n    return 0\n",
    "too long": "def f(text: str) -> int:\n    return 0\n" + "# x\n" * 3000,
    "too deep": "def f(text: str) -> int:\n    return " + "(" * 3000 + "0" + ")" * 3000 + "\n",
    "no Python": "def f(text: str) -> int\n    return 0\n",
    "too many parts": "def f(text: str) -> int:\n    return " + "+".join(["1"] * 1500) + "\n",
    "empty": "\n  \n",
    "module bound again": "import re\ndef f(text: str) -> int:\n    re = 1\n    return re\n",
    "module under a forbidden name": "import re as exec\ndef f(text: str) -> int:\n    return exec.I\n",
    "variable outside a function": "cache = {}\ndef f(text: str) -> int:\n    return len(cache)\n",
    "two modules under one name": (
        "def _a() -> int:\n    import calendar as m\n    return 0\n"
        "def f(text: str) -> int:\n    import datetime as m\n    return len(m.datetime.sys.modules)\n"
    ),
    "two modules under one name, the other way": (
        "import datetime as m\nimport calendar as m\ndef f(text: str) -> int:\n    return len(m.datetime.sys.modules)\n"
    ),
    "dict that is kept": "SEEN = {}\ndef f(text: str) -> int:\n    SEEN[text] = 1\n    return len(SEEN)\n",
    "list within a tuple that is kept": (
        "SEEN = (1, [])\ndef f(text: str) -> int:\n    SEEN[1].append(text)\n    return len(SEEN[1])\n"
    ),
    "list made by a call and kept": (
        "SEEN = 'a b'.split()\ndef f(text: str) -> int:\n    SEEN.append(text)\n    return len(SEEN)\n"
    ),
    "lists within a tuple made by a call": (
        "SEEN = tuple([one] for one in 'ab')\ndef f(text: str) -> int:\n    return len(SEEN)\n"
    ),
    "generator that is kept": "SEEN = (one for one in 'ab')\ndef f(text: str) -> int:\n    return len(list(SEEN))\n",
    "counter that is kept": (
        "import collections\nSEEN = collections.Counter()\ndef f(text: str) -> int:\n    return len(SEEN)\n"
    ),
    "list that passes for a tuple": (
        "from collections import deque as tuple\nSEEN = tuple()\ndef f(text: str) -> int:\n    return len(SEEN)\n"
    ),
    "letters that look like others": "def f(text: str) -> int:\n    t\u0435xt = 1\n    return t\u0435xt\n",
    "wide letters": "def f(text: str) -> int:\n    \uff41b = 1\n    return ab\n",
    "undefined": "def f(text: str) -> int:\n    return os.getpid()\n",
}
"""Ways out and ways round, each with what it tries; none may pass the static check."""
