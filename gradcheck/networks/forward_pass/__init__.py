"""Evaluation of a network: the only mathematics a verdict rests on.

Everything here works on real and complex numbers, and on stacks: any array may
carry leading axes, so that one call evaluates many points.
"""

from gradcheck.networks.forward_pass.evaluation import (
    Activate,
    Evaluation,
    activate,
    evaluate,
    resume,
)
from gradcheck.networks.forward_pass.objective import (
    batch_loss,
    loss_at,
    loss_of,
    output_terms,
    penalty,
    reduce,
    sample_losses,
    separable,
    until_loss,
)

__all__ = [
    "Activate",
    "Evaluation",
    "activate",
    "batch_loss",
    "evaluate",
    "loss_at",
    "loss_of",
    "output_terms",
    "penalty",
    "reduce",
    "resume",
    "sample_losses",
    "separable",
    "until_loss",
]
