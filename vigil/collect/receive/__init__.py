"""The receiver: requests of senders, by HTTP and gRPC, into the event log."""
