"""Secrets are found where they stand and under a disguise; harmless text comes through as it was."""

from __future__ import annotations

import base64
import importlib.util
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import ConfigError
from selftune.interactions.config import Capture
from selftune.interactions.door import check_door
from selftune.interactions.privacy.checksums import IBAN_LENGTHS, passes_iban
from selftune.interactions.privacy.disguises import show_hidden
from selftune.interactions.privacy.passwords import entropy_bits
from selftune.interactions.privacy.presidio import find_with_presidio
from selftune.interactions.privacy.redaction import ALL_KINDS, Redactor
from selftune.interactions.privacy.remembered import Remembered

KINDS = Capture().redact
KEY = "sk-proj-" + "a1B2c3D4" * 5


def redact(text: str, *kinds: str) -> str:
    return Redactor(kinds or KINDS).redact(text)


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("iban", "DE89 3704 0044 0532 0130 00"),  # the example of the IBAN registry for Germany
        ("iban", "GB29NWBK60161331926819"),  # and the one for the United Kingdom
        ("phone", "+49 30 23125 042"),
        ("phone", "+1-202-555-0142"),
        ("phone", "00 33 1 99 00 12 34"),
        ("phone", "(415) 555-0134"),
        ("phone", "020 7946 0123"),
        ("phone", "06 12 34 56 78"),
        ("ssn", "219-09-9999"),
        ("address", "742 Evergreen Terrace, Springfield, IL 62704"),
        ("address", "12 Supreme Court, London SW1A 1AA"),
        ("address", "Gartenstraße 12, 10115 Berlin"),
        ("address", "Unter den Linden 77, 10117 Berlin"),
        ("address", "8 rue de la Paix, 75002 Paris"),
        ("address", "Via Garibaldi 12, 20121 Milano"),
        ("address", "P.O. Box 1234"),
        ("address", "742 evergreen lane, springfield, il 62704"),
        ("email", "jürgen.groß@firma.example"),
        ("email", "jane%40mail.example"),
        ("email", "jane (at) mail (dot) example"),
        ("email", "jane at mail dot example"),
        ("api_key", "SG." + "aB3_" * 5 + "xy." + "aB3-" * 10 + "xyz"),
        ("api_key", "123456789:" + "AbC-dE5" * 5),
        ("api_key", "0123456789abcdef0123456789abcdef-us12"),
    ],
)
def test_a_secret_of_each_kind_is_replaced_by_its_kind(kind, secret):
    assert redact(f"It is {secret}, you know.") == f"It is [{kind}-1], you know."


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('password = "Tr0ub4dor&3x"', 'password = "[password-1]"'),
        ("DB_PASSWORD: n4ught1er_than", "DB_PASSWORD: [password-1]"),
        ("my password is hunter22!", "my password is [password-1]!"),
        ("postgres://app:s3cr3t@db.test/x", "postgres://app:[password-1]@db.test/x"),
        ("Authorization: Bearer 9f8e7d6c5b4a39281706", "Authorization: Bearer [password-1]"),
    ],
)
def test_a_password_goes_and_what_it_opens_stays(text, left):
    assert redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "The password is required. Reset your password: click here, 2 minutes.",
        "password = os.environ['DB_PASSWORD_2']; api_key=YOUR_API_KEY_1; token: ${TOKEN_2}",
        "In the 1929 Wall Street crash, 12 Supreme Court justices and 3 hard drives were lost.",
        "It is a 2 way street; look at 3 blocks down the street, at 5 more road signs and at 2 different lanes.",
        "Call on 2026-11-21 at 10:30, or 21.11.2026.",
        "import app\n@app.route('/x.html')\n@pytest.mark.slow\ndef f(): ...",
        "- uses: devcontainers/ci@v0.2\n  with:\n    x: 1",
        "Look at the dot com bubble; look at that dot on the map.",
        "4111 1111 1111 1112, 4212883012996 and 355909190063-746.",
        "472547338\n+960397912423686\n-------",
        "DE89 3704 0044 0532 0130 01",
        "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad changed 1,234 lines",
        "QWxsIHdvcmsgYW5kIG5vIHBsYXkgbWFrZXMgSmFjayBhIGR1bGwgYm95",
        "[email-1] and [card-12] stay",
        "👩\u200d💻 works \u2013 and naïve café — too",
    ],
)
def test_what_only_looks_like_a_secret_stays(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    "disguised",
    [
        KEY[:20] + "\n" + KEY[20:],
        f'"{KEY[:20]}" +\n    "{KEY[20:]}"',
        f"# {KEY[:20]}\n# {KEY[20:]}",
        KEY[:20] + "\u200b" + KEY[20:],
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(base64.b64encode(KEY.encode())).decode(),
        base64.urlsafe_b64encode(f'{{"k": "{KEY}"}}'.encode()).decode().rstrip("="),
        base64.b64encode(KEY.encode("utf-16-le")).decode(),
        base64.encodebytes(f"first line\nsecond line\n{KEY}\nfourth line".encode()).decode(),
        "".join(chr(ord(character) + 0xFEE0) for character in KEY),
        KEY[:20] + "\\n" + KEY[20:],
    ],
)
def test_a_key_is_found_under_its_disguise(disguised):
    left = redact(f"So: {disguised} .")
    assert KEY[:16] not in left
    assert KEY[24:] not in left
    assert left.startswith("So: ")
    assert "-1]" in left
    assert len(left) < 40


