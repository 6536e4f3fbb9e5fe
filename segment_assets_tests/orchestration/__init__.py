"""Tests of the Dagster side: the graph, the road, checks, automation, sensors, and that nothing is told."""
