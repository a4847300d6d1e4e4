"""Speed beside peers: ``make bench``. Nothing here is a test, and nothing here is collected by pytest."""
