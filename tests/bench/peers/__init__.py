"""Bots as one would write them without The Stream, to compare with."""
