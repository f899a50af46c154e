"""The REST API: one router file per concern. Routes read and shape; they compute no number of their own."""
