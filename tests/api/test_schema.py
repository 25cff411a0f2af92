"""GET /v1/schema: the API described for programs."""

import re

import pytest
import yaml
from drf_spectacular.drainage import GENERATOR_STATS


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


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_name_in_it_was_given_by_somebody(anonymous, db, language: str) -> None:
    """The generator numbers what it would name twice, and warns: give it a name instead.

    An operation takes ``operation_id``, an enum a line in ``ENUM_NAME_OVERRIDES``.
    """
    GENERATOR_STATS.reset()
    answer = anonymous.get("/v1/schema", headers={"accept-language": language})
    document = yaml.safe_load(answer.content)
    assert not GENERATOR_STATS, [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    paths = document["paths"].values()
    names = [operation["operationId"] for path in paths for operation in path.values()]
    names += document["components"]["schemas"]
    assert [name for name in names if re.search(r"\d", name)] == []
    assert {"DatasetVersionStatusEnum", "UploadStatusEnum", "UploadObjectEnum"} <= set(names)


def test_every_operation_has_a_summary_and_tags_of_one_style(anonymous, db) -> None:
    document = yaml.safe_load(anonymous.get("/v1/schema").content)
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert [one["operationId"] for one in operations if not one.get("summary")] == []
    assert {tag for one in operations for tag in one["tags"] if tag != tag.lower()} == set()
