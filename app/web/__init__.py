"""The control room: a page that shows what the bots decide, as it happens."""
