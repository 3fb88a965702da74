"""Running code under test, and nothing but running it."""
