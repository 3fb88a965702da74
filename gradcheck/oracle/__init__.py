"""The oracle: what the gradient is, how far off that may be, and who says so.

Two witnesses that share no arithmetic look at the same forward:

- :mod:`~gradcheck.oracle.complex_step` gives the estimate and its error bar;
- :mod:`~gradcheck.oracle.witness` differences the real forward on a ladder of
  steps along random directions, and must agree within its own bars.

:mod:`~gradcheck.oracle.kinks` says where the derivative is an interval, and
:mod:`~gradcheck.oracle.rounding` what honest code loses to its own arithmetic.
:mod:`~gradcheck.oracle.truth` puts them together for one problem. No derivative
written by hand is used anywhere in this package.
"""

from gradcheck.oracle.estimate import Estimate
from gradcheck.oracle.truth import BiasesToo, Truth, Truths

__all__ = ["BiasesToo", "Estimate", "Truth", "Truths"]
