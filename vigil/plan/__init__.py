"""What switching on will cost and bring: a rehearsal on a sample, and what follows from it."""
