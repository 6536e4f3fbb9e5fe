"""One module per destination of the registry, with a RECORD. There is no list to edit."""
