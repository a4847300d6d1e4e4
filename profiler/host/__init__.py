"""The machine: its memory, its cores, its kernel files."""
