"""A document's local images are uploaded, and the document names their URLs."""
