"""The database's clock: the only one that leases and bills are decided by.

A worker's own clock may be an hour off. Inside an UPDATE use
``django.db.models.functions.Now``; where Python needs the value, ask here.
"""

from datetime import UTC, datetime

from django.db import connection


def database_now() -> datetime:
    """Return the database's current time, aware, in UTC. One round trip."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")
            return datetime.fromisoformat(cursor.fetchone()[0]).replace(tzinfo=UTC)
        cursor.execute("SELECT statement_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment.astimezone(UTC)
