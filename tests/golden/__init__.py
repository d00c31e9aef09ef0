"""What the bundled weights give at each hop of docs/walk.md, as numbers to compare with."""
