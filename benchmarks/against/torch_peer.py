"""torch.autograd.gradcheck, slow and fast, of a hand-written backward."""

from collections.abc import Callable

import torch

from gradcheck.networks.problem import Pair, Problem

SLOW, FAST = "torch gradcheck, slow", "torch gradcheck, fast"
NAMES = (SLOW, FAST)

torch.set_num_threads(1)

PHI = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softmax": lambda z: z,  # inside the loss
}


def loss_of(problem: Problem) -> Callable[..., torch.Tensor]:
    """Return the loss as a function of the tensors W1, b1, W2, ..., in torch's operations."""
    network = problem.network
    x, y = torch.tensor(problem.batch.x), torch.tensor(problem.batch.y)

    def loss(*tensors: torch.Tensor) -> torch.Tensor:
        a = x
        for layer, name in enumerate(network.activations):
            a = PHI[name](a @ tensors[2 * layer] + tensors[2 * layer + 1])
        if network.loss == "cross_entropy":
            losses = -(y * torch.log_softmax(a, dim=1)).sum(dim=1)
        else:
            losses = 0.5 * ((a - y) ** 2).sum(dim=1)
        total = losses.mean() if network.reduction == "mean" else losses.sum()
        return total + 0.5 * network.l2 * sum((w * w).sum() for w in tensors[::2])

    return loss


def tensors_of(problem: Problem) -> list[torch.Tensor]:
    """Return the parameters as torch's tensors."""
    return [torch.tensor(a, requires_grad=True) for pair in problem.params for a in pair]


def referee(problem: Problem) -> list[Pair]:
    """Return the gradient by torch's own differentiation."""
    tensors = tensors_of(problem)
    grads = torch.autograd.grad(loss_of(problem)(*tensors), tensors)
    arrays = [grad.numpy() for grad in grads]
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def checker(name: str, problem: Problem, claim: list[Pair]) -> Callable[[], bool]:
    """Return the check of a forward whose backward answers the claim."""
    loss = loss_of(problem)
    claims = [torch.tensor(array) for pair in claim for array in pair]

    class ByHand(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *tensors):  # type: ignore[no-untyped-def]
            return loss(*tensors)

        @staticmethod
        def backward(ctx, grad):  # type: ignore[no-untyped-def]
            return tuple(grad * claim for claim in claims)

    tensors = tuple(tensors_of(problem))
    return lambda: torch.autograd.gradcheck(
        ByHand.apply, tensors, fast_mode=name == FAST, raise_exception=False
    )
