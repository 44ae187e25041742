"""The nouns: events, characters, settings, verdicts and errors. Everything imports this
room; it imports none."""
