"""What will go wrong with model repositories on a machine, said before a server starts.

`repositories` and `machine` read the world into values; `checks` turns these values into findings and reads nothing;
`report` makes text of them.
"""
