"""``torch-cpu``: PyTorch on the CPU, with weights that oneDNN has packed."""
