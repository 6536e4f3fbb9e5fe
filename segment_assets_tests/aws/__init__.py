"""The AWS world against loopback AWS: emulators for what they can, servers of our own for the rest."""
