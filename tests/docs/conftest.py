"""Makes the runner of pages known to the tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
# Where somebody sits at a terminal.
sys.path.insert(0, str(Path(__file__).parents[1] / "app"))
