"""What starts work when data arrives or goes missing."""
