"""Brings the dashboards and the alerting rule into a running Kibana, by its public API."""

from typing import Any

import httpx
import orjson

from vigil.config import without_secrets
from vigil.errors import ConfigError, SinkError
from vigil.kibana.dashboards import DASHBOARDS
from vigil.kibana.panels import ALERTS, TIME_FIELD
from vigil.kibana.saved_objects import saved_objects, to_ndjson

TIMEOUT_S = 30.0
RULE_ID = "vigil-incident-opened"


def alerting_rule() -> dict[str, Any]:
    """The body of a rule that fires for each minute in which an incident was opened.

    Body of `POST /api/alerting/rule/{id}`; connectors are the operator's choice, so it has none.
    """
    opened = {"query": {"bool": {"filter": [{"term": {"action": "opened"}}]}}}
    return {
        "name": "Vigil: incident opened",
        "tags": ["vigil"],
        "rule_type_id": ".es-query",
        "consumer": "stackAlerts",
        "schedule": {"interval": "1m"},
        "actions": [],
        "params": {
            "searchType": "esQuery",
            "esQuery": orjson.dumps(opened).decode(),
            "index": [f"{ALERTS}*"],
            "timeField": TIME_FIELD,
            "timeWindowSize": 5,
            "timeWindowUnit": "m",
            "threshold": [0],
            "thresholdComparator": ">",
            "size": 100,
            "aggType": "count",
            "groupBy": "all",
            "excludeHitsFromPreviousRun": True,
        },
    }


class KibanaClient:
    """A Kibana at `http(s)://[user:password@]host[:port][/space]`; raises SinkError."""

    def __init__(self, url: str) -> None:
        self._shown = without_secrets(url)
        if not url.startswith(("http://", "https://")):
            raise ConfigError(
                f"the address of Kibana must start with http:// or https://, got {self._shown!r}"
            )
        self._client = httpx.Client(base_url=url, headers={"kbn-xsrf": "vigil"}, timeout=TIMEOUT_S)

    def __enter__(self) -> "KibanaClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def import_dashboards(self) -> int:
        """Create or replace all saved objects; returns how many."""
        objects = saved_objects(DASHBOARDS)
        file = ("vigil.ndjson", to_ndjson(objects), "application/ndjson")
        answer = self._ask(
            "POST", "/api/saved_objects/_import", params={"overwrite": "true"}, files={"file": file}
        ).json()
        if not answer.get("success"):
            first = (answer.get("errors") or [{}])[0]
            name = f"{first.get('type')} {first.get('id')}"
            raise SinkError(f"{self._shown} refused {name}: {first.get('error')}")
        return int(answer["successCount"])

    def import_rule(self) -> None:
        """Create the alerting rule, or bring an existing one up to date; its actions stay."""
        path, body = f"/api/alerting/rule/{RULE_ID}", alerting_rule()
        found = self._send("GET", path)
        if found.status_code == httpx.codes.NOT_FOUND:
            self._ask("POST", path, json=body)
            return
        settled = {"rule_type_id", "consumer"}
        change = {name: value for name, value in body.items() if name not in settled}
        self._ask("PUT", path, json=change | {"actions": found.json().get("actions", [])})

    def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        answer = self._send(method, path, **arguments)
        if answer.is_error:
            raise SinkError(f"{self._shown} answered {answer.status_code}: {answer.text[:300]}")
        return answer

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise SinkError(f"{self._shown} cannot be reached: {error}") from error
