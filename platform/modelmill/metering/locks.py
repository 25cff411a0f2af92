"""The lock over a tenant's time: shared by all who write usage, exclusive for who closes it."""

from django.db import connection


def time_lock(tenant_id: str, *, exclusive: bool) -> None:
    """Hold the tenant's time until the transaction ends."""
    # SQLite's transactions are IMMEDIATE: whoever is in one is the only writer.
    if connection.vendor != "postgresql":
        return
    lock = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {lock}(hashtextextended(%s, 0))", [f"usage:{tenant_id}"])
