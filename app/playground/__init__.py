"""Everything that runs without the real Discord: the loopback server, and what is shown and replayed with it."""
