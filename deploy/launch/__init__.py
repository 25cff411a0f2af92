"""The launcher: the whole installation on one machine, and nothing left behind.

``python -m deploy.launch`` starts an embedded Valkey (unless ``REDIS_URL`` is
set), brings the database up to date, and starts the web server, the workers
and the beat. Ctrl-C, a failure or the launcher's death end them all.
"""
