"""Gateway: what we ask of any channel. Pure: values, protocols and the contract suite; no I/O and no channel's name."""
