"""Numbers in an address."""

from rest_framework.request import Request

from modelmill.core.errors import InvalidRequest


def query_whole(request: Request, name: str, default: int, *, least: int = 0, largest: int) -> int:
    """Read a whole number of an address; ``default`` when it is not there.

    Raises ``InvalidRequest`` for what is no number from ``least`` to ``largest``.
    """
    given = request.query_params.get(name)
    if given is None:
        return default
    is_number = given.isascii() and given.isdigit() and len(given) < 20
    if not is_number or not least <= int(given) <= largest:
        raise InvalidRequest(f"{name} must be from {least} to {largest}.", param=name)
    return int(given)
