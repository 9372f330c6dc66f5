"""What training is made of: the loop, its steps and their schedule, when it stops, checkpoints, what is shown."""
