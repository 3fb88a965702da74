"""From a submission to its record."""
