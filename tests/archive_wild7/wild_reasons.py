"""What speaks against a deployment of the archive's model, by the names that `selftune readiness` has for it."""

from __future__ import annotations

from wild_story import MODEL, Fault

from selftune.app.readiness import look_at_readiness

UNSIGNED = frozenset({"no_bundle", "signature_missing"})
"""What is said of an honest archive that nobody has signed yet."""


def reasons(project, *, examiner=""):
    """Each reason that is named, once; whose manner the answers took on is told apart from other collapse.

    Args:
        project: Which holds the archive.
        examiner: The programme with what the auditor wrote; without it nobody asks for manner.
    """
    found = look_at_readiness(project, MODEL, examiner=examiner).findings
    return {Fault.MANNER.value if one.told.startswith("manner of the auditor") else one.reason.value for one in found}
