"""A server under load for a long time."""
