"""Examples, each a script to run and read."""