@pytest.mark.parametrize(
    "text",
    ["4111 1111\n1111 1111", "jane@mail\n.example", "jane@\nmail.example", "DE89 3704 0044\n0532 0130 00"],
)
def test_what_a_line_break_cuts_is_found(text):
    assert "-1]" in redact(f"x {text} y")


def test_the_rest_of_a_sentence_after_a_key_is_not_taken_for_more_of_it():
    assert redact(f"{KEY}\nThen run it.") == "[api_key-1]\nThen run it."


def test_a_broken_line_of_json_is_searched_as_what_it_says():
    raw = json.dumps({"text": "mail:\nname@x.example or 4111 1111\n1111 1111"})[:-2]
    assert redact(raw) == '{"text": "mail:\\n[email-1] or [card-1]'


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_json_in_json_is_searched_however_often_it_was_escaped(times):
    text = f"I set the secret to {KEY[:14]}\n  {KEY[14:]}."
    for _ in range(times):
        text = json.dumps({"text": text})
    hidden = redact(text)
    assert KEY[:14] not in hidden
    assert KEY[14:] not in hidden
    for _ in range(times):
        hidden = json.loads(hidden)["text"]
    assert hidden == "I set the secret to [api_key-1]."


def test_a_thousand_backslashes_come_to_an_end():
    assert redact("\\" * 4000 + "n") == "\\" * 4000 + "n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Write to > o.connor.we\n> i@uni-x.example please.", "Write to > [email-1] please."),
        ("See below:\njane@mail.example", "See below:\n[email-1]"),
        ("It is done\njane@mail.example", "It is done\n[email-1]"),
        ("You can get me on 00 33 1 9\n9 00 61 56", "You can get me on [phone-1]"),
        ("Ring +49 30 23125 042\n2 eggs", "Ring [phone-1]\n2 eggs"),
        ("Ring +49 30 23125 042\n12 eggs", "Ring [phone-1]\n12 eggs"),
    ],
)
def test_a_line_break_takes_its_own_half_along_and_not_its_neighbours(text, left):
    assert redact(text) == left


def test_one_secret_in_two_spellings_keeps_one_number():
    redactor = Redactor(KINDS)
    assert redactor.redact("4111 1111 1111 1111") == redactor.redact("4111-1111-1111-1111") == "[card-1]"
    assert redactor.redact("9 Elm Street, Springfield, IL 62704") == redactor.redact("9 Elm Street") == "[address-1]"


def test_a_number_that_stands_in_the_text_already_is_not_given_again():
    assert redact("Was [email-2], now new@x.example.") == "Was [email-2], now [email-3]."


def test_only_the_kinds_asked_for_are_found():
    text = f"{KEY} a@x.example"
    assert redact(text, "email") == f"{KEY} [email-1]"
    redactor = Redactor(("email", "api_key", "card"))
    redactor.redact(text)
    assert redactor.found == {"email", "api_key"}


def test_the_registrys_examples_are_ibans_and_their_neighbours_are_not():
    assert passes_iban("DE89370400440532013000")
    assert not passes_iban("DE89370400440532013001")
    assert not passes_iban("DE8937040044053201300")
    assert not passes_iban("XX89370400440532013000")
    assert len(IBAN_LENGTHS) > 70


def test_entropy_is_that_of_the_letters():
    assert entropy_bits("aaaa") == 0
    assert entropy_bits("abcd") == 2
    assert entropy_bits("") == 0


FRAGMENTS = st.sampled_from(
    [
        *(KEY, KEY[:18], KEY[18:], base64.b64encode(KEY.encode()).decode(), "DE89370400440532013000", "9 Elm Street"),
        *("a@x.example", "4111 1111 1111 1111", "+49 30 2312542", "password: ", "Tr0ub4dor&3x", "://", "[email-1]"),
        *("[", "]", "@", "\n", "\\n", "\\u0040", "\u200b", " ", ".", ":", "=", '"', "12", "ab"),
    ]
)


