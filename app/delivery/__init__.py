"""From the outbox to Discord, once."""
