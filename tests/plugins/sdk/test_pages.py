"""The memory that a training's process keeps between two steps."""

import platform

from modelmill_sdk.host.pages import pages_keep


def test_freed_pages_are_kept_where_the_library_can_be_told() -> None:
    assert pages_keep() == (platform.libc_ver()[0] == "glibc")
