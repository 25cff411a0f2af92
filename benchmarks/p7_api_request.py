"""P7: what key, scope, quota and metering add to an API request.

The peer is a bare DRF view. Each arm is called through Django's whole WSGI
handler, in this process, with the installation's own middleware; the database
is SQLite in a file unless ``DATABASE_URL`` says otherwise. Every answer is
checked, and the usage is counted at the end. A run takes a fraction of a second,
short enough for the arms to meet the same machine; ours takes its counts to the
ledger once in each, inside the time, where a web process does so once a second.
"""

import time
from typing import Any

from benchmarks.database import database
from benchmarks.rounds import Arm, rounds_run

REQUESTS = 600
REQUESTS_SMALL = 20


def main(*, small: bool = False) -> None:
    """Print the rates of the arms and their ratios to the bare view."""
    count = REQUESTS_SMALL if small else REQUESTS
    with database():
        from benchmarks.p7_views import arms_install, usage_expected, whole

        key = arms_install()
        arms: dict[str, Arm] = {
            "bare DRF view": _arm("/bench/bare", count),
            "textbook: key by ORM, INSERT of usage": _arm("/bench/textbook", count, key),
            "ours: key and tenant scope": _arm("/bench/key", count, key),
            "ours: key, scope and quota": _arm("/bench/quota", count, key),
            "ours: key, scope, quota and metering": whole(_arm("/bench/key", count, key), count),
        }
        rounds = 1 if small else 25
        rounds_run(arms, rounds=rounds)
        usage_expected(count * (rounds + 1))


def _arm(path: str, count: int, key: str = "") -> Arm:
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import RequestFactory

    handler = WSGIHandler()
    headers = {"host": "localhost"} | ({"authorization": f"Bearer {key}"} if key else {})
    factory = RequestFactory(headers=headers)

    def run() -> float:
        started = time.perf_counter()
        for _ in range(count):
            status: list[str] = []
            answer = handler(factory.get(path).environ, _collect(status))
            body = b"".join(answer)
            answer.close()  # type: ignore[attr-defined]
            assert status == ["200 OK"] and body == b'{"ok":true}', (status, body)
        return count / (time.perf_counter() - started)

    return run


def _collect(status: list[str]) -> Any:
    def start_response(line: str, headers: Any, exc_info: Any = None) -> None:
        status.append(line)

    return start_response
