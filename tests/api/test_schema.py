"""GET /v1/schema: the API described for programs."""

import yaml


def test_it_names_every_operation_and_body_once(anonymous, db) -> None:
    answer = anonymous.get("/v1/schema")
    assert answer.status_code == 200
    document = yaml.safe_load(answer.content)
    paths = document["paths"]
    ids = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(ids) == len(set(ids))
    assert {"predictions_list", "predictions_retrieve", "completions_create"} <= set(ids)
    # Two endpoints may both have an inner "Body" without being taken for one another.
    body = paths["/v1/completions"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["$ref"].endswith("/CompletionsBody")
    assert "prompt" in document["components"]["schemas"]["CompletionsBody"]["properties"]
