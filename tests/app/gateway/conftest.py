"""Tests are no package: what those of the gateway share beside fixtures lies in this folder as plain modules."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
