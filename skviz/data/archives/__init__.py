"""Images inside tar and zip files, here or at an address."""
