"""What a character perceives, plans and says. Knows no Redis, Celery or discord: all of
that comes in as ports."""
