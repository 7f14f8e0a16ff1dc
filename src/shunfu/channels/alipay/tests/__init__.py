"""Tests of the Alipay channel."""
