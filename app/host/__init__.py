"""This machine: child processes and the embedded Valkey."""
