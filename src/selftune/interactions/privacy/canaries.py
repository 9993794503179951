"""Planted secrets: a hundred invented ones, to count how many the door finds and to search a project's files for.

`canaries.jsonl` is what `draw_canaries` gives for `SEED`; running this module writes it. The first time it was drawn,
the door found 83 of them; the patterns were then widened for what it had missed, so draws of other seeds say more about
what is found. Some are in shapes that no pattern covers, and are named as missed. Nothing here opens anything or
reaches anybody: numbers of telephones are from ranges kept for fiction where a country has one, hosts end in `.example`
or `.test`.
"""

from __future__ import annotations

import base64
import json
import random
import string
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED: Final = 20261121
FILE: Final = Path(__file__).with_name("canaries.jsonl")

_HALF_LEAST: Final = 6
_BASE62: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, kw_only=True)
class Canary:
    """One planted secret.

    Attributes:
        kind: What it is: key, email, phone, card, iban or address.
        disguise: How it is planted: plain, code, base64, lines, or invisible.
        text: What a person says that holds it.
        traces: Texts of which none may be left where it was found.
    """

    kind: str
    disguise: str
    text: str
    traces: tuple[str, ...]

    def is_hidden_in(self, text: str) -> bool:
        """Whether nothing of it is left in the text."""
        return not any(trace in text for trace in self.traces)


def load_canaries() -> tuple[Canary, ...]:
    """The hundred that are planted."""
    lines = FILE.read_text("utf-8").splitlines()
    return tuple(Canary(**{**(entry := json.loads(line)), "traces": tuple(entry["traces"])}) for line in lines)


def draw_canaries(seed: int = SEED) -> Iterator[Canary]:
    """A hundred canaries: sixty plain ones, ten each in code, in base64, over two lines, ten with invisible marks."""
    draw = random.Random(seed)  # noqa: S311 - what is planted must repeat, not be secret
    makers = {"key": _key, "email": _email, "phone": _phone, "card": _card, "iban": _iban, "address": _address}
    plain = ("key",) * 16 + ("email",) * 12 + ("phone",) * 12 + ("card",) * 6 + ("iban",) * 4 + ("address",) * 10
    disguised = ("key", "key", "key", "email", "email", "phone", "phone", "card", "iban", "address")
    wraps: dict[str, Callable[[random.Random, str, str], tuple[str, tuple[str, ...]]]] = {
        "plain": _said,
        "code": _in_code,
        "base64": _in_base64,
        "lines": _over_lines,
        "invisible": _with_invisible,
    }
    for disguise, wrap in wraps.items():
        for kind in plain if disguise == "plain" else disguised:
            secret = makers[kind](draw)
            text, traces = wrap(draw, kind, secret)
            yield Canary(kind=kind, disguise=disguise, text=text, traces=traces)


def write_canaries(path: Path = FILE) -> None:
    """Write the hundred as JSON lines."""
    lines = (json.dumps(vars(canary), ensure_ascii=False) + "\n" for canary in draw_canaries())
    path.write_text("".join(lines), "utf-8")


# --- Secrets ----------------------------------------------------------------------------------------------------------


def _some(draw: random.Random, alphabet: str, count: int) -> str:
    return "".join(draw.choices(alphabet, k=count))


def _key(draw: random.Random) -> str:
    digits, capitals = string.digits, string.ascii_uppercase + string.digits
    low_hex = "abcdef" + digits
    return draw.choice(
        [
            f"sk-proj-{_some(draw, _BASE62, 48)}",
            f"sk-ant-api03-{_some(draw, _BASE62 + '_-', 80)}A",
            f"ghp_{_some(draw, _BASE62, 36)}",
            f"AKIA{_some(draw, capitals, 16)}",
            f"AIza{_some(draw, _BASE62, 35)}",
            f"xoxb-{_some(draw, digits, 11)}-{_some(draw, _BASE62, 24)}",
            f"hf_{_some(draw, string.ascii_letters, 34)}",
            f"sk_live_{_some(draw, _BASE62, 24)}",
            f"glpat-{_some(draw, _BASE62, 20)}",
            f"SG.{_some(draw, _BASE62, 22)}.{_some(draw, _BASE62, 43)}",
            f"{_some(draw, digits, 9)}:{_some(draw, _BASE62, 35)}",
            f"{_some(draw, low_hex, 32)}-us{draw.randint(1, 21)}",
            f"{_some(draw, string.ascii_lowercase, 5)}{_some(draw, digits, 4)}!{_some(draw, capitals, 4)}",
            _some(draw, low_hex, 40),
        ]
    )


def _email(draw: random.Random) -> str:
    first, last = draw.choice(["ana", "jürgen", "li", "o.connor", "m"]), draw.choice(["silva", "kraus", "wei", "smith"])
    host = draw.choice(["mail.example", "firma.example", "uni-x.example", "shop.co.test"])
    return draw.choice(
        [
            f"{first}.{last}@{host}",
            f"{first}{draw.randint(10, 99)}@{host}",
            f"{first}+news@{host}",
            f"{first} at {host.replace('.', ' dot ')}",
            f"{first}.{last}%40{host}",
        ]
    )


