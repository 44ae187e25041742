"""Pure decisions: no I/O, no clock, no chance. Each returns a decision that carries its
reason."""
