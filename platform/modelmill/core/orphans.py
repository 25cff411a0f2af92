"""Stored bytes that nobody refers to: what a process left that died before it wrote the row.

Bytes are stored first and named by a row afterwards, so a death in between leaves bytes, or a
reference, that nobody will ever give back. The sweep counts who really refers to each.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Count, ManyToOneRel

from modelmill.core.clock import database_now
from modelmill.core.models import Blob
from modelmill.core.scope import system_scope

# Far longer than anybody holds bytes before the row that names them is committed.
GRACE = timedelta(days=1)

_BATCH = 500
_SUSPECTS = 20_000
_ROOT = "tenants"

UsersCount = Callable[[list[str]], Counter[str]]
_users: list[UsersCount] = []


def blob_users_register(count: UsersCount) -> None:
    """Count references that are not foreign keys, too: ``count(blob ids)`` of all tenants."""
    _users.append(count)


def orphans_sweep(*, grace: timedelta = GRACE) -> int:
    """Delete bytes nobody has referred to for ``grace``, and lower counts that are too high.

    Returns how many rows and files were mended. Safe to repeat and to run at any time: a row
    that somebody took hold of within ``grace``, or takes hold of meanwhile, is left alone.
    """
    before = database_now() - grace
    with system_scope("orphans of every tenant"):
        return _rows_sweep(before) + _files_sweep(before)


def blob_users(ids: list[str]) -> Counter[str]:
    """Count the rows that refer to each of these blobs by a foreign key, in system scope."""
    counts: Counter[str] = Counter()
    # Hidden ones too: no row of ours is reached from its bytes.
    for relation in Blob._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ManyToOneRel):
            continue
        name = relation.field.name
        rows = relation.related_model._default_manager.filter(**{f"{name}__in": ids})
        found = rows.order_by().values_list(name).annotate(Count("pk"))
        counts.update({str(blob_id): number for blob_id, number in found})
    return counts


def _rows_sweep(before: datetime) -> int:
    mended, suspects = 0, []
    for rows in _batches(before):
        users = blob_users([row.id for row in rows])
        suspects += [(row, users[row.id]) for row in rows if users[row.id] < row.refs]
        if len(suspects) >= _SUSPECTS:
            mended += _suspects_mend(suspects, before)
            suspects = []
    return mended + _suspects_mend(suspects, before)


def _batches(before: datetime) -> Iterator[list[Blob]]:
    last = ""
    # In slices: a table of millions is never in memory.
    while rows := list(
        Blob.objects.filter(held_at__lt=before, pk__gt=last).order_by("pk")[:_BATCH]
    ):
        yield rows
        last = rows[-1].id


def _suspects_mend(suspects: list[tuple[Blob, int]], before: datetime) -> int:
    """Ask the other counters last: they look through everything, so as few times as possible."""
    others: Counter[str] = Counter()
    for count in _users if suspects else ():
        others.update(count([blob.id for blob, _users_found in suspects]))
    found = [(blob, users + others[blob.id]) for blob, users in suspects]
    return sum(
        _mend(blob, users=users, before=before) for blob, users in found if users < blob.refs
    )


def _mend(blob: Blob, users: int, *, before: datetime) -> bool:
    with transaction.atomic():
        # Nobody took hold of it since it was counted, or let go.
        same = Blob.objects.filter(pk=blob.pk, refs=blob.refs, held_at__lt=before)
        if users:
            return bool(same.update(refs=users))
        if not same.delete()[0]:
            return False
        transaction.on_commit(lambda: default_storage.delete(blob.path), robust=True)
    return True


def _files_sweep(before: datetime) -> int:
    mended = 0
    for folder in _folders():
        names = default_storage.listdir(folder)[1]
        paths = [f"{folder}/{name}" for name in names]
        known = set(Blob.objects.filter(path__in=paths).values_list("path", flat=True))
        for path in paths:
            if path not in known and default_storage.get_modified_time(path) < before:
                default_storage.delete(path)
                mended += 1
    return mended


def _folders() -> Iterator[str]:
    if not default_storage.exists(_ROOT):
        return
    for tenant_id in default_storage.listdir(_ROOT)[0]:
        blobs = f"{_ROOT}/{tenant_id}/blobs"
        if default_storage.exists(blobs):
            yield from (f"{blobs}/{part}" for part in default_storage.listdir(blobs)[0])