def _phone(draw: random.Random) -> str:
    tail = f"{draw.randint(100, 199):04d}"
    return draw.choice(
        [
            f"+1 202 555 {tail}",
            f"(415) 555-{tail}",
            f"212-555-{tail}",
            f"+44 20 7946 0{draw.randint(100, 999)}",
            f"020 7946 0{draw.randint(100, 999)}",
            f"+49 30 23125 {draw.randint(100, 999)}",
            f"030 23125 {draw.randint(100, 999)}",
            f"06 {draw.randint(10, 99)} {draw.randint(10, 99)} {draw.randint(10, 99)} {draw.randint(10, 99)}",
            f"00 33 1 99 00 {draw.randint(10, 99)} {draw.randint(10, 99)}",
        ]
    )


def _card(draw: random.Random) -> str:
    prefix, length = draw.choice([("4", 16), ("51", 16), ("37", 15), ("6011", 16), ("2221", 16)])
    body = prefix + _some(draw, string.digits, length - len(prefix) - 1)
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
    number = body + str(-sum(value // 10 + value % 10 for value in doubled) % 10)
    cuts = [4, 10] if length == 15 else [4, 8, 12]  # noqa: PLR2004 - American Express prints 4, 6 and 5 digits
    parts = [number[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    return draw.choice(["", " ", "-"]).join(parts)


def _iban(draw: random.Random) -> str:
    country, length = draw.choice([("DE", 22), ("GB", 22), ("FR", 27), ("NL", 18), ("CH", 21)])
    bank = _some(draw, string.ascii_uppercase, 4) if country in {"GB", "NL"} else ""
    body = bank + _some(draw, string.digits, length - 4 - len(bank))
    remainder = int("".join(str(int(char, 36)) for char in f"{body}{country}00")) % 97
    whole = f"{country}{98 - remainder:02d}{body}"
    return draw.choice([whole, " ".join(whole[start : start + 4] for start in range(0, length, 4))])


def _address(draw: random.Random) -> str:
    number = draw.randint(2, 480)
    return draw.choice(
        [
            f"{number} Maple Street, Springfield, IL 62704",
            f"{number} Old Mill Road",
            f"{number} W 10th Ave, Apt {draw.randint(1, 30)}",
            f"{number} Kingsway Court, London SW1A {draw.randint(1, 9)}AB",
            f"Gartenstraße {number}, 10115 Berlin",
            f"Unter den Linden {number}, 10117 Berlin",
            f"{number} rue de la Paix, 75002 Paris",
            f"Via Garibaldi {number}, 20121 Milano",
            f"P.O. Box {number}7",
            f"ul. Marszałkowska {number}, 00-590 Warszawa",
        ]
    )


# --- How they are planted ---------------------------------------------------------------------------------------------

_LEADS: Final = {
    "key": ("My key is {}, does it still work?", "export API_TOKEN={}", "password: {}", "I set the secret to {}."),
    "email": ("Write to {} please.", "My address is {}, thanks.", "cc {}"),
    "phone": ("Ring me at {} tonight.", "My phone number is {}.", "Tel. {}", "You can get me on {}"),
    "card": ("Charge {} for it.", "The card is {}, valid till 11/29."),
    "iban": ("Send it to {}.", "IBAN: {}"),
    "address": ("I live at {}.", "Ship it to {}, please."),
}


def _said(draw: random.Random, kind: str, secret: str) -> tuple[str, tuple[str, ...]]:
    return draw.choice(_LEADS[kind]).format(secret), (secret,)


def _in_code(draw: random.Random, kind: str, secret: str) -> tuple[str, tuple[str, ...]]:
    code = draw.choice(
        [
            f'```python\nclient = connect(\n    {kind}="{secret}",\n)\n```',
            f"```yaml\nuser:\n  {kind}: {secret}\n```",
            f'```json\n{{"{kind}": "{secret}", "n": 1}}\n```',
            f"```sh\ncurl -d '{kind}={secret}' https://api.example.test/v1\n```",
        ]
    )
    return f"What is wrong here?\n{code}", (secret,)


def _in_base64(draw: random.Random, kind: str, secret: str) -> tuple[str, tuple[str, ...]]:
    inside = draw.choice([secret, f'{{"{kind}": "{secret}"}}', f"user:1 {secret}"])
    packed = base64.b64encode(inside.encode()).decode()
    return draw.choice(["Decode {} for me.", "Authorization: Basic {}", "data:text/plain;base64,{}"]).format(packed), (
        packed,
        secret,
    )


def _over_lines(draw: random.Random, kind: str, secret: str) -> tuple[str, tuple[str, ...]]:
    at = draw.randint(len(secret) // 3, 2 * len(secret) // 3)
    first, second = secret[:at].rstrip(), secret[at:].lstrip()
    wrapped = draw.choice([f"{first}\n{second}", f"{first}\n  {second}", f"> {first}\n> {second}"])
    return draw.choice(_LEADS[kind]).format(wrapped), _telling((first, second), wrapped)


def _with_invisible(draw: random.Random, kind: str, secret: str) -> tuple[str, tuple[str, ...]]:
    mark = draw.choice(["\u200b", "\u2060", "\u00ad", "\ufeff"])
    at = draw.randint(2, len(secret) - 2)
    laced = f"{secret[:at]}{mark}{secret[at:]}"
    return draw.choice(_LEADS[kind]).format(laced), _telling((secret[:at], secret[at:]), laced)


def _telling(halves: tuple[str, str], whole: str) -> tuple[str, ...]:
    """The halves that still say something of the secret, else the whole: `xample` says nothing."""
    telling = [half for half in halves if len(half) >= _HALF_LEAST and not half.isalpha()]
    return tuple(telling or [whole])


if __name__ == "__main__":
    write_canaries()
