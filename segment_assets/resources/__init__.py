"""The outside: lake, clean room, secrets and destination accounts, each with a local and an AWS class.

Belongs here: how the pure rooms' protocols reach real storage and services. Not here: what is done with them.
"""
