"""Curves for trackio: a labelled fake of its documented calls, and nothing that leaves the machine."""

from __future__ import annotations

import pytest

from selftune.app.tracking import track
from selftune.errors import UsageError
from selftune.records import CurvePoint, Run, RunStatus

RUN = Run(
    recipe="r", recipe_digest="sha256:0", dataset_id="dataset:0", base_digest="sha256:b", stage_history=("sft",),
    objective="sft", backend="fake", status=RunStatus.FINISHED, seed=5, steps=2, planned_steps=2, passes=1.0,
    examples=4, supervised_tokens=8, settings=(("lora_rank", "16"),),
    curve=tuple(CurvePoint(step=n, loss=1.0 / n, learning_rate=1e-3, grad_norm=None) for n in (1, 2)),
)  # fmt: skip


class FakeTrackio:
    """Stands for trackio 0.26 and later: `init`, `log` with a step, `finish`."""

    def __init__(self) -> None:
        self.calls = []

    def init(self, project, *, name, config, embed, auto_log_gpu):
        self.calls.append(("init", project, name, config, embed, auto_log_gpu))

    def log(self, metrics, step):
        self.calls.append(("log", metrics, step))

    def finish(self):
        self.calls.append(("finish",))


def test_each_step_is_logged_under_its_number_and_what_was_not_measured_is_left_out():
    fake = FakeTrackio()
    assert track(RUN, "night", fake, environment={}) == 2
    kind, project, name, config, embed, gpu = fake.calls[0]
    assert (kind, project, name, embed, gpu) == ("init", "night", RUN.id.replace(":", "-")[:16], False, False)
    assert config == {"lora_rank": "16", "recipe": "r", "status": "finished", "seed": 5}
    assert fake.calls[1:] == [
        ("log", {"loss": 1.0, "learning_rate": 1e-3}, 1),
        ("log", {"loss": 0.5, "learning_rate": 1e-3}, 2),
        ("finish",),
    ]


@pytest.mark.parametrize("name", ["TRACKIO_SPACE_ID", "TRACKIO_WEBHOOK_URL"])
def test_a_tracker_that_would_send_it_elsewhere_is_told_nothing(name):
    fake = FakeTrackio()
    with pytest.raises(UsageError, match=name):
        track(RUN, "night", fake, environment={name: "somewhere"})
    assert fake.calls == []
