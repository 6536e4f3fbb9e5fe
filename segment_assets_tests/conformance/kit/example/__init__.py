"""A made-up destination, which docs/adding_a_destination.md walks through: the kit runs over it, so the page stays true."""
