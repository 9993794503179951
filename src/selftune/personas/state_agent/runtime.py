"""What the runtime gives out where a model is asked item by item: the same refusals as in a dialogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.personas.state_agent.claims import govern
from selftune.scoring.state import parse_state

if TYPE_CHECKING:
    from selftune.records import SuiteItem

_IDENTITY: Final = "the state agent's runtime 1"


class StateRuntime:
    """Holds each answer to the state block of its item; one without a block is given out as it is."""

    identity = _IDENTITY

    def give_out(self, item: SuiteItem, asked: str, answer: str) -> str:
        """The answer, or the refusal that stands in its place where it claims what the state does not allow."""
        system = "\n".join(message.content for message in item.messages if message.role == "system")
        state = parse_state(system)
        return answer if state is None else govern(asked, answer, state).text
