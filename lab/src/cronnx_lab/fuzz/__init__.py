"""Damaged pictures and malformed requests, drawn at random, and what a server may answer."""
