"""Parts of scripts/check_backups.py."""
