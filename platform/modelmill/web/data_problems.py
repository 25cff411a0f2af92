"""What was found wrong in a dataset version: on a page, and as a table to download."""

import csv
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import path

from modelmill.core.downloads import CSV, stream_response
from modelmill.core.scope import tenant_scope
from modelmill.datasets.models import DatasetVersion
from modelmill.datasets.selectors import access_version, problem_list
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.paging import rows_of

_COLUMNS = ("file", "row", "field", "reason", "fix")
# A cell that begins with one of these is run as a formula by spreadsheet programs.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """A file for the CSV writer that hands each line on."""

    def write(self, text: str) -> str:
        return text


@tenant_page(read="data:read")
def problems(request: PageRequest, version_id: str) -> HttpResponse:
    """List the problems, in the order they were found."""
    version = access_version(version_id)
    rows = rows_of(problem_list(version), request, size=50)
    return render(request, "data/problems.html", {"version": version, "rows": rows})


@tenant_page(read="data:read")
def problems_csv(request: PageRequest, version_id: str) -> HttpResponseBase:
    """Download the problems as CSV that spreadsheet programs open without running anything."""
    version = access_version(version_id)
    name = f"{version.pk}-problems.csv"
    lines = (line.encode() for line in _lines(version))
    return stream_response(request, lines, name=name, media_type=CSV)


def _lines(version: DatasetVersion) -> Iterator[str]:
    writer = csv.writer(_Line())
    # Excel takes a file for UTF-8 only when it begins with this mark.
    yield "\ufeff" + writer.writerow(_COLUMNS)
    # The page's own scope ends when it returns, before the first line is sent.
    with tenant_scope(version.tenant_id):
        rows = list(problem_list(version).values_list(*_COLUMNS))
    for row in rows:
        yield writer.writerow([_safe(value) for value in row])


def _safe(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


routes = [
    path("data/versions/<str:version_id>/problems", problems, name="dataset_problems"),
    path("data/versions/<str:version_id>/problems.csv", problems_csv, name="dataset_problems_csv"),
]
