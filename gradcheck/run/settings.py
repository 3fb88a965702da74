"""The numbers of a run, refused before anything is run where they cannot be used."""

from gradcheck.errors import UsageError

#: Problems compared unless told otherwise.
EXAMPLES = 200

#: With fewer problems compared, nothing is called correct.
ENOUGH = 20


def check_numbers(examples: int = EXAMPLES, seed: int = 0) -> None:
    """Refuse numbers that cannot be used.

    Raises
    ------
    UsageError
        For fewer problems than an answer takes, and for a negative seed.
    """
    if examples < ENOUGH:
        raise UsageError(
            f"examples must be {ENOUGH} or more: nothing is called correct on fewer problems; "
            f"got {examples}"
        )
    if seed < 0:
        raise UsageError(f"the seed must not be negative; got {seed}")
