"""What networks gave when they were right, as numbers to compare with: of the bundled weights at each hop of
docs/walk.md, and of tiny drawn networks of the published families."""
