"""The commands for people, one module per digits COMMAND."""
