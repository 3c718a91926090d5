"""How fast spans come in: the receiver beside a bare FastAPI handler."""
