"""Faults injected into a server of its own under load, and what callers saw of each."""
