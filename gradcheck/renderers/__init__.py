"""From a record to something for people. A renderer reads a record and nothing else.

A format is a module whose ``render(record)`` returns its text, and a row in :data:`FORMATS`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A format that is written to files; its module is loaded when it is asked for.

    Attributes
    ----------
    module : str
    option : str
        What the option of ``gradcheck check`` does; there is none where this is empty.
    report : str
        The file that ``gradcheck report`` writes; none where this is empty.
    early : bool
        The module has ``unfinished()``, a text that stands if the run never ends.
    """

    module: str
    option: str = ""
    report: str = ""
    early: bool = False


#: By the name of the option.
FORMATS = {
    "html": Format("gradcheck.renderers.html", "Write a page to look at.", "report.html"),
    "csv": Format("gradcheck.renderers.csv", "Write a table, a line a submission."),
    "gradescope": Format(
        "gradcheck.renderers.gradescope", "Write Gradescope's results.json.", early=True
    ),
    "markdown": Format("gradcheck.renderers.markdown", report="report.md"),
    "json": Format("gradcheck.records.record", report="report.json"),
}
