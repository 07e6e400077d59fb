"""The penalties that presets list, one module for each."""
