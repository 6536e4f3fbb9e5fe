"""The drill: every fault at every place, on every platform of the sandbox. `python -m segment_assets_tests.drill`."""
