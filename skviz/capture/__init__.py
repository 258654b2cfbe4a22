"""The probe, and how each kind of SK network shows its attention."""
