"""How large a problem may be: looked at before anything of its size is made."""

from gradcheck.contract.posed import PosedNetwork
from gradcheck.errors import UsageError

#: Numbers that the parameters and the batch of one problem may hold: what a frame to a worker
#: takes (:data:`gradcheck.execution.wire.MAX_BODY`), less its heads.
MAX_NUMBERS = 12_500_000

#: Numbers that stand in memory for each unit and sample, beside one for each parameter.
PER_UNIT = 4

#: Numbers that all problems of an examination may hold together: 2 GB.
MAX_TOGETHER = 250_000_000


#: Numbers from which on no more problems are compared than are needed to tell: 800 MB.
MANY_TOGETHER = 100_000_000

#: Numbers that the problems of one relation between answers may hold together.
MAX_RELATED = 25_000_000


def parameters(network: PosedNetwork) -> int:
    """Return how many parameters a network has; nothing is made of that size."""
    return sum((n_in + 1) * n_out for n_in, n_out in network.shapes)


def numbers(network: PosedNetwork, samples: int) -> int:
    """Return how many numbers a problem takes.

    Parameters
    ----------
    network : PosedNetwork
    samples : int
        N.

    Returns
    -------
    count : int
        Of its parameters and its units for all samples.
    """
    return parameters(network) + PER_UNIT * samples * sum(network.widths)


def check_size(network: PosedNetwork, samples: int = 1) -> None:
    """Refuse a problem that is too large.

    Parameters
    ----------
    network : PosedNetwork
    samples : int
        N.

    Raises
    ------
    UsageError
        When it takes more than :data:`MAX_NUMBERS`.
    """
    if numbers(network, samples) <= MAX_NUMBERS:
        return
    text = str(network)
    shown = text if len(text) <= 100 else f"{text[:100]}…"
    if parameters(network) + PER_UNIT * sum(network.widths) > MAX_NUMBERS:
        raise UsageError(
            f"the network {shown} has {parameters(network):,} parameters, and at most "
            f"{MAX_NUMBERS:,} are asked for; let it be asked with smaller layers of the same kind"
        )
    most = (MAX_NUMBERS - parameters(network)) // (PER_UNIT * sum(network.widths))
    raise UsageError(
        f"a batch of {samples:,} samples is too large for the network {shown}: at most "
        f"{most:,} are asked for; declare a smaller batch size"
    )
