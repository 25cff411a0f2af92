"""What a program is told when something is wrong."""

import pytest


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_path_is_a_json_404(anonymous, method: str, db) -> None:
    answer = getattr(anonymous, method)("/v1/nowhere")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert answer["x-request-id"].startswith("req-")


def test_the_schema_is_served(anonymous, db) -> None:
    answer = anonymous.get("/v1/schema")
    assert answer.status_code == 200
    assert "openapi" in answer.content.decode()


def test_the_process_says_it_is_healthy(anonymous, db) -> None:
    assert anonymous.get("/healthz").content == b"ok"
    assert anonymous.get("/readyz").content == b"ok"
