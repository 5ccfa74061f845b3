"""How fast the served ensembles are, against what the machine can do at most and against a rival server.

`contenders` are what is measured, `load` is what measures them. `plan` says which legs a round has, `rounds` runs
them turn by turn, `results` keeps what came out, and `verdicts`, `tables`, `report` and `history` say it.
"""
