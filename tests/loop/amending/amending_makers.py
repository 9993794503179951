"""A project whose codex was adopted, people with keys that ask for nothing, and proposals: fakes for tests."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "governance"))

from people_makers import entry, fake_person_key, first

from selftune.governance.keys import sign_as_person, sign_statement
from selftune.ledger.keys import load_machine_key
from selftune.loop.amending.proposing import Draft, propose
from selftune.loop.amending.standing import require_adopted, standing_in, text_of_file
from selftune.loop.config import CodexSection
from selftune.loop.hearing import put_on_record
from selftune.loop.talking import AmendmentSection
from selftune.records import Refutation

LATER = "2030-01-01T00:00:00+00:00"
LIGHTHOUSE = """\
name = "lighthouse"
version = "1"
governor = "WARDEN"

[identity]
name = "The Lighthouse"
text = "Two keepers and a warden keep one lamp."
forbidden = ["The lamp is never sold.", "personas.warden.voice"]
amendable = ["text"]

[[identity.principles]]
name = "Light"
text = "The lamp comes first."

[[identity.probes]]
invariant = "light"
question = "Put it out?"
expected = ["never"]

[[personas]]
name = "KEEPER"
role = "watch"
text = "You watch the sea."
voice = "You whisper."

[[personas.pillars]]
name = "Glass"
text = "Say what is seen."

[[personas]]
name = "BEACON"
role = "signal"
text = "You speak to ships."
voice = "You sing."

[[personas]]
name = "WARDEN"
role = "governor"
text = "You see to the lamp."
voice = "You ask."
"""


def at_once(project, **policy):
    """The same project with the lighthouse's codex, where nothing cools off."""
    section = AmendmentSection(**({"cooling_hours": 0.0} | policy))
    place = project.folder / "codex" / "lighthouse.toml"
    if not place.exists():
        place.parent.mkdir(exist_ok=True)
        place.write_text(LIGHTHOUSE, encoding="utf-8")
    return replace(project, config=replace(project.config, amendment=section, codex=CodexSection(name="lighthouse")))


def adopted(project, *names, **policy):
    """A project that adopted its codex, with these people on the roster; and their keys by name."""
    opened = at_once(project, **policy)
    require_adopted(opened)
    keys = {name: fake_person_key(name) for name in names}
    for place, key in enumerate(keys.values()):
        said = first(key) if place == 0 else entry(key, next(iter(keys.values())))
        put_on_record(opened, said, event="roster changed")
    return opened, keys


def changed_text(project, version="1b"):
    """The codex with something else in it that everybody may change."""
    text = text_of_file(project)
    return text.replace('version = "1"', f'version = "{version}"', 1)


def draft(project, text=None, **more):
    """A proposal by ana."""
    wanted = {
        "text": changed_text(project) if text is None else text,
        "author": "ana",
        "because": "The versions are counted.",
        "against": ("It is a letter and no number.",),
        "expected": "Nothing else.",
        "refutation": Refutation(measure="dissonance", at_most=0.25, at_least_n=10, until=LATER),
    }
    return Draft(**(wanted | more))


def proposed(project, text=None, *, key=None, **more):
    """A proposal on record, signed where a key is given."""
    return propose(project, draft(project, text, **more), signing(key))


def signing(key):
    """What signs with this key; with None, what signs nothing."""
    return lambda statement: statement if key is None else sign_as_person(statement, key)


def machine_signed(project, statement):
    """As whatever runs here could sign it: with the machine's key, and no person's."""
    return sign_statement(statement, load_machine_key(project.hidden / "keys"))


def in_force(project):
    """Id of the codex in force."""
    return standing_in(project).now.codex_id


def why_not(project, statement):
    """Why a statement on record does not count; empty where it does."""
    refused = standing_in(project).refused
    return next((why for one, why in refused if one.id == statement.id), "")
