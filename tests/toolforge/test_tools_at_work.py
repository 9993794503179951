"""What the static check allows also works where it is run: an allowed name that fails in the sandbox helps nobody."""

from __future__ import annotations

from typing import Final

import pytest
from forge_scripts import told_spec

from selftune.toolforge.checking import check_source
from selftune.toolforge.running import call_each, limits_for
from selftune.toolforge.sandbox import find_sandbox
from selftune.toolforge.spec import read_spec

pytestmark = pytest.mark.needs("bwrap")

_WORK: Final = {
    "reads a date": ("from datetime import datetime", "datetime.strptime('2 Jan 2024', '%d %b %Y').day", "2"),
    "writes a date": ("from datetime import date", "date(2024, 1, 2).strftime('%d.%m.%y')", '"02.01.24"'),
    "writes a date in a text": ("from datetime import date", "f'{date(2024, 1, 2):%A}'", '"Tuesday"'),
    "asks for the day": ("from datetime import date", "date.today().year > 2020", "true"),
    "asks for the time": ("from datetime import UTC, datetime", "datetime.now(UTC).year > 2020", "true"),
    "rounds money": ("from decimal import Decimal", "str(Decimal('1.005').quantize(Decimal('0.01')))", '"1.00"'),
    "reads a table": ("import csv\nimport io", "list(csv.reader(io.StringIO('a,b')))", '[["a", "b"]]'),
    "replaces in a text": ("import re", "re.compile('a+').sub(lambda m: m.group().upper(), 'caat')", '"cAAt"'),
    "replaces by a template": ("import re", r"re.compile('(a)(b)').sub(r'\2\1', 'ab')", '"ba"'),
    "takes a digest": ("import hashlib", "hashlib.sha256(b'').hexdigest()[:4]", '"e3b0"'),
    "writes a name of the net": (
        "import json",
        "json.dumps('bücher'.encode('idna').decode())",
        '"\\"xn--bcher-kva\\""',
    ),
    "compares texts": ("import difflib", "difflib.get_close_matches('appel', ['apple', 'pear'])", '["apple"]'),
    "counts days": ("import calendar", "calendar.monthrange(2024, 2)[1]", "29"),
    "draws": ("import random", "random.Random(1).randint(3, 3)", "3"),
    "sums": ("import statistics", "statistics.quantiles([1, 2, 3, 4], n=2)", "[2.5]"),
    "quotes": ("from urllib.parse import quote", "quote('a b')", '"a%20b"'),
    "tells addresses": ("import ipaddress", "str(ipaddress.ip_network('10.0.0.0/30')[1])", '"10.0.0.1"'),
}


@pytest.mark.parametrize("work", _WORK)
def test_what_is_allowed_works_in_the_sandbox(work: str) -> None:
    imports, value, result = _WORK[work]
    source = f"{imports}\ndef a_tool(text: str) -> int:\n    return {value}\n"

    pure = not any(asks in source for asks in ("random", "today", "now"))
    assert check_source(source, read_spec(told_spec(name="a_tool", pure=pure))).problems == ()
    called = call_each(find_sandbox(), source, "a_tool", [{"text": ""}], limits_for(1, call_seconds=2, memory_mb=256))

    (outcome,) = called.outcomes
    assert (outcome.result, outcome.error) == (result.replace("ü", "\\u00fc"), "")


def test_what_stands_behind_dates_may_not_be_named() -> None:
    source = "import time\ndef a_tool(text: str) -> int:\n    return 1\n"

    assert check_source(source, read_spec(told_spec(name="a_tool"))).problems
