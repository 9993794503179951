"""What tests look at in a real browser: pages as they are drawn, and pictures held against each other.

Nothing is held against how letters look: that differs from machine to machine. Pictures of one session are compared dot
by dot, and those of the docs by how light they are, in fields as large as a paragraph.
"""

from __future__ import annotations

import base64
import os
import struct
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

HEIGHTS = {1200: 900, 390: 844}
LEAST_BYTES, MOST_BYTES = 6_000, 200_000
"""A picture of nothing but a background is smaller than the first; the docs carry none larger than the second."""
HEAVY = {"serious", "critical"}
ALL_RULES = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
}
NARROW_AND_DARK = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast", "target-size"]},
}
"""What may differ from a wide window and light colours."""
LOOKED_AT = {"exclude": [["tbody tr:nth-child(n+12)"], ["article:nth-of-type(n+4)"], ["#capture ~ section[id]"]]}
"""Further rows, articles and sections of settings are made like the first: to look at hundreds takes half a minute."""
DOCS = Path(__file__).parents[3] / "docs" / "pictures"
FIELDS = (24, 18)
NOBODY_ELSE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""What a browser is started with, so that nothing that a page may ask of others gets there."""

_AXE = """async ([where, how]) => (await axe.run(where, how)).violations.map(
  (one) => [one.id, one.impact, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))])"""

_BOXES = """() => [...document.querySelectorAll("main *, header *, nav *")].slice(0, 600).map((one) => {
  const box = one.getBoundingClientRect();
  return [one.tagName, ...[box.x, box.y, box.width, box.height].map(Math.round)].join(" "); }).join("\\n")"""

_OVERLAPS = """() => {
  const pressed = ":is(a, button, input, select, textarea, summary)";
  const seen = [...document.querySelectorAll(`main ${pressed}, header ${pressed}`)]
    .filter((one) => one.checkVisibility() && one.type !== "hidden").slice(0, 80)
    .map((one) => [one, [...one.getClientRects()]]);
  const meet = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1
    && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 1;
  return seen.flatMap(([one, boxes], at) => seen.slice(at + 1)
    .filter(([other, others]) => !one.contains(other) && boxes.some((box) => others.some((their) => meet(box, their))))
    .map(([other]) => `${one.outerHTML.slice(0, 120)} and ${other.outerHTML.slice(0, 120)}`));
}"""

_PICTURES = """<script>
async function dots(data, width, height) {
  const image = new Image();
  image.src = "data:image/png;base64," + data;
  await image.decode();
  const canvas = new OffscreenCanvas(width || image.width, height || image.height), pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}
async function differ([one, other, height]) {
  const [first, second] = [(await dots(one)), (await dots(other))], end = (height || first.height) * first.width * 4;
  let count = 0;
  for (let at = 0; at < end; at += 4)
    if ([0, 1, 2].some((of) => Math.abs(first.data[at + of] - second.data[at + of]) > 16)) count += 1;
  return count / (end / 4);
}
async function fields([one, width, height]) {
  const data = (await dots(one, width, height)).data;
  return Array.from({length: width * height}, (_, at) => (data[4 * at] + data[4 * at + 1] + data[4 * at + 2]) / 765);
}
</script>"""


class Looking:
    """One browser that came in by the link, with JavaScript and without; whatever a page asks elsewhere is a fault."""

    def __init__(self, running, here, state):
        self.faults = []
        self._here, self._contexts = here, {}
        for javascript in (True, False):
            context = running.new_context(
                viewport={"width": 1200, "height": HEIGHTS[1200]}, storage_state=state, base_url=here,
                java_script_enabled=javascript,
            )  # fmt: skip
            context.on("request", self._hear)
            context.set_default_timeout(60_000)  # a machine may be busy
            self._contexts[javascript] = context
        self._pictures = running.new_page()
        self._pictures.set_content(_PICTURES)

    def _hear(self, request):
        asked = urlsplit(request.url)
        if asked.scheme != "data" and asked.netloc != urlsplit(self._here).netloc:
            self.faults.append(f"asked for {request.url}")

    def open(self, path, *, javascript=True):
        """A page of the dashboard, which answers; what it complains of is a fault."""
        page = self._contexts[javascript].new_page()
        page.on("console", lambda said: self.faults.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(f"page: {error}"))
        answer = page.goto(path, wait_until="load")
        assert answer is not None
        assert answer.status == 200, path
        return page

    def close_pages(self):
        for context in self._contexts.values():
            for page in context.pages:
                with suppress(Exception):
                    page.close()

    def differ(self, one, other, *, height=None):
        """The share of dots that are not alike in two pictures, or in their upper part."""
        return self._pictures.evaluate("differ", [_text(one), _text(other), height])

    def fields(self, one):
        """How light a picture is, 0 to 1, in each field of a coarse grid."""
        return self._pictures.evaluate("fields", [_text(one), *FIELDS])

    def apart(self, one, other):
        """How far two light pictures are apart: 0 for the same, 1 where nothing is at the same place.

        Letters of another kind move it by less than 0.1 on most pages, another page by more than 0.3.
        """
        pairs = list(zip(self.fields(one), self.fields(other), strict=True))
        return sum(abs(first - second) for first, second in pairs) / sum(2 - first - second for first, second in pairs)

    def stands_in_docs(self, page, name):
        """Write the docs' picture where that is wished; else say how far the page is apart from it."""
        wanted = os.environ.get("SELFTUNE_PICTURES")
        fresh = picture(page)
        if wanted:
            Path(wanted).mkdir(parents=True, exist_ok=True)
            (Path(wanted) / f"dashboard_{name}.png").write_bytes(fresh)
            return 0.0
        return self.apart((DOCS / f"dashboard_{name}.png").read_bytes(), fresh)


def picture(page):
    """A picture of what is seen; of the window's size, and not of nothing."""
    data = page.screenshot()
    assert LEAST_BYTES < len(data) < MOST_BYTES
    window = page.viewport_size
    assert struct.unpack(">II", data[16:24]) == (window["width"], window["height"])
    return data


def begin_axe(page):
    """Bring axe to a page, once."""
    from axe_playwright_python.base import AXE_SCRIPT

    page.evaluate(AXE_SCRIPT)


def heavy_faults(page, rules):
    """What axe finds serious or critical, with the beginning of what it is found at."""
    return {name: found for name, impact, found in page.evaluate(_AXE, [LOOKED_AT, rules]) if impact in HEAVY}


def boxes(page):
    """Where everything that is seen lies."""
    return page.evaluate(_BOXES)


def overlaps(page):
    """What one can press or type in and that lies above another such thing."""
    return page.evaluate(_OVERLAPS)


def _text(data):
    return base64.b64encode(data).decode("ascii")
