"""What a form does: read its fields, act as the command does, and go on to a page that says what was done.

An action is a POST; the guard has seen its session, its origin and its token. It ends with a redirect, so that loading
a page again repeats nothing. What a person can put right is raised as in a command, and becomes a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request
from starlette.responses import RedirectResponse

from selftune.errors import UsageError

if TYPE_CHECKING:
    from selftune.app.dashboard.flashes import Flashes


class Fields:
    """What a person typed and chose."""

    def __init__(self, found: dict[str, list[str]]) -> None:
        self._found = found

    def text(self, name: str) -> str:
        """What stands in a field, with line ends as here; empty where it is not there."""
        return self._found.get(name, [""])[-1].replace("\r\n", "\n").strip()

    def needed(self, name: str, what: str) -> str:
        """The same of a field that may not be empty; `what` is what it is called on the page.

        Raises:
            UsageError: nothing stands there.
        """
        text = self.text(name)
        if not text:
            raise UsageError(f"{what} is missing.", next_step="Go back, fill it in, and send the form again.")
        return text

    def has(self, name: str) -> bool:
        """Whether the form had this field, empty or not."""
        return name in self._found

    def many(self, name: str) -> tuple[str, ...]:
        """All that was chosen under one name."""
        return tuple(self._found.get(name, []))


async def read_fields(request: Request) -> Fields:
    """The fields of the form that was sent."""
    body = (await request.body()).decode("ascii", "replace")
    return Fields(parse_qs(body, keep_blank_values=True, encoding="utf-8", errors="replace"))


Form = Annotated[Fields, Depends(read_fields)]
"""What an action takes: the form is read before the action runs in its thread."""


def done(request: Request, to: str, *lines: str) -> RedirectResponse:
    """On to the page at this path, which says these lines once.

    Args:
        request: Whose session is told.
        to: A path of ours, never one that came with the request.
        lines: What was done, in sentences.
    """
    flashes: Flashes = request.app.state.flashes
    flashes.put(request.scope.get("selftune.session", ""), *lines)
    return RedirectResponse(to, status_code=303)
