"""Weights and tokens on disk, read whole and checked or not at all; no code in them is ever run.

checkpoints.py  a folder of config.json, safetensors and sums
quantize.py     8-bit weights with scales
token_files.py  an encoding as a file
hub.py          a file from the Hugging Face hub
foreign.py      weight files of other programs
whole.py        files that are written whole or not at all
"""
