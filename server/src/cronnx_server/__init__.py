"""The tools of an operator: run a server, build and add models, watch and check it."""
