"""What every room of this floor needs: the family of errors, folders built once, YAML with line numbers."""
