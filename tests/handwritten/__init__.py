"""Whole files as people write them: ten right ones, and a hundred with one mistake each."""
