"""Candidates: one file says which model competes, with which parameters."""
