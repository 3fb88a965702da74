"""Claims compared with the truth, and how that came out."""
