"""Pages for people: live view, events, commands, login."""
