"""Workers that are forked off one that is ready, for tests to which their start is nothing.

A worker takes a fifth of a second of a processor to load Python and numpy, and an examination
starts three to nine. What is asked of it, and how it answers, is the same here; that it is
shut in is tested with workers as they are.
"""
