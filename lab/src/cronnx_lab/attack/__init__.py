"""`scripts/attack`: do callers get answers while somebody sends requests that crash or hold a server?"""
