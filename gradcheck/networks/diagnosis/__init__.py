"""From wrong numbers to a named bug.

Cheap and sure first: every catalogued bug is simulated on the same probes, and one
that explains all numbers, on problems it has not seen too, while every rival fails,
is the answer. Else the code's own deltas are recovered layer by layer, each rule is
judged alone with the code's own numbers around it, and each wrong one is matched
against the catalogue, or localised. Nothing is guessed: what fits no entry keeps its
site and layer and what it implies.
"""

from gradcheck.networks.diagnosis.result import BugAtPlace, Diagnosis, Implied
from gradcheck.networks.diagnosis.sequence import diagnose

__all__ = ["BugAtPlace", "Diagnosis", "Implied", "diagnose"]
