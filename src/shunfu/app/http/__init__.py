"""The HTTP edge: strict JSON, one authentication, idempotency, problem documents, limits. Business is behind it."""
