"""A whole installation for the flows: its own folder, ports, Valkey and workers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest
from modelmill_embeddings.folders import tiny_write

from deploy.demo.__main__ import SCOPES
from deploy.demo.visitor import Visitor
from deploy.launch.installation import Installation


@dataclass
class Customer:
    """A tenant that signed up over HTTP, with its key and its client."""

    key: str
    client: openai.OpenAI
    url: str
    visitor: Visitor


@pytest.fixture(scope="session")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running installation, shared by the flows of one run."""
    patch = pytest.MonkeyPatch()
    for name in ("REDIS_URL", "SECRET_KEY", "MODELMILL_TESTING", "MODELMILL_VAR_DIR"):
        patch.delenv(name, raising=False)
    patch.setenv("MODELMILL_HEARTBEAT_S", "1")
    patch.setenv("MODELMILL_CHECKPOINT_EVERY_S", "2")
    bases = tmp_path_factory.mktemp("bases")
    tiny_write(bases / "tiny")
    patch.setenv("MODELMILL_BASE_MODELS", str(bases))
    var: Path = tmp_path_factory.mktemp("mill")
    try:
        with Installation(var) as running:
            yield running
    finally:
        patch.undo()


@pytest.fixture(scope="session")
def customer(mill: Installation) -> Customer:
    """A new tenant of the running installation."""
    return customer_new(mill, "Flow Mill")


def customer_new(mill: Installation, name: str) -> Customer:
    """Sign up, name a tenant and make a key, all through the pages."""
    visitor = Visitor(mill.url, printed_mail=lambda: mill.log("web"))
    visitor.sign_up()
    visitor.name_tenant(name)
    key = visitor.make_key(SCOPES)
    client = openai.OpenAI(base_url=f"{mill.url}/v1", api_key=key, max_retries=0)
    return Customer(key=key, client=client, url=mill.url, visitor=visitor)
