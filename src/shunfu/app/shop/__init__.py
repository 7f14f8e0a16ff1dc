"""The demo shop: a merchant's own server in miniature; it knows Shunfu only by its public HTTP API."""
