"""Probable causes: which service's behaviour changed first, by residuals and not by alerts.

Three independent observers look at the minutes after an instant and at those before it:
`divergence` (requests take another way through a service), `latency` (a hop takes longer than it
used to, by itself) and `saturation` (a resource fills up). `ranking` joins what they say.
"""
