"""What tests of the forge share."""

from __future__ import annotations

import sys
from pathlib import Path

# Tests are no package: what they share beside fixtures lies in this folder as plain modules.
sys.path.insert(0, str(Path(__file__).parent))
