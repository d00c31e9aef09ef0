"""Training: `tokendial train ...`. Rooms of the core never import this package."""
