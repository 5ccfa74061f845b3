"""`scripts/document`: writes the documents that are generated from the source."""
