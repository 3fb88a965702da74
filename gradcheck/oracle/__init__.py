"""The oracle: derivatives with error bars, of anything that can be evaluated.

A complex step where the function takes complex numbers, real differences on a ladder of
steps where it does not, along directions that are drawn at random. What is known of dense
networks, and makes it fast and sharp there, is in
:mod:`gradcheck.networks.fast_estimate`.
"""

from gradcheck.oracle.estimate import Estimate

__all__ = ["Estimate"]
