"""Everything a run writes down: quantities, records, the bundle, and their JSON Schemas."""
