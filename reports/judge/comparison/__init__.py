"""Which targets may stand in one table, and how their figures relate."""
