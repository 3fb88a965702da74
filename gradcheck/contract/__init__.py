"""What is asked of code and answered: all of gradcheck that a worker needs to see."""

#: Of gradcheck, in one place.
__version__ = "0.1.0"
