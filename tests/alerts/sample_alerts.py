"""Alert documents for tests."""

from datetime import UTC, datetime

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def alert_document(action: str = "opened", incident: str = "inc-1", number: int = 1, **fields):
    """A whole alert document, as the tracker writes it and the context completes it."""
    return {
        "alert_id": f"{incident}:{number}",
        "incident_id": incident,
        "action": action,
        "status": "resolved" if action == "resolved" else "open",
        "severity": "critical",
        "at": "2026-03-02T12:04:00+00:00",
        "opened_at": "2026-03-02T12:00:00+00:00",
        "updated_at": "2026-03-02T12:04:00+00:00",
        "resolved_at": "2026-03-02T12:31:00+00:00" if action == "resolved" else None,
        "stream": "vigil.events",
        "title": "latency_ms_p95 of payments POST /payments in azure-prod/westeurope is 3.1× the"
        " expected (and 2 other services)",
        "reason": "412 ms instead of 132 ms (usual 98.2 ms to 171 ms), since 2026-03-02 12:00:00"
        " UTC; this unusual once in 48,120 windows",
        "origin": "payments",
        "owner": "money",
        "services": ["gateway", "orders", "payments"],
        "environments": ["aws-prod", "azure-prod", "onprem"],
        "tenants": ["shop"],
        "callers": ["gateway", "orders"],
        "callees": ["ledger"],
        "requests_affected": 1240.0,
        "burn_rate": 20.0,
        "budget_burnt": 0.0231,
        "reopenings": 0,
        "note": "",
        "cause": [
            "latency_ms_p95 of payments POST /payments in azure-prod/westeurope is 3.1× the"
            " expected, in 4 windows since 12:00:00 UTC",
            "gateway and orders, unusual too, call it",
            "nothing that it calls is unusual",
        ],
        "causes": [
            {
                "service": "payments", "environment": "azure-prod", "score": 0.71,
                "evidence": [
                    "deploy 1.8.2 of payments 6 min before",
                    "own time of POST /payments: 371.2 ms instead of 61.0 in 412 requests",
                ],
            },
            {"service": "orders", "environment": "aws-prod", "score": 0.08, "evidence": []},
        ],
        "excess": {
            "journey": "POST /checkout: gateway@onprem → orders@aws-prod → payments@azure-prod",
            "expected_ms": 142.0,
            "actual_ms": 482.0,
            "words": "+340 ms: 310 in payments@azure-prod itself, 20 network aws-prod →"
            " azure-prod, 10 other",
            "parts": [{"kind": "self", "where": "payments@azure-prod", "ms": 310.0}],
        },
        "in_common": ["97% of bad requests have version 1.8.2 (4% of the others)"],
        "localised_from": "18204 spans",
        "similar": [
            "2026-02-24 09:12: latency_ms_p95 of payments is 2.7× the expected; over after 18 min,"
            " ann took care of it (inc-9f2c)"
        ],
        "not_sent": ["error_ratio of mail <POST> & friends is above the expected (inc-7a10)"],
        "recent": {
            "series": "latency_ms_p95 of payments POST /payments in azure-prod/westeurope",
            "start_at": "2026-03-02T11:04:00+00:00",
            "offset_s": [60.0 * minute for minute in range(60)],
            "actual": [130.0 + minute % 7 * 4 for minute in range(56)] + [380, 412, None, 400],
            "expected": [132.0] * 60,
            "lower": [98.2] * 60,
            "upper": [171.0] * 60,
            "flagged": [False] * 56 + [True, True, False, True],
        },
        "links": [
            {"name": "Kibana", "url": "https://kibana.test/app/dashboards#/view/vigil?service=payments"},
            {"name": "Trace", "url": "https://traces.test/4bf92f3577b34da6a3ce929d0e0e4736"},
        ],
        "series": [{"series_id": 7, "metric": "latency_ms_p95", "service": "payments"}],
        "series_count": 5,
        "grouping": {"payments": "nothing related was unusual: it opened the incident"},
        "trace_ids": ["4bf92f3577b34da6a3ce929d0e0e4736"],
        **fields,
    }  # fmt: skip
