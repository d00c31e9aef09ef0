"""The page and the command line: clients of tokenizer_core's public list."""
