"""`python -m segment_assets.cli`, where the command is not on the path."""

from segment_assets.cli import main

main(prog_name="segment-assets")
