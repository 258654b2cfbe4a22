"""The paper's figure 3: attention over channels, per unit, and the enlarged images above them."""
