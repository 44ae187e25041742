"""From a Discord gateway event to one admission per bot: thin, no model, no embedding,
no database but Redis."""
