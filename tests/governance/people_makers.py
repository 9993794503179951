"""Persons with keys that ask for nothing: fake ones, for tests of the roster."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from governance_makers import say

from selftune.governance.keys import sign_as_person
from selftune.governance.people.keys import PersonKey
from selftune.governance.people.roster import KEEPER, KEY, Person


def fake_person_key(name):
    """A key that nobody was asked a passphrase for."""
    made = Ed25519PrivateKey.generate()
    return PersonKey(name=name, public=made.public_key().public_bytes_raw().hex(), _key=made)


def signed(statement, key):
    """The statement signed by its author's key."""
    return sign_as_person(statement, key)


def entry(key, by, *, follows=None, name=None, author=None, **person):
    """A statement of the roster about the owner of `key`, signed with the key `by`."""
    after = Person(name=name or key.name, key=key.public, **person).as_words
    return signed(say("roster", "project", author or by.name, after=after, supersedes=follows), by)


def first(key, **person):
    """The first entry: a keeper, by themselves."""
    return entry(key, key, **({"roles": (KEEPER,)} | person))


def revoke(key, *since, author="ana"):
    """The end of a key: from this statement on, where one is named."""
    return say("revocation", f"{KEY}{key.public}", author, evidence=tuple(one.id for one in since))


def forged(statement, key):
    """Signed, and then changed."""
    return replace(signed(statement, key), text="Something else.")
