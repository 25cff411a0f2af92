"""A whole installation: its own folder, ports, Valkey and workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.launch.installation import Installation


@pytest.fixture(scope="session")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running installation, shared by all that one run of tests does with it."""
    patch = pytest.MonkeyPatch()
    for name in ("REDIS_URL", "SECRET_KEY", "MODELMILL_TESTING", "MODELMILL_VAR_DIR"):
        patch.delenv(name, raising=False)
    patch.setenv("MODELMILL_HEARTBEAT_S", "1")
    patch.setenv("MODELMILL_CHECKPOINT_EVERY_S", "2")
    from modelmill_embeddings.folders import tiny_write

    bases = tmp_path_factory.mktemp("bases")
    tiny_write(bases / "tiny")
    patch.setenv("MODELMILL_BASE_MODELS", str(bases))
    var: Path = tmp_path_factory.mktemp("mill")
    try:
        with Installation(var) as running:
            yield running
    finally:
        patch.undo()
