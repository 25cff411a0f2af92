"""The child side: ``python -m modelmill_sdk.host``, a process that runs a plugin.

It holds no credentials, speaks only the protocol on two inherited pipes, and ends when its parent
does. ``training``, ``prediction`` and ``validation`` are the work itself, and run without pipes in
``modelmill_sdk.testing``.
"""
