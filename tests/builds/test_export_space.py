"""Disk: an export streams from the base and the adapter into the file that it ends as, and needs no copy between."""

from __future__ import annotations

import pytest

from selftune.builds.base import Parts
from selftune.builds.forms import form_called
from selftune.records import ServingForm

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]


@pytest.mark.parametrize("quantisation", ["F16", "Q8_0", "Q4_K_M"])
def test_an_export_takes_at_no_time_a_tenth_more_disk_than_its_file(tiny, make_adapter, tmp_path, quantisation):
    base, held = tiny(), []
    parts = Parts(base_folder=base, adapter_folder=make_adapter(base), quantisation=quantisation)

    def look(_done: int, _total: int) -> None:
        held.append(sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()))

    (made,) = form_called(ServingForm.MERGED, look).make(parts, tmp_path).files
    assert len(held) > 10
    assert max(held) <= 1.1 * made.stat().st_size
    assert [file.name for file in tmp_path.iterdir()] == [made.name]
