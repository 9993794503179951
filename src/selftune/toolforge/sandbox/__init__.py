"""Where programs run that nobody has read: a box with no network, nothing to write on, and an end.

It promises that a program gets no further than what `posture.py` saw the box to be, and that its memory, time and
output are bounded. It does not promise to withstand a fault of the kernel, which bubblewrap shares with the host, nor
to hide how fast this machine is. Where no box holds there is none: it is never silently weaker.
"""

from selftune.toolforge.sandbox.base import EndedBy, Limits, Ran, Sandbox
from selftune.toolforge.sandbox.finding import find_sandbox

__all__ = ["EndedBy", "Limits", "Ran", "Sandbox", "find_sandbox"]
