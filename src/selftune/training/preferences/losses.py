"""The losses of pairs, as functions of log-probabilities in nats; one number for each pair.

Source:
    R. Rafailov et al., "Direct Preference Optimization", NeurIPS 2023, equation 7 (`dpo_losses`); J. Hong et al.,
    "ORPO: Monolithic Preference Optimization without Reference Model", EMNLP 2024, equations 3 to 7 (`odds_losses`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

_LOG_HALF: Final = -math.log(2)


def dpo_losses(
    chosen: torch.Tensor, rejected: torch.Tensor, reference: tuple[torch.Tensor, torch.Tensor], beta: float
) -> torch.Tensor:
    """-log sigmoid of beta times how much further the chosen answer has come than the rejected one, `[pairs]`.

    All are log-probabilities of whole answers, summed over their tokens.
    """
    from torch.nn import functional

    return -functional.logsigmoid(beta * ((chosen - reference[0]) - (rejected - reference[1])))


def odds_losses(chosen: torch.Tensor, rejected: torch.Tensor, beta: float) -> torch.Tensor:
    """-beta times the log sigmoid of the log odds ratio, `[pairs]`; the paper calls this beta lambda.

    Both are mean log-probabilities per token: the odds of an answer are those of its geometric mean.
    """
    from torch.nn import functional

    odds = (chosen - rejected) - (log_of_rest(chosen) - log_of_rest(rejected))
    return -beta * functional.logsigmoid(odds)


def log_of_rest(log_probability: torch.Tensor) -> torch.Tensor:
    """log(1 - p) from log p < 0, exact at both ends.

    Source: M. Mächler, "Accurately computing log(1 - exp(-|a|))", 2012, equation 7.
    """
    import torch

    near_nought = torch.log1p(-torch.exp(log_probability))
    near_one = torch.log(-torch.expm1(log_probability))
    return torch.where(log_probability < _LOG_HALF, near_nought, near_one)
