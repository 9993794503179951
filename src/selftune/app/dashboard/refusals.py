"""What a person sees who goes no further: a page without a session, so it names nothing of the project."""

from __future__ import annotations

from html import escape
from typing import Final

from starlette.responses import HTMLResponse

_PAGE: Final = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
    '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">'
    '<link rel="stylesheet" href="/static/style.css"></head>\n'
    '<body class="alone"><main id="main"><h1>{title}</h1><p class="lead">{message}</p>{again}</main></body></html>\n'
)
_SIGN_IN: Final = 401


class Refusal(Exception):  # noqa: N818 - it is what is answered, and no fault of ours
    """Why a request goes no further, and what the person can do."""

    def __init__(self, status: int, title: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.title = title
        self.message = message


def is_ours(path: str) -> bool:
    """Whether a path stays here: one that begins with two slashes would name another host."""
    return path.startswith("/") and not path.startswith(("//", "/\\"))


def refusal_page(refusal: Refusal, path: str) -> HTMLResponse:
    """The answer to a request that was refused.

    A browser that comes from another site, such as a mail, sends no session with the first click; it does with the next
    one, on this page.
    """
    again = f'<p><a href="{escape(path)}">I came by a link on another page: open it here</a></p>'
    offered = refusal.status == _SIGN_IN and is_ours(path)
    words = {"title": escape(refusal.title), "message": escape(refusal.message), "again": again if offered else ""}
    return HTMLResponse(_PAGE.format(**words), status_code=refusal.status)
