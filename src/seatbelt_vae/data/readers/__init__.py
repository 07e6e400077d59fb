"""Readers of file formats; each raises a DataError that names the file and the problem."""
