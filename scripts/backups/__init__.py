"""What scripts/check_backups.py is made of."""
