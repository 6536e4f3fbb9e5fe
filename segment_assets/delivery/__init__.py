"""From what is wanted to what a platform acknowledged, with every person accounted for. Written once for all platforms.

Belongs here: changes, batches, the courier, the ledger, guards and accounting.
Not here: any platform's wire format (`destinations`), storage (`resources`), Dagster (`assets`).

The order of one run for a pair (segment x platform account) is in `run.py`; read that first.
"""
