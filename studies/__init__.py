"""Scripts that answer one question about the models each; README.md lists them."""
