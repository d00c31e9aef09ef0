"""Weights on disk, read whole and checked or not at all; nothing is ever unpickled.

checkpoints.py  a folder of config.json, safetensors and sums
quantize.py     8-bit weights with scales
"""
