"""Vendors' compilers as execution paths, one folder a vendor: for chips that are not on this machine."""
