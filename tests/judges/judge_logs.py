"""Interactions for a judge to look at."""

from __future__ import annotations

from selftune.records import Interaction, Message, Trigger


def log(count: int) -> list[Interaction]:
    """So many conversations of one question and one answer each."""
    return [
        Interaction(
            salt=f"s{number}",
            conversation="c",
            task_id="t",
            trigger=Trigger.USER,
            source="test",
            position=str(number),
            messages=(
                Message(role="user", content=f"Question {number}?"),
                Message(role="assistant", content="An answer."),
            ),
        )
        for number in range(count)
    ]
