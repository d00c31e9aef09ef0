"""Ordered soft tokens of a photograph, and a rectified flow that paints any prefix of them.

tokenizer.py    encode once, decode any length
networks.py     the three networks and the catalog's line that a config.json makes
encoder.py      latent to ordered tokens
decoder.py      noisy latent and tokens to clean latent
"""
