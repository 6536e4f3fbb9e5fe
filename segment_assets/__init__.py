"""Clean-room results to hashed audiences, platform activations and insight tables, as Dagster assets.

`docs/architecture.md` is the map of the rooms; `definitions.py` is where Dagster comes in, `cli/` where a person does.
"""
