"""The demonstration: the whole system around a loopback Discord, and its page."""
