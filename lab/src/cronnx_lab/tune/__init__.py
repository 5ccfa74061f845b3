"""`scripts/tune`: the settings of an ensemble's steps that this machine serves fastest with."""
