"""Every tokenizer: one folder a family, and what all of them share.

registry.py     which families and models are here, by name, and loading one
family.py       the object by which a folder makes itself known
interface.py    what every tokenizer can do
info.py         what is known of a model before it is loaded
remembered.py   what is kept of the photos in use
requests.py     what one visitor wants decoded, beside others' in one batch
attention.py    where a token looks, and who asks it
graphs.py       a model's networks as graphs, for a runtime without Python
base.py         the autoencoder of another checkpoint, for models on its latent
prefix_flow/    ordered soft tokens, and a rectified-flow decoder
alit/           adaptive length: hard tokens by recurrent passes, a code a length
grid/           a hard token a cell of the picture, in one of three orders
linear/         principal components, the yardstick beside it
regions/        pieces of the picture, each a place, an outline and a colour
published/      tokenizers of others, with their authors' weights, a file a family

A further family is a further folder: family.py says what it must have.
"""
