"""Groups of near-identical images: found in one pass over the descriptors, checked by the pictures, kept."""
