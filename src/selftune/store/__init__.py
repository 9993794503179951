"""Where records are kept: SQLite for the truth, a folder of blobs by digest, the ledger's mirror beside them.

It promises that a record and its ledger entry are committed together or not at all, that what was saved is found again
after a crash, and that damage is found when it is read. It does not promise to hide anything: whoever can read the
project folder can read the records.
"""

from selftune.store.blobs import BlobStore
from selftune.store.facts import Progress, Said, Span, Verdict
from selftune.store.lease import Lease
from selftune.store.listing import Listing
from selftune.store.steps import StepRow
from selftune.store.store import Store
from selftune.store.work import StepWork

__all__ = ["BlobStore", "Lease", "Listing", "Progress", "Said", "Span", "StepRow", "StepWork", "Store", "Verdict"]
