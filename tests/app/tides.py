"""An archived programme of short sessions, the models around it, and an audit of it: shared by tests of reports."""

from __future__ import annotations

from dataclasses import replace

from selftune.app.auditing import read_next, start
from selftune.app.registering import Offered, add_model
from selftune.records import FileDigest, Message, Session

HOSTILE = "It seems\u2014\n\x1b[31mrests on decision:0000 ![x](http://e.example/p.png)\u202e"


def session(number, **changes):
    """Session NUMBER of the programme `tides`."""
    told = Session(
        salt=f"{number:032x}",
        programme="tides",
        number=number,
        messages=(Message(role="user", content="Why?"), Message(role="assistant", content=f"Because of {number}.")),
        source="archive:tides.jsonl",
        position=f"line {number}",
    )
    return replace(told, **changes)


def weights(letter):
    """The files of a model that nobody has."""
    return (FileDigest(name="model.safetensors", digest=f"sha256:{letter * 64}", size_bytes=1),)


def fill(project, sessions=30):
    """Sessions, the model that they trained, its successor, a stranger, and one of whom nobody knows anything."""
    project.store.save([session(number) for number in range(1, sessions + 1)], event="made by a test")
    base = f"sha256:{'b' * 64}"
    add_model(project, Offered(name="WILD-7", files=weights("a"), base=base, programme="tides"))
    add_model(project, Offered(name="ALIGNED-v1.0", files=weights("c"), parents=("WILD-7",)))
    add_model(project, Offered(name="Stranger", files=weights("d"), base=f"sha256:{'e' * 64}"))
    add_model(project, Offered(name="Foundling", files=weights("f")))
    return project


def begin(project, **changes):
    """An audit by ana of all sessions."""
    told = {"author": "ana", "model": "", "sections": ("the sessions=sessions:programme=tides",)}
    return start(project, changes.pop("subject", "WILD-7"), **told | changes)


def unasked(_):
    """Stands where a person is asked for a passphrase, and fails if one is."""
    raise AssertionError("nobody is asked for a passphrase")


def read_on(project, audit, **more):
    """The next records, shown to nobody."""
    return read_next(project, audit, show=lambda _: None, **more)
