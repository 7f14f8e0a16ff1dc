"""Rows of the reconcile room to values and back, one file a subject."""
