"""What chipassay needs to know about the Abacus A1, an accelerator that does not exist."""
