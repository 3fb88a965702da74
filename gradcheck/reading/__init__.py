"""How foreign interfaces are plugged in: each is read as an implementation of the contract.

This package runs beside the code under test, in its process; it knows nothing of truth, oracle
or verdict. Which of several readings holds is inferred from outside, by what the code computes
(:mod:`gradcheck.networks.inference`).
"""
