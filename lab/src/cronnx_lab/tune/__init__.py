"""Which settings of an ensemble's steps this machine serves fastest."""
