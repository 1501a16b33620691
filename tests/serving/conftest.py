"""The service over a scripted engine, once for each module."""

from collections.abc import Iterator

import pytest

from got_runtime.model.checkpoint import LoadedModel

pytest.importorskip("fastapi", reason="the service needs the extra serve")

from fastapi.testclient import TestClient
from helpers.service_clients import client_of


@pytest.fixture(scope="module")
def client(checkpoint: LoadedModel) -> Iterator[TestClient]:
    """A client of a service whose pages all have the text ``some words``."""
    with client_of(checkpoint, "some words") as client:
        yield client
