"""File formats: each reader gives arrays, or one error that names the file and what is wrong."""
