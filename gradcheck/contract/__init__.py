"""What is asked of code and answered: all of gradcheck that a worker needs to see."""
