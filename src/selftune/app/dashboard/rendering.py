"""How a page is written: one environment in which everything is escaped, one frame around every page."""

from __future__ import annotations

import base64
import secrets
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from selftune.app.dashboard.cells import kinds_of, rows_of
from selftune.app.dashboard.security import FIELD, PAGE
from selftune.app.dashboard.sessions import form_token
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.html import page_within, with_code
from selftune.app.reporting.pages.plain import one_line, plain

if TYPE_CHECKING:
    from starlette.requests import Request

    from selftune.app.dashboard.entry import Entry
    from selftune.app.dashboard.flashes import Flashes
    from selftune.app.reporting.pages.parts import Drawing, Page

_TEMPLATES: Final = "selftune.app.dashboard"


def show(request: Request, template: str, *, http_status: int = 200, **values: Any) -> HTMLResponse:
    """A page by its template, which extends `base.html.jinja`.

    Args:
        request: Whose session the forms belong to.
        template: Its name without `.html.jinja`.
        http_status: What the answer says it is.
        values: What the template says; words of others stay plain text and are escaped there.
    """
    number = f"{PAGE}{secrets.token_hex(8)}"
    return HTMLResponse(render(request, template, number=number, **values), status_code=http_status)


def show_page(request: Request, page: Page, *, template: str = "report", **values: Any) -> HTMLResponse:
    """A page of the reports within the frame: the same parts, written by the same writer."""
    return show(request, template, title=page.title, body=body_of(page), **values)


def render(request: Request, template: str, *, number: str = "", **values: Any) -> str:
    """The text of a template, such as a piece that replaces another; its forms name the page by its number, if any."""
    session: str = request.scope.get("selftune.session", "")
    flashes: Flashes = request.app.state.flashes
    around = {
        "entries": _grouped(request.app.state.entries),
        "here": request.url.path,
        "project_name": request.app.state.desk.folder.name,
        "form_field": FIELD,
        "form_token": form_token(session) + number if session else "",
        "take_flashes": lambda: flashes.take(session),
    }
    return _environment().get_template(f"{template}.html.jinja").render(**around, **values)


def body_of(page: Page) -> Markup:
    """A page of the reports as a piece of HTML; its writer has escaped every word."""
    return Markup(page_within(page, as_picture))  # noqa: S704 - text that the reports' one writer escaped


def as_picture(drawing: Drawing) -> str:
    """A drawing as a picture of its own: it brings its style, and nothing in it could run."""
    data = base64.b64encode(drawing.svg.encode()).decode("ascii")
    return f'<img class="drawing" alt="{escape(one_line(drawing.alt))}" src="data:image/svg+xml;base64,{data}">'


def _grouped(entries: tuple[Entry, ...]) -> list[tuple[str, list[Entry]]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(entry)
    return list(groups.items())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_load),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    environment.filters |= {
        "one_line": one_line,
        "share": figures.share,
        "number": figures.number,
        "seconds": figures.seconds,
        "size": figures.size,
        "dollars": figures.dollars,
        "counted": figures.counted,
        "with_code": lambda text: Markup(with_code(text)),  # noqa: S704 - escaped there
        "picture": lambda drawing: Markup(as_picture(drawing)),  # noqa: S704 - escaped there
    }
    environment.globals |= {"kinds_of": kinds_of, "rows_of": rows_of}
    return environment


def _clean(value: Any) -> Any:
    """Words without what steers or hides; nothing where there is nothing."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else plain(value) if isinstance(value, str) else value


def _load(name: str) -> str:
    return (files(_TEMPLATES) / "templates" / name).read_text(encoding="utf-8")
