"""What the gradient of a dense network is, how far off that may be, and who says so.

Two witnesses that share no arithmetic look at the same forward:

- :mod:`~gradcheck.networks.fast_estimate.complex_step`: the estimate and its error bar;
- :mod:`~gradcheck.networks.fast_estimate.witness`: real differences of the forward on a
  ladder of steps along random directions; they must agree within their own bars.

:mod:`~gradcheck.networks.fast_estimate.kinks` says where the derivative is an interval,
:mod:`~gradcheck.networks.fast_estimate.rounding` what honest code loses to its own arithmetic.
:mod:`~gradcheck.networks.fast_estimate.truth` puts them together for one problem. No
derivative written by hand is used anywhere in this package.
"""

from gradcheck.networks.fast_estimate.truth import Truth, Truths

__all__ = ["Truth", "Truths"]
