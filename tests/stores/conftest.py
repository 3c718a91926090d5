"""Servers for the store tests."""

import pytest

from vigil.servers import ElasticsearchServer


@pytest.fixture
def elastic_url(elasticsearch: ElasticsearchServer) -> str:
    """A real Elasticsearch 8.19."""
    return elasticsearch.url
