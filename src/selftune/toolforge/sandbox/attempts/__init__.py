"""Attempts to break out of the box, as data: what is tried, and what would count as having got out.

Every one of them fails in a box that holds, and each is a test. A control runs the same program where nothing holds
it, so that no attempt fails because it is badly written. `doctor` runs the short ones.
"""

from selftune.toolforge.sandbox.attempts.base import Attempt, Control, Facts, got_out, program_of
from selftune.toolforge.sandbox.attempts.files import FILES
from selftune.toolforge.sandbox.attempts.kernel import KERNEL
from selftune.toolforge.sandbox.attempts.network import NETWORK
from selftune.toolforge.sandbox.attempts.processes import PROCESSES
from selftune.toolforge.sandbox.attempts.python import PYTHON
from selftune.toolforge.sandbox.attempts.secrets import SECRETS
from selftune.toolforge.sandbox.attempts.usage import USAGE

ATTEMPTS = (*FILES, *NETWORK, *PROCESSES, *USAGE, *SECRETS, *KERNEL, *PYTHON)

__all__ = ["ATTEMPTS", "Attempt", "Control", "Facts", "got_out", "program_of"]
