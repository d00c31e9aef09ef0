"""The device: which one, and in which numbers.

devices.py      find a device, and choose bfloat16 or float32
fast.py         a network's call recorded as a CUDA graph, or compiled, where that is quicker
"""
