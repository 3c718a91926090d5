"""Spans to traces to journeys: who called whom, how long each hop took by itself, and where."""
