"""The models of which releases it reads: it claims those, and refuses others."""

import json

import pytest
from modelmill.catalog.versions import version_loads
from modelmill_image_vae.config import VaeConfig
from modelmill_image_vae.plugin import ImageVae
from modelmill_sdk import CustomerError

from tests.shelf import shipped_manifest


def test_it_claims_no_model_that_it_would_refuse(tmp_path) -> None:
    VaeConfig().write(tmp_path)
    assert VaeConfig.read(tmp_path) == VaeConfig()
    manifest = shipped_manifest(ImageVae)
    assert version_loads(manifest, "0.2.0")

    config = json.loads((tmp_path / "config.json").read_text())
    older = {**config, "architecture": "modelmill-vae-1"}
    (tmp_path / "config.json").write_text(json.dumps(older))
    with pytest.raises(CustomerError, match="of another release"):
        VaeConfig.read(tmp_path)
    assert not version_loads(manifest, "0.1.0")
