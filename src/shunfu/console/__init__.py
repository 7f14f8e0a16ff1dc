"""Console: the pages that a shop's staff work with. It reads views and acts only through use-cases."""
