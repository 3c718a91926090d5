"""Fault drills: would we notice? Seeded faults in a shadow copy of real traffic."""
