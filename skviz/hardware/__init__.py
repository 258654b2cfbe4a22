"""What the machine has: devices, and how memory is given back."""
