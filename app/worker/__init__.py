"""A worker process: a cycle's ports on the store, its chores, and the bots that it
serves."""
