"""Kernel: the words every room shares. Pure, standard library only."""
