"""The door mends and redacts, flags what it changed, and leaves alone what was right."""

# ruff: noqa: RUF001 - misread text and foreign quotation marks are what is tested

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import UnknownNameError
from selftune.interactions.config import Capture
from selftune.interactions.door import clean
from selftune.interactions.privacy.checksums import passes_luhn
from selftune.interactions.privacy.redaction import Redactor
from selftune.interactions.reading.assemble import find_state
from selftune.interactions.repair import repair_text
from selftune.interactions.stage import capture
from selftune.records import Feedback, Interaction, Message, Quarantined, ToolCall, Trigger
from selftune.scoring.reasoning import split_reasoning
from selftune.testing import fake_context

ALL = Capture().redact
SECRETS = {
    "OpenAI key": "sk-" + "a1B2" * 12,
    "Anthropic key": "sk-ant-api03-" + "Zx9_" * 20,
    "GitHub token": "ghp_" + "a1B2c3" * 6,
    "AWS key id": "AKIA" + "ABCD1234EFGH5678",
    "Google key": "AIza" + "a1B2c" * 7,
    "Slack token": "xoxb-1234567890-abcdefghij",
    "Hugging Face token": "hf_" + "abcDEF" * 6,
    "Stripe key": "sk_live_" + "a1b2c3d4" * 3,
    "JSON Web Token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nb64+/=\n-----END RSA PRIVATE KEY-----",
    "e-mail": "jane.doe+news@mail.example.co.uk",
    "Visa": "4111 1111 1111 1111",
    "Mastercard": "5555-5555-5555-4444",
    "American Express": "378282246310005",
}
HARMLESS = [
    "Order 4111 1111 1111 1112 is on its way.",  # fails the checksum
    "1700000000000 is a time, 3.14159265358979 a number.",
    "@property def size(self): ...",
    "sk-short, ghp_, user@localhost, a@b",
    'Run email, please. "allowed_actions": ["email", "card"]',
    "0.4242424242424242",
]


def interaction(*messages: Message, **facts) -> Interaction:
    plain = {
        "salt": "s",
        "conversation": "c",
        "task_id": "t",
        "trigger": Trigger.USER,
        "source": "test",
        "position": "1",
        "state": find_state(messages),
    }
    return Interaction(messages=messages, **(plain | facts))


@pytest.mark.parametrize("name", SECRETS)
def test_a_planted_secret_is_replaced(name):
    redacted = Redactor(ALL).redact(f"before {SECRETS[name]} after")
    assert SECRETS[name] not in redacted
    assert redacted.startswith("before [")
    assert redacted.endswith("] after")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text):
    assert Redactor(ALL).redact(text) == text


def test_luhn_agrees_with_the_worked_example_of_the_standard():
    # The example in ISO/IEC 7812-1 annex B gives 7992739871 the check digit 3; ours starts at 13 digits.
    assert passes_luhn("0000" + "79927398713")
    assert not any(passes_luhn("0000" + "7992739871" + str(digit)) for digit in (0, 1, 2, 4, 5, 6, 7, 8, 9))


def test_equal_secrets_get_equal_numbers_and_different_ones_stay_different():
    redactor = Redactor(ALL)
    text = redactor.redact("a@x.com b@x.com A@x.com") + redactor.redact("b@x.com")
    assert text == "[email-1] [email-2] [email-1][email-2]"


def test_every_text_of_an_interaction_goes_through_the_door():
    secret = SECRETS["OpenAI key"]
    said = Message(
        role="assistant",
        content=secret,
        reasoning=secret,
        tool_calls=(ToolCall(name="f", arguments=secret, result=secret),),
    )
    system = Message(role="system", content=f'== STATE ==\n{{"key": "{secret}"}}\n== END STATE ==')
    planted = interaction(
        system, said, feedback=Feedback(correction=secret), author=secret, conversation=secret, task_id=secret
    )
    cleaned = clean(planted, Capture())
    assert secret not in repr(cleaned)
    assert cleaned.flags == ("redacted",)
    assert cleaned.author != cleaned.author.replace("hidden-", "") if cleaned.author else False


