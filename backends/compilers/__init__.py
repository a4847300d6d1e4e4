"""Vendor compilers as execution paths: for chips that are not here, by the vendor's own compiler and simulator."""
