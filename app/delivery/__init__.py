"""Discord's REST, and the delivery of committed actions through it."""
