"""A fake Open WebUI: it serves a recorded list of ratings, and is no Open WebUI.

The shape of what it serves was written by hand after `backend/open_webui/models/feedbacks.py` and
`routers/evaluations.py` of Open WebUI; no running one was recorded, and none was asked.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "a fake administrator's key"
PATH = "/api/v1/evaluations/feedbacks/all/export"


class FakeOpenWebUI:
    """Ratings that a test gives it; `status` and `body` take the place of the answer where they are set."""

    def __init__(self) -> None:
        self.ratings = []
        self.asked = []
        self.status = 200
        self.body = None
        self.address = ""

    def rate(self, chat, message, rating, *, updated_at=1_763_830_000, **more):
        """A rating as it is exported, with the chat as it stood."""
        edited, data = more.pop("edited", None), {"rating": rating, "model_id": "champion", **more}
        node = {"id": message, "role": "assistant", "content": "It is 300 metres tall.", "model": "champion"}
        if edited is not None:
            node |= {"content": edited, "originalContent": node["content"]}
        self.ratings = [one for one in self.ratings if one["meta"]["message_id"] != message]
        self.ratings.append(
            {
                "id": f"rating of {message}",
                "user_id": "u-1",
                "version": 0,
                "type": "rating",
                "data": data,
                "meta": {"arena": False, "chat_id": chat, "message_id": message, "message_index": 1},
                "snapshot": {"chat": {"id": chat, "chat": {"history": {"messages": {message: node}}}}},
                "created_at": 1_763_830_000,
                "updated_at": updated_at,
            }
        )


@contextmanager
def fake_open_webui():
    """One that listens on this machine until the block ends."""
    fake = FakeOpenWebUI()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            fake.asked.append(self.path)
            allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            status = fake.status if allowed else 401
            body = json.dumps(fake.ratings).encode() if fake.body is None else fake.body
            self.send_response(status if self.path == PATH else 404)
            if status in {301, 302}:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    fake.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
