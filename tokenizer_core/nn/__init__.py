"""What families share: networks, and the mathematics that runs them.

layers.py        the parts of transformers
masks.py         which keys a query may see: prefixes, causal positions
quantisers.py    numbers to an index into a vocabulary, and back
autoencoder.py   pixels to latent and back
flow.py          rectified flow: all of its maths
flow_decoder.py  the transformer that a flow runs through: noisy latent and tokens to clean latent
sampler.py       noise to latent in steps, with guidance
config.py        sizes of the networks, with a strict JSON form
"""
