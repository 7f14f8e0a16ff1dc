"""Tests of WeChat Pay and of its sandbox."""
