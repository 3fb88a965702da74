"""Faults of arithmetic, named from what calibration saw."""

from gradcheck.comparison.compare import Arithmetic
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name

_FAULTS = {
    "float16_arithmetic": (
        "gradient_in_float16",
        "The gradients carry no more digits than float16 has.",
        "Compute in float64, or at least in float32.",
    ),
    "rounded_to_decimals": (
        "gradient_rounded",
        "The gradients are rounded to decimals.",
        "Return them unrounded; round only when printing.",
    ),
    "low_precision_arithmetic": (
        "",
        "The error of the gradient jumps from point to point, as with too few digits.",
        "Compute in float64, or at least in float32, and round nothing on the way.",
    ),
}


def of_arithmetic(arithmetic: Arithmetic) -> list[Diagnosis]:
    """Return the diagnosis of a fault of arithmetic, if there is one."""
    if not arithmetic.fault:
        return []
    bug, explanation, fix = _FAULTS[arithmetic.fault]
    name = Name(bug, "numerics", None)
    return [Diagnosis(name, "named" if bug else "localised", explanation, fix)]
