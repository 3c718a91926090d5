"""The live board: one page of what happens now, kept current by server-sent events."""
