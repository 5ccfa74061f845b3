"""Whether a server under load for a long time keeps its memory and descriptors constant."""
