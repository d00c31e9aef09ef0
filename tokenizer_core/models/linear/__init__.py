"""`pca`, the linear tokenizer that every curve carries: projections on principal components."""
