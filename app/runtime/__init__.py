"""What every process needs: logs, clocks, back-off, and how tasks end."""
