"""The sections of a network's page, by what they show; each is left out where the network has nothing for it."""
