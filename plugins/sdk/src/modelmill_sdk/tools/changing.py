"""Becomes another user for good, then runs a command: ``python -I -S changing.py UID COMMAND…``."""

import os
import sys

if __name__ == "__main__":
    uid = int(sys.argv[1])
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted
