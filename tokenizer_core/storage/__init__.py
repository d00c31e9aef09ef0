"""Weights and tokens on disk, read whole and checked or not at all; nothing is ever unpickled.

checkpoints.py  a folder of config.json, safetensors and sums
quantize.py     8-bit weights with scales
token_files.py  an encoding as a file
whole.py        files that are written whole or not at all
"""
