"""Every tokenizer: one folder a family, and what all of them share.

registry.py     which models are here, by name, and loading one
interface.py    what every tokenizer can do
info.py         what is known of a model before it is loaded
attention.py    where a token looks, and who asks it
prefix_flow/    ordered soft tokens, and a rectified-flow decoder
linear/         principal components, the yardstick beside it
"""
