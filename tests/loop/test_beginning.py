"""What goes into the ledger before a training begins."""

from __future__ import annotations

from types import SimpleNamespace

from selftune.loop.lessons.beginning import facts_of_beginning
from selftune.records import Dataset, DatasetKind, Example, Message
from selftune.training.config import load_recipe


def test_golden_new_and_needed_are_counted_and_nobodys_words_stand_in_it():
    messages = (Message(role="user", content="Zo\u00eb?"), Message(role="assistant", content="Yes."))
    lessons = [
        Example(salt="s", interaction_id=f"interaction:{n}", judgement_id=None, messages=messages) for n in (1, 1, 2, 3)
    ]
    dataset = Dataset(
        kind=DatasetKind.SFT, train=tuple(lessons[:3]), holdout=(), rejects=(), mixture=(), watermark=1,
        config_digest="c", card="", disliked=(lessons[3],),
    )  # fmt: skip
    plan = SimpleNamespace(learnt_before=frozenset({"interaction:1"}), curation=SimpleNamespace(trigger=2))
    recipe = load_recipe("reference_sft")
    found = facts_of_beginning(plan, dataset, recipe)
    assert (found["golden"], found["new"], found["threshold"]) == ("3", "2", "2")
    assert found["trigger"] == "2 new golden interactions, 2 needed"
    assert (found["dataset"], found["content"], found["recipe"]) == (
        dataset.id, dataset.content_digest, recipe.digest,
    )  # fmt: skip
    assert "Zo\u00eb" not in "".join(found.values())
