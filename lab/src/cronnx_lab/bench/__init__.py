"""How fast the ensembles are served, compared with the limit of the machine and with a FastAPI server.

`comparison` is a whole run. Its contenders are `triton`, `in_process_limit` (whose processes are `in_process_worker`)
and `fastapi_rival` (`fastapi_server`); `plan` lists the cases, `results` holds the measurements, `targets` judges them,
and `report` and `plots` present them.

The other measurements:

- `detector`: a detector against FastAPI (`detector_server`) and against the raw graph with its client
  (`detector_client`), both with the arithmetic of `opencv_detection`
- `steps`: where the time of a request goes: `breakdown` computes it from Triton's statistics and from `work_alone`,
  which has `graph_profile` divide a run
- `variants`: servers that differ in their flags
- `backend_overhead`: what the onnxruntime stand-in adds to a request
"""
