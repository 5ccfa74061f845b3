"""Whether a server answers, by asking it.

The standard library alone, over HTTP: a container runs this every few seconds, and the client's imports alone would
cost it several times the whole check.
"""