@given(st.lists(FRAGMENTS | st.text(max_size=4), max_size=12).map("".join))
def test_what_is_redacted_once_stays_as_it_is(text):
    once = redact(text)
    assert redact(once) == once


@given(st.text(max_size=300))
def test_any_text_comes_through_and_a_short_text_is_never_blown_up(text):
    assert len(redact(text)) <= 20 * len(text) + 20


@given(st.lists(st.sampled_from(["ab", "\u200b", "\ufeff\u2060", "c", "-"]), max_size=20).map("".join))
def test_each_character_without_a_disguise_knows_its_place(text):
    view = show_hidden(text)
    shown = "".join(character for character in text if character in "abc-")
    if view is None:
        assert shown == text
        return
    assert view.text == shown
    assert [text[slice(*view.original_span(at, at + 1))][-1] for at in range(len(shown))] == list(shown)


SAID_IN_JSON = st.recursive(
    st.lists(FRAGMENTS, max_size=4).map("".join) | st.sampled_from([4111111111111111, 12, None, "jane@mail.example"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["phone", "mail", "é"]), inner, max_size=2)
    ),
    max_leaves=6,
)


def shape(value):
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else None


@given(SAID_IN_JSON, st.booleans(), st.sampled_from([None, 1]))
def test_json_stays_json_of_the_same_shape(value, ascii_only, indent):
    text = json.dumps({"state": value}, ensure_ascii=ascii_only, indent=indent)
    assert shape(json.loads(redact(text))) == shape({"state": value})


def test_an_escape_is_not_cut_in_two():
    assert redact(r'{"to": "\u006aane@mail.exampl\u0065"}') == '{"to": "[email-1]"}'


HOSTILE = {
    "a token that begins again and again": "Aa-eyJa" * 15_000,
    "a line of digits after many lines": "a\n" * 20_000 + "0" * 60_000,
    "an address per word": "a\u200b@b.cc " * 8_000,
    "nearly an account": "DE12 A1\n" * 12_000,
    "nearly a card": "4111-" * 20_000,
    "nearly a name after a name": "o.connor.we\n" * 15_000,
    "escape upon escape": "\\" * 60_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_made_to_keep_the_door_busy_passes(name):
    # A pattern that takes the square of a length would sit here for minutes.
    once = redact(HOSTILE[name])
    assert redact(once) == once


def test_names_need_presidio_and_its_absence_is_said():
    assert {"person", "location"} == set(ALL_KINDS) - set(KINDS)
    if importlib.util.find_spec("presidio_analyzer") is None:
        with pytest.raises(ConfigError, match="Presidio"):
            list(find_with_presidio("person", "Jane Doe was here."))
        with pytest.raises(ConfigError, match="Presidio"):
            check_door(Capture(redact=("person",)))


@pytest.mark.needs("field-data")
def test_identity_sets_and_transcripts_come_through_unchanged(field_data):
    for path in (
        *(field_data / "formats" / name for name in ("identity.json", "sharegpt_identity_500.json")),
        *sorted((field_data / "foundry" / "transcripts").glob("*.jsonl")),
        *sorted((field_data / "foundry" / "responses").glob("*.jsonl")),
    ):
        text = path.read_text("utf-8")
        entries = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
        for said in strings(entries):
            assert redact(said) == said, path.name


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


@given(st.lists(FRAGMENTS | st.text(max_size=4), max_size=12).map("".join))
def test_a_text_that_is_met_again_is_redacted_as_it_was_the_first_time(text):
    first = Redactor(ALL_KINDS[:9])
    told = first.redact(text)
    again = Redactor(ALL_KINDS[:9])
    assert again.redact(text) == told
    assert again.found == first.found


def test_a_text_without_secrets_is_remembered_for_the_kinds_that_were_looked_for_alone():
    text = "Write to jane@mail.example today."
    assert redact(text, "iban") == text
    assert redact(text, "iban") == text
    assert redact(text, "email") == "Write to [email-1] today."


def test_what_is_remembered_holds_no_words_and_not_more_than_twice_what_was_asked_for():
    known = Remembered(most=10)
    keys = [known.key("email", f"text {number}") for number in range(100)]
    for key in keys:
        known.add(key)
    assert all(key in known for key in keys[-10:])
    assert sum(key in known for key in keys) <= 20
    assert all(len(key) == 16 for key in keys)
    assert known.key("email", "x" * (1 << 21)) is None
    assert None not in known
