"""Who asks: NVIDIA's perf_analyzer for Triton, and a closed loop of our own that asks any HTTP server alike."""
