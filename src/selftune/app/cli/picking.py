"""Picking in the terminal: two answers, nobody's name on them, one key."""

from __future__ import annotations

import getpass
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder
from selftune.app.cli.reviewing import read_key
from selftune.app.reporting.pages.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selftune.app.picking import Picking, Tally
    from selftune.records import BlindPair

_KEYS: Final = {"l": "left", "r": "right", "t": "tie", "s": "skip", "\x1b[D": "left", "\x1b[C": "right"}
_QUIT: Final = frozenset({"q", "", "\x03", "\x04"})
_HELP: Final = "l left is better   r right is better   t no difference   s skip   q quit (every pick is kept)"
_RULE: Final = "-" * 60


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("pick")(pick)


def pick(
    most: Annotated[int, typer.Option("--most", min=1, max=1000, help="How many pairs at most.")] = 40,
    answers: Annotated[
        Path | None, typer.Option("--answers", exists=True, dir_okay=False, help="Read the keys from a file.")
    ] = None,
    picker: Annotated[str, typer.Option("--as", help="Who picks; kept as a pseudonym. You by default.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Compare old and new model yourself, blind, on your own prompts, where the gate is not sure which is better."""
    from selftune.app.cli.screen import print_json
    from selftune.app.picking import Picking
    from selftune.loop.project import open_project

    say = _to_stderr if json else typer.echo
    with open_project(project) as opened:
        picking = Picking(opened, picker=picker or getpass.getuser(), tell=_to_stderr)
        if picking.caveat is not None:
            _to_stderr(f"Picks alone will not promote it: {picking.caveat}")
        run_picking(picking, most, read_key=read_key if answers is None else keys_of(answers), say=say)
        tally = picking.tally()
    if json:
        print_json(tally)
    else:
        typer.echo("\n".join(told(tally)))


def run_picking(picking: Picking, most: int, *, read_key: Callable[[], str], say: Callable[[str], object]) -> None:
    """Show pair after pair until the picks settle it, the person leaves, or none is left."""
    for place, pair in enumerate(picking.pairs(most), start=1):
        if place == 1:
            say(f"Two answers to each of your prompts; which model gave which is not shown. Keys: {_HELP}")
        _show(picking, pair, f"--- {place} of at most {most} {_RULE}", say)
        side = _ask(read_key, say)
        if side is None:
            return
        picking.pick(pair, side)
        say(f"    {side}")


def _show(picking: Picking, pair: BlindPair, heading: str, say: Callable[[str], object]) -> None:
    say(f"\n{heading}")
    for speaker, text in picking.prompt_of(pair):
        say(f"{speaker}:\n{plain(text)}\n")
    for name, answer in zip(("LEFT", "RIGHT"), pair.sides, strict=True):
        say(f"{name}:\n{plain(answer) or '(no answer)'}\n")


def _ask(read_key: Callable[[], str], say: Callable[[str], object]) -> str | None:
    """The side that was taken; None when the person leaves."""
    say("Which is better?")
    while (key := read_key()) not in _KEYS:
        if key in _QUIT:
            return None
        say(_HELP)
    return _KEYS[key]


def keys_of(path: Path) -> Callable[[], str]:
    """The keys in a file, one after another, white space between them left out; empty at its end."""
    keys = iter("".join(path.read_text(encoding="utf-8").split()))
    return lambda: next(keys, "")


def told(tally: Tally) -> Iterator[str]:
    """What the picks came to, now that the last one is made; and what to do next."""
    from selftune.gate.picks.base import Choice

    found, counts = tally.bet, tally.picks.tally
    yield (
        f"\nThe new model's answer was picked {counts[Choice.CANDIDATE]} times, the old one's "
        f"{counts[Choice.CHAMPION]} times; {counts[Choice.TIE]} ties, {tally.skipped} skipped, "
        f"{tally.picks.identical} pairs alike and not shown."
    )
    if found.settled is Choice.CANDIDATE:
        odds = math.floor(found.capital_on_candidate)
        yield f"That is enough: a model that is no better gets so far in at most one of {odds} tries."
        yield "Next: selftune cycle"
    elif found.settled is Choice.CHAMPION:
        yield "That is enough: you prefer the old model, and it stays."
    elif tally.more is None:
        yield "It is close to even, and more picks are not likely to change that; the old model stays."
    else:
        yield f"It is open: {tally.more} at the rate so far. Go on with: selftune pick"


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
