"""How fast the ensembles are served, compared with the limit of the machine and with a FastAPI server.

`comparison` is a whole run. Its contenders are `triton`, `in_process_limit` and `fastapi_rival`; `plan` lists the
cases, `results` holds the measurements, `targets` judges them, and `report` and `plots` present them. `variants` and
`backend_overhead` are separate, smaller measurements.
"""
