"""`scripts/faults`: how does a server under load recover from faults?"""
