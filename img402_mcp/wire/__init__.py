"""What travels between the wings and the APIs: models of the field's own names, and no I/O."""
