"""Advertising platforms as one durable HTTP process on loopback, with a clock of its own.

Belongs here: `kit/` (what every platform needs) and one package per platform, written from that platform's published
contract alone, so that it can disagree with our connectors. Not here: anything of `destinations` or `delivery`.
Start it with `segment_assets.sandbox.process`, or by hand: `python -m segment_assets.sandbox.platforms --home data/x`.
"""
