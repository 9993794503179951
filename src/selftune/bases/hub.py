"""Bases from the Hugging Face hub: only when the user says `--online`, and safetensors only."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

from selftune.bases.base import Found
from selftune.bases.facts import licence_of
from selftune.errors import MissingFileError

if TYPE_CHECKING:
    from pathlib import Path

_PATTERNS: Final = ("*.safetensors", "*.json", "*.jinja", "LICENSE*", "README.md")


class Hub:
    """Downloads `OWNER/NAME`."""

    def fetch(self, name: str, folder: Path) -> Found:
        """The newest revision of `OWNER/NAME`, its files in `folder`; the revision is in the source."""
        os.environ["HF_HUB_OFFLINE"] = "0"
        os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
        from huggingface_hub import HfApi, snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        try:
            revision = str(HfApi().model_info(name).sha)
            snapshot_download(name, revision=revision, local_dir=str(folder), allow_patterns=list(_PATTERNS))
        except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise MissingFileError(
                f"the hub gave no {name!r}: {reason}",
                next_step="Check the name and the connection, or name a local folder.",
            ) from error
        _forget_download_cache(folder)
        return Found(
            name=name, folder=folder, source=f"huggingface.co/{name} at {revision}", licence=licence_of(folder)
        )


def _forget_download_cache(folder: Path) -> None:
    shutil.rmtree(folder / ".cache", ignore_errors=True)
