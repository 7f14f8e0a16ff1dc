"""Checkout: the one answer that the hosted checkout needs, its pages and their texts."""
