"""Makes the figures of the documentation with the library itself."""
