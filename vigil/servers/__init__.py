"""Real Kafka, PostgreSQL and Elasticsearch on loopback, for tests and recovery drills.

Not for production: `docker-compose.yml` is. Kafka and Elasticsearch need `java` and `mvn` on the
path; their jars are fetched once into the environment's folder `servers`.
"""

from vigil.servers.elasticsearch import ElasticsearchServer
from vigil.servers.kafka import KafkaServer
from vigil.servers.postgres import PostgresServer
from vigil.servers.process import ServerProcess
from vigil.servers.proxy import Proxy

__all__ = ["ElasticsearchServer", "KafkaServer", "PostgresServer", "Proxy", "ServerProcess"]
