"""The one door to Redis: typed calls in, typed verdicts out. Nothing outside this room
knows a Redis command."""
