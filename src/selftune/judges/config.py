"""What can be set about judging."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selftune.judges.purse import FREE, Prices
from selftune.records import digest_of

if TYPE_CHECKING:
    from selftune.judges.base import Outlet
    from selftune.records import Codex


@dataclass(frozen=True, kw_only=True)
class Member:
    """One judge of a panel; what is not said here it has from the panel."""

    name: str = "oracle"
    endpoint: str | None = None
    model: str | None = None
    api_key_env: str | None = None
    prices: Prices = FREE


@dataclass(frozen=True, kw_only=True)
class Judging:
    """Which judge, by which rubric, and how a judge behind an endpoint is asked and paid.

    Attributes:
        name: A registered judge: `checks` (code), `oracle` (a model behind an OpenAI-compatible endpoint), `panel`
            (several of them) ...
        rubric: Name of a shipped rubric, or the path of a TOML file.
        rubric_digest: What the rubric held when the cycle was planned: a rubric that was edited is another step.
        codex: What the rubric quotes; None for the shipped one. Whatever of it matters is in `rubric_digest`.
        endpoint: Base URL of the endpoint, such as `http://127.0.0.1:11434/v1`.
        model: The model's name at the endpoint.
        api_key_env: Name of the environment variable that holds the key; the key itself stands in no file.
        egress: Hosts beyond this machine that may be sent words whose consent includes `send`.
        outlet: Looks at words before they are sent to such a host; None for no other look than at their consent.
        max_attempts: Calls for one verdict; of replies that can't be used it takes two at most. Then it is unscored.
        max_tokens: Most tokens of one verdict.
        timeout_seconds: For one try.
        retry_wait_seconds: Before the second try; doubled before each later one.
        at_once: Most verdicts asked for at a time; fewer while the server has too much to do.
        prices: What the endpoint's tokens cost.
        budget_usd: What the judging step may spend at most, tries that were cut off included; None for no limit.
        members: Who sits on a panel.
        quorum: How many members must have scored for a panel's verdict to count.
        disagreement: From which gap on a panel's verdict is marked, as a share of the scale.
        required: Whether a log of which nothing can be scored stops the cycle; pairs of answers need no judge.
        spoiled_copies_from: Overall from which on a judge that is a model is also shown a spoiled copy; None for never.
    """

    name: str = "checks"
    rubric: str = "state_obedience"
    rubric_digest: str | None = None
    codex: Codex | None = None
    endpoint: str | None = None
    model: str | None = None
    api_key_env: str | None = None
    egress: tuple[str, ...] = ()
    outlet: Outlet | None = None
    max_attempts: int = 3
    max_tokens: int = 4096
    timeout_seconds: float = 120.0
    retry_wait_seconds: float = 1.0
    at_once: int = 8
    prices: Prices = FREE
    budget_usd: float | None = None
    members: tuple[Member, ...] = ()
    quorum: int = 2
    disagreement: float = 0.25
    required: bool = True
    spoiled_copies_from: float | None = None

    @property
    def prices_of_a_verdict(self) -> tuple[Prices, ...]:
        """What the tokens of each call cost that makes one verdict."""
        if self.members:
            return tuple(member.prices for member in self.members if member.endpoint or self.endpoint)
        return (self.prices, self.prices) if self.name == "pairwise" else (self.prices,)

    @property
    def identity(self) -> str:
        """Names a step by what can change a verdict: prices, a budget and the number of calls at a time can't.

        Nor can a codex beyond what the rubric quotes of it, which is in the rubric's digest.
        """
        unpaid = tuple(replace(member, prices=FREE) for member in self.members)
        return digest_of(
            ["judging", replace(self, members=unpaid, prices=FREE, budget_usd=None, at_once=1, codex=None)]
        )
