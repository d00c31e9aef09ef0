"""Data sets of millions of photographs as shards of tokens: written by `tokenize`, read by `open_tokens`.

sources.py      folders, tars, Parquet, Arrow and lists of paths: where each photograph's bytes are
tables.py       Parquet and Arrow files as sources
plan.py         which photographs are in which shard; the manifest; what is done already
layout.py       tokens as whole bytes, token after token, and back
shards.py       one shard as a file, and read again
decoding.py     places to pixels, in this process
pool.py         the same in several processes that share a ring of batches
pinned.py       memory that a GPU reads by itself, until it goes
encoder.py      pixels to packed tokens, a batch at a time, on one device
work.py         the shard function: what every engine runs
settings.py     how it is done, and how far it is
run.py          tokenize: the plan, and who does it
machine.py      one machine: a process a device
cluster.py      many machines: Ray
reading.py      a folder of shards as a sequence and as a PyTorch data set
"""
