"""Metrics of others (OTLP, Prometheus) to records: points first, counters turned into rates."""
