"""What an operator does: brakes, the vault, people's memories."""
