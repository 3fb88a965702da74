"""Any function and its gradient."""
