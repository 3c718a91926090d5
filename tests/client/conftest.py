"""A real browser for widgets."""

from real_browser import chromium as chromium
