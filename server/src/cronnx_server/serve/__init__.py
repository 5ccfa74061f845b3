"""Everything between a fresh clone and a running `tritonserver` on this machine.

`command_line`, `errors`, `environment`, `packages`, `paths` and `progress` run before `.venv` exists: they import
nothing but the standard library and each other.
"""
