"""The device: which one, and in which numbers.

devices.py      find a device, and choose bfloat16 or float32
"""
