"""`scripts/serve`: from a fresh clone to a running `tritonserver` on this machine.

`options` says what to start, `serving` puts it together, `supervisor` restarts a server that crashes, and `stub_watch`
reloads a model whose Python process died or holds too much memory.
"""
