"""A forward pass followed number by number: what an attention multiplies."""
