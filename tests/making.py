"""Rows that many tests need, made the way the installation makes them."""

from typing import Any

TRAIN_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "steps": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 20},
        "rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.5},
        "mode": {"enum": ["plain", "fancy"], "type": "string", "default": "plain"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "slow": {"type": "boolean", "default": False},
    },
}


def manifest_make(plugin_id: str = "toy", **fields: Any) -> dict[str, Any]:
    """Return a manifest as a worker would publish it."""
    return {
        "protocol": 1,
        "plugin_id": plugin_id,
        "version": "1.0",
        "distribution": "toys",
        "entry_point": plugin_id,
        "digest": "sha256:00",
        "title": plugin_id.title(),
        "description": "A toy.",
        "task": "other",
        "accepts": ["text"],
        "meters": {},
        "needs": {"gpu_memory_mib": 0},
        "trains": True,
        "streams": False,
        "max_batch": 1,
        "max_wait_ms": 0,
        "train_schema": TRAIN_SCHEMA,
        "input_schema": {"type": "object", "properties": {}},
        "predict_schema": {"type": "object", "properties": {}},
        **fields,
    }
