"""`vigil bench alerts`: pages, faults and noise of a simulated month under three policies."""
