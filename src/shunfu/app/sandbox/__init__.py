"""The sandbox host: gives the channels' pure sandboxes a port, a clock, a state file and real deliveries."""
