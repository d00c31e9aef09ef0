"""Tokenizers of others with their authors' weights: their networks, their forward, their pre-processing.

Nothing of them is bundled. `tokendial fetch` and `tokendial import` bring weights into the user's own folder,
once, checked and as safetensors; from then on they are names in the catalog like any other.

titok.py        One-D-Piece: ordered and hard; TiTok: unordered and hard
semanticist.py  ordered and soft, with a diffusion decoder
semanticist_networks.py  its encoder and its diffusion transformer
diffusion.py    its schedule and samplers
kl16.py         the autoencoder that it decodes with
alit.py         adaptive and hard: a code a length
alit_networks.py  its encoder, decoder and passes
karl.py         adaptive and hard, in one pass
adaptive.py     sizes and names of these two
transformer.py  the block of all but Semanticist
vqgan.py        MaskGIT's VQGAN
hard.py         what those with hard codes share
common.py       what all of them share
offers.py       which can be fetched
offers.json     from where, how large, of which licence
bring.py        fetch and import
"""

from tokenizer_core.models.published import alit, karl, semanticist, titok

FAMILIES = (titok.ONE_D_PIECE, titok.TITOK, semanticist.FAMILY, alit.FAMILY, karl.FAMILY)
