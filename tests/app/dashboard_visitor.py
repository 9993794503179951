"""Somebody who came in by the link, in process: for every test of the dashboard's pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from starlette.testclient import TestClient

from selftune.app.dashboard.server import make_app
from selftune.app.dashboard.sessions import form_token

PORT = 8378
HERE = f"http://127.0.0.1:{PORT}"


class Visitor(TestClient):
    """A browser with a session; `sends` posts a form as a page of ours does."""

    def __init__(self, folder, *, enters=True, **settings):
        self.made = make_app(folder, port=PORT, hours=1, **settings)
        super().__init__(self.made, base_url=HERE, follow_redirects=False, raise_server_exceptions=False)
        if enters:
            answer = self.get("/enter", params={"link": self.made.state.sessions.new_link()})
            assert answer.status_code == 200, answer.text

    @property
    def session(self):
        return self.cookies[f"selftune_session_{PORT}"]

    @property
    def token(self):
        return form_token(self.session)

    def sends(self, path, headers=None, **fields):
        return self.post(path, data=fields | {"form_token": self.token}, headers={"Origin": HERE} | (headers or {}))


class Markup(HTMLParser):
    """What a page is made of: its tags with the names of their attributes, its words, and what is wrong with it."""

    FORBIDDEN = ("object", "embed", "iframe", "base", "style", "template", "svg", "math", "video", "audio")

    def __init__(self, text):
        super().__init__()
        self.tags, self.said, self.faults = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.tags.append((tag, tuple(sorted(known))))
        if tag in self.FORBIDDEN:
            self.faults.append(f"<{tag}>")
        if tag == "script" and not re.fullmatch(r"/static/[a-z-]+\.js", known.get("src") or ""):
            self.faults.append("a script of its own")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.faults.append(f"{tag} {name}")
            # What leads elsewhere, or to a program.
            if name in {"href", "src", "action", "formaction", "hx-get", "hx-post"} and not _is_ours(value or ""):
                self.faults.append(f"{tag} {name}={value}")

    def handle_data(self, data):
        self.said.append(data)

    @property
    def words(self):
        return "".join(self.said)


def _is_ours(address):
    inner = re.match(r"/(?![/\\])|#|$|\?", address) is not None
    return inner or address.startswith("data:image/svg+xml;base64,")
