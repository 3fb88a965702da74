"""Dense networks: all that is known of them."""
