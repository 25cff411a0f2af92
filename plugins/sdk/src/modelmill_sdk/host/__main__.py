"""Run a plugin host: ``python -m modelmill_sdk.host --read-fd N --write-fd M``."""

import argparse
import faulthandler
import os

from modelmill_sdk.host.control import Control
from modelmill_sdk.host.serving import serve


def main() -> None:
    """Serve the platform on two inherited pipes, until it closes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read-fd", type=int, required=True)
    parser.add_argument("--write-fd", type=int, required=True)
    options = parser.parse_args()
    # A process that a plugin starts must not hold the pipes open, nor speak on them.
    os.set_inheritable(options.read_fd, False)
    os.set_inheritable(options.write_fd, False)
    faulthandler.enable()
    control = Control(read_fd=options.read_fd, write_fd=options.write_fd)
    control.listen()
    serve(control)


if __name__ == "__main__":
    main()
