"""The record itself."""

from gradcheck.records.record import Record


def render(record: Record) -> str:
    """Return a record as JSON."""
    return record.to_json()
