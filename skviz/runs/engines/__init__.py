"""What computes the network's graph: PyTorch itself, inductor or OpenVINO."""
