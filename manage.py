#!/usr/bin/env python
"""Django's command line for this installation."""

import os
import sys


def main() -> None:
    """Run the management command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelmill.settings")
    from django.core.management import execute_from_command_line
    from modelmill.core.environment import EnvironmentInvalid

    try:
        execute_from_command_line(sys.argv)
    except EnvironmentInvalid as invalid:
        # One sentence for whoever set it, and a status that the launcher knows it by.
        sys.stderr.write(f"{invalid}\n")
        sys.exit(os.EX_CONFIG)


if __name__ == "__main__":
    main()
