"""The tenant scope: who every query is for.

A query on a tenant's table outside a scope raises; inside one it sees that
tenant's rows alone, and a write of another tenant's row raises. Doors open the
scope once per request, tasks once per run. Rows that cross tenants by their
nature (sweeps, rollups, the operator's cockpit) are read in ``system_scope``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_EVERYONE = "*"
_scope: ContextVar[str | None] = ContextVar("modelmill_tenant_scope", default=None)


class ScopeMissing(RuntimeError):
    """A tenant's table was touched with no scope open: a bug, never a customer's mistake."""


class ScopeCrossed(RuntimeError):
    """Another tenant's row was about to be written: a bug, never a customer's mistake."""


@contextmanager
def tenant_scope(tenant_id: str) -> Iterator[None]:
    """Make every query inside the block see the rows of this tenant only."""
    if not tenant_id or tenant_id == _EVERYONE:
        raise ScopeMissing("tenant_scope needs a tenant's id.")
    token = _scope.set(tenant_id)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def system_scope(reason: str) -> Iterator[None]:
    """See all tenants' rows; ``reason`` is for whoever reviews the line."""
    if not reason:
        raise ScopeMissing("system_scope needs a reason.")
    token = _scope.set(_EVERYONE)
    try:
        yield
    finally:
        _scope.reset(token)


class LateScope:
    """A block in which a tenant's scope is opened once it is known which; it ends with the block.

    What an ``ExitStack`` does with ``tenant_scope``, at a third of the price: every request of
    the API pays it.
    """

    __slots__ = ("_token",)

    def __enter__(self) -> "LateScope":
        self._token = _scope.set(_scope.get())
        return self

    def open(self, tenant_id: str) -> None:
        """Make every query from here to the block's end see the rows of this tenant only."""
        if not tenant_id or tenant_id == _EVERYONE:
            raise ScopeMissing("A scope needs a tenant's id.")
        _scope.set(tenant_id)

    def __exit__(self, *_error: object) -> None:
        _scope.reset(self._token)


def current_tenant_id() -> str:
    """Return the tenant in scope; raises ``ScopeMissing`` when there is none or all are."""
    tenant_id = scoped_tenant_id()
    if tenant_id is None:
        raise ScopeMissing("All tenants are in scope; open tenant_scope(tenant_id) first.")
    return tenant_id


def scoped_tenant_id() -> str | None:
    """Return the tenant in scope, or None in system scope; raises when no scope is open."""
    value = _scope.get()
    if value is None:
        raise ScopeMissing("No tenant is in scope; open tenant_scope(tenant_id) first.")
    return None if value == _EVERYONE else value
