"""Which reading of foreign code holds, and what the code computes.

A generator asks each reading a few small problems and holds its outputs and its loss
against the reference forward of every definition. No derivative is looked at, but where
the code has no loss: then that is inferred from its gradient, and said.
"""
