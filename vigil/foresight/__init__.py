"""Objectives looked ahead at, hour by hour: warnings with a record of their own."""
