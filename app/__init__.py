"""The Stream: a real-time nervous system for several autonomous characters in the same Discord servers."""
