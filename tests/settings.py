"""The installation's settings, as the tests run it: quick hashes, mail in memory, own folders."""

import atexit
import os
import shutil
import tempfile

os.environ.setdefault("MODELMILL_TESTING", "1")
if "MODELMILL_VAR_DIR" not in os.environ:
    _var = os.environ["MODELMILL_VAR_DIR"] = tempfile.mkdtemp(prefix="modelmill-tests-")
    atexit.register(shutil.rmtree, _var, ignore_errors=True)
os.environ.setdefault("SECRET_KEY", "only-for-tests-0123456789-0123456789-0123456789")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1/0")
os.environ.setdefault("MODELMILL_KEY_MODE", "test")
# Seconds of imports for each worker; the tests that are about it name a few quick ones.
os.environ.setdefault("MODELMILL_WARM_IMPORTS", "none")

from modelmill.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ACCOUNT_RATE_LIMITS = False
# Counts get to the ledger when a test says so, or its web process by itself.
USAGE_FLUSH_S = float(os.environ.get("MODELMILL_TEST_FLUSH_S", "0"))
# Where this process is to die: modelmill.core.killpoints reads it.
KILL_POINTS = os.environ.get("MODELMILL_KILL_POINTS", "")
STATIC_ROOT = os.environ["MODELMILL_VAR_DIR"]
