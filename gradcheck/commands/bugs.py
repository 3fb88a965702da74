"""``gradcheck bugs [SLUG]``."""

import sys
from argparse import Namespace
from pathlib import Path

from gradcheck.commands import Parser, add_json, check_json, console, write_whole


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser("bugs", "[SLUG]")
    parser.add_argument(
        "slug", nargs="?", metavar="SLUG", help="Explain this one; list all unless given."
    )
    add_json(parser)
    return parser


def run(arguments: Namespace) -> int:
    """Show or write the catalogue, or one bug."""
    from gradcheck.networks.bugs import CATALOGUE, find
    from gradcheck.renderers import catalogue

    slug, json = arguments.slug, arguments.json
    check_json(json)
    chosen = [find(slug)] if slug else list(CATALOGUE.values())
    text = catalogue.to_json(chosen, worked_out=bool(slug))
    if json == "-":
        sys.stdout.write(text)
        return 0
    if json is not None:
        write_whole(Path(json), text)
    catalogue.show(chosen, console(json), in_full=bool(slug))
    return 0
