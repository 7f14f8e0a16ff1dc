"""Channels: one folder each, pure; `driver.registry` finds them. Nothing here may name or import another channel."""
