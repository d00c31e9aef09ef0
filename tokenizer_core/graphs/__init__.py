"""Networks as ONNX graphs for runtimes without Python, such as a browser's; the weights stay where they are.

plan.py     what a family wants exported
parts.py    what the families' graphs share
spans.py    where a tensor lies in a safetensors file
export.py   one network as a graph that points into those files
folder.py   a checkpoint's folder `web`: graphs, manifest and sums
"""
