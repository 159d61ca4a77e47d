"""Results and the tables made of them."""
