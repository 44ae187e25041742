"""What a Discord message holds, in plain words: its parts besides the text, and names
for ids. No socket, no store."""
