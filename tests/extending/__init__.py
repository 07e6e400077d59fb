"""Objects of a user's own, outside the package: a loss, a model, a wrapper."""
