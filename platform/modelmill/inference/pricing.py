"""What a prediction can count at most, which is what is reserved, and never exceeded."""

from typing import Any

REQUESTS = "requests"
_MAX_TOKENS_WHEN_UNSAID = 4096


def usage_bound(
    meters: dict[str, str], *, inputs: list[dict[str, Any]], parameters: dict[str, Any]
) -> dict[str, int]:
    """Return the most of each meter that these inputs can use.

    No tokenizer makes more tokens of a text than its UTF-8 has bytes, plus a
    mark at its beginning and one at its end. Of a meter we do not know the meaning of, one for
    each input is assumed.
    """
    max_tokens = int(parameters.get("max_tokens") or _MAX_TOKENS_WHEN_UNSAID)
    known = {
        "images": len(inputs),
        "tokens_in": sum(2 + _text_bytes(values) for values in inputs),
        "tokens_out": max_tokens * len(inputs),
    }
    return {REQUESTS: 1} | {meter: known.get(meter, len(inputs)) for meter in meters}


def usage_capped(counts: dict[str, int], *, bound: dict[str, int]) -> dict[str, int]:
    """Return what is charged: what the plugin counted, of its meters, up to the bound.

    A plugin that counts wrongly thereby costs its author a correction and
    never the customer more than was set aside.
    """
    counted = counts | {REQUESTS: 1}
    return {meter: min(counted[meter], most) for meter, most in bound.items() if counted.get(meter)}


def _text_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, dict):
        return sum(_text_bytes(inner) for inner in value.values())
    if isinstance(value, list):
        return sum(_text_bytes(inner) + 1 for inner in value)
    return 0
