"""The machine a run is made on: its memory, its cores, its kernel files."""
