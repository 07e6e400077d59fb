"""The audit of a model: one verdict from attacks, controls and checks on the user's own data."""
