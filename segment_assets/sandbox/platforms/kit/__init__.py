"""What every simulated platform needs: durable store, people, clock, faults, request log.

Not here: any rule of one platform (those live in its own package), nor HTTP serving (`platforms/app.py`).
"""
