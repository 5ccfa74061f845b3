"""NVIDIA's perf_analyzer, and what it needs to ask this project's models."""
