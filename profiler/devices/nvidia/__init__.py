"""NVIDIA boards, through NVML."""
