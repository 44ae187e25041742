"""`the-stream why`: what was decided about a message, in words for people."""
