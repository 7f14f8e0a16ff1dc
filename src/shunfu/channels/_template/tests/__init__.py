"""Tests of Template Pay."""
