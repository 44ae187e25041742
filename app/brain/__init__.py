"""What a character perceives, plans and says. Knows no Redis, no Celery and no discord: all of that comes in as ports."""
