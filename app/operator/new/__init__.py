"""`the-stream new`: a character file from a description, or from another program's
character."""
