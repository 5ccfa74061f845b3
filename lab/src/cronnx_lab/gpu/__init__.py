"""`scripts/gpu`: a GPU against the CPU, in answers and in images per second, decoding on either."""