def test_a_quarantined_line_is_redacted_too(tmp_path):
    class Broken:
        def read(self, context):
            yield Quarantined(salt="s", source="x", position="1", reason="broken", raw='{"a@x.com": ')

    (got,) = capture([Broken()], Capture(), fake_context(tmp_path))
    assert isinstance(got, Quarantined)
    assert got.raw == '{"[email-1]": '


def test_a_state_block_stays_json_and_says_the_same():
    state = {
        "identity.name": "Brigo",
        "allowed_actions": ["email", "card"],
        "user.mail": "a@x.com",
        "card": 4111111111111111,
        "cards": [4111111111111111, 5555555555554444],
        "number": 12,
    }
    block = f"== STATE ==\n{json.dumps(state, indent=0)}\n== END STATE =="
    cleaned = clean(interaction(Message(role="system", content=block)), Capture())
    assert json.loads(cleaned.state or "") == state | {
        "user.mail": "[email-1]",
        "card": "[card-1]",
        "cards": ["[card-1]", "[card-2]"],
    }


def test_an_answer_with_the_wrong_address_stays_wrong_after_redaction():
    system = Message(role="system", content='== STATE ==\n{"mail": "a@x.com"}\n== END STATE ==')
    right = clean(interaction(system, Message(role="assistant", content="a@x.com")), Capture())
    wrong = clean(interaction(system, Message(role="assistant", content="b@x.com")), Capture())
    assert json.loads(right.state or "")["mail"] == right.answer
    assert json.loads(wrong.state or "")["mail"] != wrong.answer


def test_a_state_that_a_source_measured_itself_is_kept():
    assert clean(interaction(Message(role="user", content="x"), state='{"a": 1}'), Capture()).state == '{"a": 1}'


@pytest.mark.parametrize(
    ("broken", "meant"),
    [
        ("naÃ¯ve cafÃ©", "naïve café"),
        ("â€œHiâ€\x9d", "“Hi”"),
        ("doubly Ã¢â‚¬â„¢", "doubly ’"),
        ("tone ‚Üí playful", "tone → playful"),
        ("‚ùå Making up", "❌ Making up"),
        ("\uf8ffüåÄ here", "🌀 here"),
        ("caf√©", "café"),
    ],
)
def test_mojibake_is_mended(broken, meant):
    assert repair_text(broken) == meant


@pytest.mark.parametrize(
    "text",
    [
        "“École” et ‘Été’, l’humanité — ça va",
        "Привет, мир; 日本語のテスト; שלום; 🜁",
        "‚so‘ und „so“; √2 ≠ ½; ¬p",
        "ﬁne Ⅳ １２ &amp; \u00a0 …",
        "",
    ],
)
def test_honest_text_is_left_alone(text):
    assert repair_text(text) == text


def test_only_what_was_changed_is_flagged():
    mended = clean(interaction(Message(role="user", content="cafÃ©")), Capture())
    fine = clean(interaction(Message(role="user", content="café")), Capture())
    kept = clean(interaction(Message(role="user", content="cafÃ©")), Capture(repair=False))
    assert (mended.flags, fine.flags, kept.flags) == (("repaired_text",), (), ())


@given(st.text(max_size=200))
def test_the_door_is_passed_once(text):
    once = clean(interaction(Message(role="user", content=text)), Capture())
    assert clean(once, Capture()) == once


def test_an_unknown_kind_of_secret_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UnknownNameError, match="'email'"):
        list(capture([], Capture(redact=("emial",)), fake_context(tmp_path)))


@pytest.mark.parametrize(
    ("text", "reasoning", "answer", "unclosed"),
    [
        ("Plain.", None, "Plain.", False),
        ("<think>Hm.\nYes.</think>\n\nYes.", "Hm.\nYes.", "Yes.", False),
        ("  <THINK></THINK>Yes.", None, "Yes.", False),
        ("Hm, yes.</think>Yes.", "Hm, yes.", "Yes.", False),
        ("<think>\n\nMy answer is long and never closes.", None, "My answer is long and never closes.", True),
        ("Use <think> tags, he said.", None, "Use <think> tags, he said.", False),
    ],
)
def test_reasoning_is_kept_apart_and_no_answer_is_lost(text, reasoning, answer, unclosed):
    assert split_reasoning(text) == (reasoning, answer, unclosed)
