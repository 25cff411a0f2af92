"""Turn texts into vectors whose nearness is nearness of meaning."""
