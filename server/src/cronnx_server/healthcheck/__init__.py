"""Whether a server and its models answer, by an inference through each.

It uses HTTP and the standard library alone: a container runs it every few seconds, and importing the client would take
several times as long as the whole check.
"""
