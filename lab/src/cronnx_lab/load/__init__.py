"""Load generators: the project's own closed and open loops for any HTTP server, and NVIDIA's perf_analyzer."""
