"""The command ``mill-plugin``, also ``python -m modelmill_sdk.tools``."""

import argparse
import sys
from typing import Protocol

from modelmill_sdk.errors import CustomerError, PluginError
from modelmill_sdk.tools import bench, check, new, run
from modelmill_sdk.tools.fencing import fenced_run


class Word(Protocol):
    """A word of the command: a module that declares its arguments and does its work."""

    def arguments_add(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def command_run(self, options: argparse.Namespace) -> int:
        """Do the work, and give the exit status."""


WORDS: dict[str, Word] = {"new": new, "run": run, "check": check, "bench": bench}


def main(words: list[str] | None = None) -> int:
    """Run one word of the command; the exit status is 1 for a plugin's fault, 2 for a misuse."""
    parser = argparse.ArgumentParser(prog="mill-plugin", description="Write a model plugin.")
    commands = parser.add_subparsers(dest="word", required=True)
    for name, word in WORDS.items():
        summary = _summary(word)
        word.arguments_add(commands.add_parser(name, help=summary, description=summary))
    words = sys.argv[1:] if words is None else words
    options = parser.parse_args(words)
    try:
        if getattr(options, "fenced", False):
            return fenced_run(
                words, plugin=options.plugin, data=options.data, is_silent=options.json
            )
        return WORDS[options.word].command_run(options)
    except (PluginError, CustomerError) as error:
        sys.stderr.write(f"mill-plugin: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def helps(*, width: int) -> dict[str, str]:
    """Give each word's help text, as wide as that."""

    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(prog, width=width)

    found = {}
    for name, word in WORDS.items():
        parser = argparse.ArgumentParser(
            prog=f"mill-plugin {name}", description=_summary(word), formatter_class=formatter
        )
        word.arguments_add(parser)
        found[name] = parser.format_help()
    return found


def _summary(word: Word) -> str:
    return (word.__doc__ or "").partition(": ")[2].strip()


if __name__ == "__main__":
    sys.exit(main())
