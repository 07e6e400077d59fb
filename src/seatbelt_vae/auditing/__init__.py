"""Audits: a subject and images in, a verdict out."""
