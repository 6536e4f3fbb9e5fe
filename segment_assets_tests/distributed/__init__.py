"""Identity work outside the process."""
