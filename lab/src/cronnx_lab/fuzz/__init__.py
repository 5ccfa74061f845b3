"""`scripts/fuzz`: does anything a caller can send break the preprocess backend or a server?"""
