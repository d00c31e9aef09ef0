"""The device: which one, and in which numbers.

devices.py      find a device, and choose bfloat16 or float32
processes.py    processes of our own functions, from any program
rays.py         Ray, where it is installed and asked for
spread.py       one function over many items: here, in processes, on Ray
faults.py       what went wrong with the machine, and what mends it
fast.py         a network's call recorded as a CUDA graph, or compiled, where that is quicker
"""
