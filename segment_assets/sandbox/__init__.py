"""The simulated outside, on loopback only: people (world), AWS services and ad platforms.

Belongs here: whatever stands in for things that we do not own, with its own idea of the truth.
Not here: product code. Only the local deployment and tests import from here, and nothing here imports `destinations`.
"""
