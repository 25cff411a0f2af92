"""A wall clock that is wrong by ``CLOCK_APART_S``, in every Python process that finds this folder.

Only the wall clock: nobody's monotonic clock is ever wrong.
"""

import datetime
import os
import time

_APART_S = float(os.environ.get("CLOCK_APART_S", "0"))
_time, _time_ns, _gmtime, _localtime = time.time, time.time_ns, time.gmtime, time.localtime
_real = datetime.datetime


class _Type(type(_real)):
    def __instancecheck__(cls, instance):
        return isinstance(instance, _real)

    def __subclasscheck__(cls, other):
        return issubclass(other, _real)


class _Apart(_real, metaclass=_Type):
    @classmethod
    def now(cls, tz=None):
        return _real.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls):
        return _real.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls):
        return cls.now()


if _APART_S:
    time.time = lambda: _time() + _APART_S
    time.time_ns = lambda: _time_ns() + int(_APART_S * 1e9)
    time.gmtime = lambda seconds=None: _gmtime(time.time() if seconds is None else seconds)
    time.localtime = lambda seconds=None: _localtime(time.time() if seconds is None else seconds)
    datetime.datetime = _Apart
