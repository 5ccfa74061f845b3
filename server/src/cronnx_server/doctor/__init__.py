"""Finds what will go wrong with model repositories on a machine, before a server starts.

`repositories` and `machine` read the world into values; `checks` turns these values into findings and reads nothing;
`findings` formats them.
"""
