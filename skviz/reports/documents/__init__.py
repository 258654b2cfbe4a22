"""What makes documents: a run, single images, a suite of controls."""
