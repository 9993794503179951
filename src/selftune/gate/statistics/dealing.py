"""Users whom chance dealt to two sides: what each of them tells of the difference, however unlike they are.

Answers to one user are alike, so that fifty of them are no fifty pieces of evidence. What is independent is the deal: a
user is on the candidate's side with the chance `share`, by a draw that knows nothing of them. So the bet is on users.
When so many answers of a user are known as a level asks for, their mean y (from `lowest` to 1, 1 is worse) tells

    d = (y - c) / share           on the candidate's side
    d = -(y - c) / (1 - share)    on the champion's

once and never again at this level. Over the deal the expectation of d is y on the candidate's side minus y on the
champion's, of this user, whatever c was before the user came; the mean of the users before them makes d steady. Nothing
is assumed of how users differ, of how many answers they ask for, or of the order in which they come, as long as none of
it hangs on the side that they were dealt to. Several levels (`LEVELS`) are watched, each at its part of alpha
(Bonferroni): few answers of many users, and many of few.

Sources: D. G. Horvitz and D. J. Thompson, "A generalization of sampling without replacement from a finite universe",
JASA 47 (1952), 663-685: the weights. J. M. Robins, A. Rotnitzky and L. P. Zhao, JASA 89 (1994), 846-866: the centre c.
D. W. Ham, I. Bojinov, M. Lindon and M. Tingley, "Design-based confidence sequences", arXiv:2210.08639 (2022), and
I. Waudby-Smith, L. Wu, A. Ramdas, N. Karampatziakis and P. Mineiro, "Anytime-valid off-policy inference for contextual
bandits", ACM/IMS J. Data Sci. 1 (2024): looked at one after the other, and bet on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from selftune.gate.statistics.watching import Payoff, Watch

LEVELS: Final = (1, 4, 16, 64)
"""After so many answers a user is bet on."""


@dataclass(frozen=True, kw_only=True)
class Dealt:
    """What the bets on users have become at one level.

    Attributes:
        share: The chance with which a user was dealt to the candidate, above 0 and below 1.
        watch: The bets.
        lowest: The best that an answer can be; 1 is the worst.
        sums: Of the users' means, the champion's and the candidate's.
        users: How many users these are.
    """

    share: float
    watch: Watch
    lowest: float = 0.0
    sums: tuple[float, float] = (0.0, 0.0)
    users: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"users can't be dealt by the chance {self.share}: it is above 0 and below 1")

    @property
    def centre(self) -> float:
        """The mean of the users so far, from whom the next one is expected to differ little; 0 before any."""
        return sum(self.sums) / (sum(self.users) + 1)

    @property
    def difference(self) -> float | None:
        """The candidate's users' mean minus the champion's; None while either has none."""
        if not all(self.users):
            return None
        return self.sums[True] / self.users[True] - self.sums[False] / self.users[False]

    def told_by(self, mean: float, *, candidate: bool) -> Payoff:
        """What a user of this mean tells of the difference.

        Raises:
            ValueError: the mean lies outside its limits.
        """
        if not self.lowest <= mean <= 1:
            raise ValueError(f"{mean} is no mean of outcomes between {self.lowest} and 1")
        centre, one, other = self.centre, self.share, 1 - self.share
        value = (mean - centre) / one if candidate else (centre - mean) / other
        return Payoff(
            value=value,
            least=-max((centre - self.lowest) / one, (1 - centre) / other),
            most=max((1 - centre) / one, (centre - self.lowest) / other),
        )

    def after(self, mean: float, *, candidate: bool) -> Dealt:
        """The same with one more user; errors as `told_by`."""
        sums, users = list(self.sums), list(self.users)
        sums[candidate] += mean
        users[candidate] += 1
        return replace(
            self,
            watch=self.watch.after(self.told_by(mean, candidate=candidate)),
            sums=(sums[0], sums[1]),
            users=(users[0], users[1]),
        )
