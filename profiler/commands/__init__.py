"""The command line, one command a file; engines are imported only by workers."""
